//! Rectangles of whole pixels.

/// A rectangle of whole pixels; it may reach beyond the picture, which clips it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: i32,
    /// Upper edge.
    pub y: i32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl Rect {
    /// The rectangle with its upper left corner at `(x, y)`.
    pub const fn new(x: i32, y: i32, width: u32, height: u32) -> Self {
        Self { x, y, width, height }
    }

    /// The part inside a picture of `width` × `height`, as `(x0, y0, x1, y1)` with exclusive ends; empty parts have
    /// equal ends.
    pub fn clip(&self, width: u32, height: u32) -> (u32, u32, u32, u32) {
        let clip = |start: i32, length: u32, size: u32| {
            let from = i64::from(start).clamp(0, i64::from(size));
            let to = (i64::from(start) + i64::from(length)).clamp(from, i64::from(size));
            (from as u32, to as u32)
        };
        let (x0, x1) = clip(self.x, self.width, width);
        let (y0, y1) = clip(self.y, self.height, height);
        (x0, y0, x1, y1)
    }
}
