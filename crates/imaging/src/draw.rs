//! A canvas with the few shapes that figures and masks need.

use eyebar_tensor::Tensor;
use image::{Rgb, RgbImage};

use crate::overlay::mix;
use crate::polygon::coverage;
use crate::rect::Rect;
use crate::text::{Align, TextStyle, layout};

/// A colour: red, green, blue.
pub type Colour = [u8; 3];

/// A picture to draw on. Everything is clipped to it; (0, 0) is the outer corner of the upper left pixel.
#[derive(Debug, Clone)]
pub struct Canvas {
    image: RgbImage,
}

impl From<RgbImage> for Canvas {
    fn from(image: RgbImage) -> Self {
        Self { image }
    }
}

impl Canvas {
    /// A canvas of one colour.
    pub fn new(width: u32, height: u32, colour: Colour) -> Self {
        Self { image: RgbImage::from_pixel(width, height, Rgb(colour)) }
    }

    /// What has been drawn.
    pub fn image(&self) -> &RgbImage {
        &self.image
    }

    /// What has been drawn, leaving the canvas behind.
    pub fn into_image(self) -> RgbImage {
        self.image
    }

    /// Fills `rect`.
    pub fn fill_rect(&mut self, rect: Rect, colour: Colour) {
        let (x0, y0, x1, y1) = rect.clip(self.image.width(), self.image.height());
        for y in y0..y1 {
            for x in x0..x1 {
                self.image.put_pixel(x, y, Rgb(colour));
            }
        }
    }

    /// A frame of `thickness` pixels just inside `rect`.
    pub fn outline(&mut self, rect: Rect, thickness: u32, colour: Colour) {
        let Rect { x, y, width, height } = rect;
        let (across, down) = (thickness.min(width), thickness.min(height));
        self.fill_rect(Rect::new(x, y, width, down), colour);
        self.fill_rect(Rect::new(x, y.saturating_add_unsigned(height - down), width, down), colour);
        self.fill_rect(Rect::new(x, y, across, height), colour);
        self.fill_rect(Rect::new(x.saturating_add_unsigned(width - across), y, across, height), colour);
    }

    /// A straight line of `thickness` pixels, antialiased.
    pub fn line(&mut self, from: (f32, f32), to: (f32, f32), thickness: f32, colour: Colour) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        if length > 0.0 {
            let (nx, ny) = (-dy / length * thickness / 2.0, dx / length * thickness / 2.0);
            let corners = [
                (from.0 + nx, from.1 + ny),
                (to.0 + nx, to.1 + ny),
                (to.0 - nx, to.1 - ny),
                (from.0 - nx, from.1 - ny),
            ];
            self.polygon(&corners, colour);
        }
    }

    /// A filled convex (or otherwise simple) polygon, antialiased.
    pub fn polygon(&mut self, points: &[(f32, f32)], colour: Colour) {
        let Some(covered) = coverage(points, self.image.width(), self.image.height()) else { return };
        for (index, &value) in covered.values.iter().enumerate() {
            let (x, y) = (covered.x + index as u32 % covered.width, covered.y + index as u32 / covered.width);
            self.blend(i64::from(x), i64::from(y), colour, value);
        }
    }

    /// Copies `picture` with its upper left corner at `(x, y)`.
    pub fn paste(&mut self, picture: &RgbImage, x: i32, y: i32) {
        image::imageops::replace(&mut self.image, picture, x.into(), y.into());
    }

    /// One line of text; `x` is its left end, middle or right end as `align` says, `y` the top of the line box
    /// ([`TextStyle::line_height`] high).
    pub fn text(&mut self, text: &str, x: f32, y: f32, style: &TextStyle, align: Align) {
        let start = match align {
            Align::Left => x,
            Align::Centre => x - style.width(text) / 2.0,
            Align::Right => x - style.width(text),
        };
        layout(text, start, y, style, |px, py, value| self.blend(px, py, style.colour, value));
    }

    fn blend(&mut self, x: i64, y: i64, colour: Colour, alpha: f32) {
        let inside =
            (0..i64::from(self.image.width())).contains(&x) && (0..i64::from(self.image.height())).contains(&y);
        if inside && alpha > 0.0 {
            let pixel = self.image.get_pixel_mut(x as u32, y as u32);
            *pixel = Rgb(mix(pixel.0, colour, alpha.min(1.0)));
        }
    }
}

/// The share of each pixel inside `rect` that a simple polygon covers: a mask `[rect.height, rect.width]` of 0..1. Both
/// are in the coordinates of one picture, so that a large one can be gone through part by part.
pub fn polygon_mask(points: &[(f32, f32)], rect: Rect) -> Tensor {
    let mut mask = Tensor::zeros(&[rect.height as usize, rect.width as usize]);
    let points: Vec<_> = points.iter().map(|&(x, y)| (x - rect.x as f32, y - rect.y as f32)).collect();
    if let Some(covered) = coverage(&points, rect.width, rect.height) {
        for (row, values) in covered.values.chunks_exact(covered.width as usize).enumerate() {
            let start = (covered.y as usize + row) * rect.width as usize + covered.x as usize;
            mask.data_mut()[start..start + values.len()].copy_from_slice(values);
        }
    }
    mask
}
