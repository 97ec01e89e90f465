//! Patches: rectangular parts of images.

use super::BLOCK;
use crate::team;

/// A rectangle of pixels; it may reach beyond the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// First row.
    pub top: isize,
    /// First column.
    pub left: isize,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
}

impl Rect {
    /// The columns of `self`, counted from its own left edge, that lie in `0..width` of an image or rectangle that begins
    /// at column `left`, and the first of them there.
    fn columns_in(&self, left: isize, width: usize) -> (std::ops::Range<usize>, usize) {
        let start = self.left.max(left);
        let end = (self.left + self.width as isize).min(left + width as isize);
        if end <= start {
            return (0..0, 0);
        }
        ((start - self.left) as usize..(end - self.left) as usize, (start - left) as usize)
    }

    /// Row `row` of `self` in an image or rectangle of `height` rows that begins at row `top`.
    fn row_in(&self, row: usize, top: isize, height: usize) -> Option<usize> {
        usize::try_from(self.top + row as isize - top).ok().filter(|&row| row < height)
    }
}

/// Cuts `window` out of every image, each of which is `base` (`[blocks, H, W, 16]`) with the pixels of `changed` replaced by
/// those of `patches` (`[N, blocks, height, width, 16]`); one window and one changed rectangle for each image. All windows
/// are of one size, and so are all changed rectangles. What lies outside the image becomes `outside`.
///
/// `out` is `[N, blocks, height, width, 16]` of the windows.
///
/// # Panics
/// When the sizes do not fit.
pub fn cut(
    base: &[f32],
    (height, width): (usize, usize),
    (changed, patches): (&[Rect], &[f32]),
    windows: &[Rect],
    outside: f32,
    out: &mut [f32],
) {
    let plane = height * width * BLOCK;
    let (Some(patch), Some(window)) = (changed.first(), windows.first()) else { return };
    let (patch_len, window_len) = (patch.height * patch.width * BLOCK, window.height * window.width * BLOCK);
    if plane == 0 || window_len == 0 {
        return;
    }
    let blocks = base.len() / plane;
    assert!(base.len() == blocks * plane && windows.len() == changed.len(), "one window for each image");
    assert!(patches.len() == changed.len() * blocks * patch_len, "patches do not fit");
    assert_eq!(out.len(), windows.len() * blocks * window_len, "windows do not fit");
    team::each_chunk(out, window_len, 1, |index, out| {
        let (image, block) = (index / blocks, index % blocks);
        let (window, changed) = (&windows[image], &changed[image]);
        let base = &base[block * plane..][..plane];
        let patch = &patches[index * patch_len..][..patch_len];
        let (inside, first) = window.columns_in(0, width);
        let (covered, patch_first) = window.columns_in(changed.left, changed.width);
        for (row, out) in out.chunks_exact_mut(window.width * BLOCK).enumerate() {
            match window.row_in(row, 0, height) {
                Some(y) => {
                    out[..inside.start * BLOCK].fill(outside);
                    out[inside.end * BLOCK..].fill(outside);
                    let from = &base[(y * width + first) * BLOCK..][..inside.len() * BLOCK];
                    out[inside.start * BLOCK..inside.end * BLOCK].copy_from_slice(from);
                }
                None => out.fill(outside),
            }
            if let Some(y) = window.row_in(row, changed.top, changed.height) {
                let from = &patch[(y * changed.width + patch_first) * BLOCK..][..covered.len() * BLOCK];
                out[covered.start * BLOCK..covered.end * BLOCK].copy_from_slice(from);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Rect, cut};

    #[test]
    fn windows_show_base_patch_and_outside() {
        let (height, width, blocks) = (5, 7, 2);
        let base: Vec<f32> = (0..blocks * height * width * BLOCK).map(|i| i as f32).collect();
        let changed = [Rect { top: 1, left: 2, height: 2, width: 3 }, Rect { top: 3, left: 4, height: 2, width: 3 }];
        let patches: Vec<f32> = (0..2 * blocks * 6 * BLOCK).map(|i| -1.0 - i as f32).collect();
        for (top, left) in [(0, 0), (-2, -3), (2, 3), (4, 6), (-9, 0), (0, 20)] {
            let windows =
                [Rect { top, left, height: 4, width: 5 }, Rect { top: top - 1, left: left + 1, height: 4, width: 5 }];
            let mut out = vec![f32::NAN; 2 * blocks * 20 * BLOCK];
            cut(&base, (height, width), (&changed, &patches), &windows, 0.5, &mut out);
            for (index, &value) in out.iter().enumerate() {
                let (lane, pixel) = (index % BLOCK, index / BLOCK);
                let (x, y, block, image) = (pixel % 5, pixel / 5 % 4, pixel / 20 % blocks, pixel / 20 / blocks);
                let (y, x) = (windows[image].top + y as isize, windows[image].left + x as isize);
                let patch = &changed[image];
                let (py, px) = (y - patch.top, x - patch.left);
                let expected = if y < 0 || x < 0 || y >= height as isize || x >= width as isize {
                    0.5
                } else if (0..2).contains(&py) && (0..3).contains(&px) {
                    patches[(((image * blocks + block) * 2 + py as usize) * 3 + px as usize) * BLOCK + lane]
                } else {
                    base[((block * height + y as usize) * width + x as usize) * BLOCK + lane]
                };
                assert_eq!(value, expected, "{image} {block} {y} {x}");
            }
        }
    }
}
