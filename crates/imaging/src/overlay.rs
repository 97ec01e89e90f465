//! Laying a map over a photograph.

use eyebar_tensor::Tensor;
use image::{Rgb, RgbImage};

use crate::colormap::Colormap;
use crate::resize::resize_map;

/// The usual opacity of a map over a photograph.
pub const DEFAULT_ALPHA: f32 = 0.4;

/// How raw values become 0..1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// 0 stays 0, the maximum becomes 1, negative values become 0 (Grad-CAM).
    #[default]
    Max,
    /// The minimum becomes 0, the maximum 1; a constant map becomes 0.
    MinMax,
    /// 0 becomes 0.5, the largest magnitude 0 or 1 (for [`Colormap::Diverging`]).
    Symmetric,
}

/// `map` scaled to 0..1. A map without any contrast stays without: all 0 (all 0.5 for [`Scale::Symmetric`]). Values
/// that are not finite count as 0 (as the minimum for [`Scale::MinMax`]).
pub fn normalise(map: &Tensor, scale: Scale) -> Tensor {
    let finite = || map.data().iter().copied().filter(|value| value.is_finite());
    let max = finite().fold(f32::NEG_INFINITY, f32::max);
    let min = finite().fold(f32::INFINITY, f32::min);
    // In f64 the range of two large values cannot overflow.
    let (low, range, floor) = match scale {
        Scale::Max => (0.0, f64::from(max), 0.0),
        Scale::MinMax => (f64::from(min), f64::from(max) - f64::from(min), 0.0),
        Scale::Symmetric => {
            let magnitude = f64::from(max.max(-min));
            (-magnitude, 2.0 * magnitude, 0.5)
        }
    };
    map.map(|&value| {
        if !(value.is_finite() && range > 0.0) {
            return floor;
        }
        ((f64::from(value) - low) / range).clamp(0.0, 1.0) as f32
    })
}

/// A normalised map `[H, W]` as a picture of W × H pixels.
///
/// # Panics
/// When `map` is not two-dimensional.
pub fn colourise(map: &Tensor, colormap: Colormap) -> RgbImage {
    let &[height, width] = map.shape() else { panic!("a map is [H, W], not {:?}", map.shape()) };
    let pixels = map.data().iter().flat_map(|&value| colormap.colour(value)).collect();
    RgbImage::from_raw(width as u32, height as u32, pixels).expect("three bytes a value")
}

/// `photo` with a normalised map `[H, W]` over it: up-sampled bilinearly to the photo, coloured, and blended with
/// opacity `alpha` (0..1, see [`DEFAULT_ALPHA`]).
///
/// Normalise the map at its own resolution: interpolation lowers peaks, and a map that is scaled after it no longer has
/// the colours that a colour bar up to its maximum promises.
///
/// # Panics
/// When `map` is not two-dimensional.
pub fn overlay(photo: &RgbImage, map: &Tensor, colormap: Colormap, alpha: f32) -> RgbImage {
    let large = resize_map(map, photo.height() as usize, photo.width() as usize);
    let alpha = alpha.clamp(0.0, 1.0);
    let mut out = photo.clone();
    for (pixel, &value) in out.pixels_mut().zip(large.data()) {
        *pixel = Rgb(mix(pixel.0, colormap.colour(value), alpha));
    }
    out
}

/// `(1 − alpha)·under + alpha·over`, rounded.
pub(crate) fn mix(under: [u8; 3], over: [u8; 3], alpha: f32) -> [u8; 3] {
    std::array::from_fn(|c| (f32::from(under[c]) * (1.0 - alpha) + f32::from(over[c]) * alpha + 0.5) as u8)
}
