//! Gaussian blur.

use image::RgbImage;
use rayon::prelude::*;

use crate::rect::Rect;

/// Where the kernel is cut off, in units of σ.
const TRUNCATE: f32 = 4.0;

/// `image` blurred with a Gaussian of standard deviation `sigma` pixels (cut at 4 σ, edge pixels repeated beyond the
/// border: `skimage.filters.gaussian`). A `sigma` of zero or less, or not finite, changes nothing.
pub fn gaussian(image: &RgbImage, sigma: f32) -> RgbImage {
    gaussian_region(image, sigma, Rect::new(0, 0, image.width(), image.height()))
}

/// Only the part of `image` inside `rect` (clipped), blurred as in [`gaussian`]: what lies around `rect` flows in.
pub fn gaussian_region(image: &RgbImage, sigma: f32, rect: Rect) -> RgbImage {
    let (x0, y0, x1, y1) = rect.clip(image.width(), image.height());
    let mut out = RgbImage::new(x1 - x0, y1 - y0);
    if out.is_empty() {
        return out;
    }
    let kernel = kernel(sigma, image.width().max(image.height()));
    let radius = kernel.len() / 2;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (x0, y0, columns) = (x0 as usize, y0 as usize, (x1 - x0) as usize);
    let (first, last) = (x0.saturating_sub(radius), (x0 + columns + radius).min(width));

    // Each row of the result: first down the columns that it needs, then along that one row.
    out.as_mut().par_chunks_exact_mut(3 * columns).enumerate().for_each(|(row, target)| {
        let mut column_sums = vec![0f32; 3 * (last - first)];
        for (tap, &weight) in kernel.iter().enumerate() {
            let y = (y0 + row + tap).saturating_sub(radius).min(height - 1);
            let line = &image.as_raw()[3 * (y * width + first)..3 * (y * width + last)];
            for (sum, &value) in column_sums.iter_mut().zip(line) {
                *sum += weight * f32::from(value);
            }
        }
        let mut padded = Vec::with_capacity(3 * (columns + 2 * radius));
        for x in 0..columns + 2 * radius {
            let x = (x0 + x).saturating_sub(radius).min(width - 1) - first;
            padded.extend_from_slice(&column_sums[3 * x..3 * x + 3]);
        }
        let mut sums = vec![0f32; 3 * columns];
        for (tap, &weight) in kernel.iter().enumerate() {
            for (sum, &value) in sums.iter_mut().zip(&padded[3 * tap..]) {
                *sum += weight * value;
            }
        }
        for (pixel, sum) in target.iter_mut().zip(sums) {
            *pixel = (sum + 0.5) as u8;
        }
    });
    out
}

/// The normalised kernel. Beyond a few picture widths a larger σ changes nothing but the cost.
fn kernel(sigma: f32, side: u32) -> Vec<f32> {
    if !(sigma > 0.0 && sigma.is_finite()) {
        return vec![1.0];
    }
    let sigma = sigma.min(2.0 * side as f32);
    let radius = (TRUNCATE * sigma + 0.5) as i64;
    let weights: Vec<f64> = (-radius..=radius).map(|x| (-0.5 * (x as f64 / f64::from(sigma)).powi(2)).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / total) as f32).collect()
}
