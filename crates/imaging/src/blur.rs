//! Gaussian blur and pixelation.

use image::{Rgb, RgbImage};
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

/// Replaces the part of `image` inside `rect` by square cells of their mean colour, `cells` of them across its width
/// (at least one; never smaller than a pixel).
pub fn pixelate(image: &mut RgbImage, rect: Rect, cells: u32) {
    let (x0, y0, x1, y1) = rect.clip(image.width(), image.height());
    let size = (rect.width as f32 / cells.max(1) as f32).max(1.0);
    let edges = |start: i32, from: u32, to: u32| {
        let mut edges = vec![from];
        let steps = ((f64::from(to) - f64::from(start)) / f64::from(size)).ceil().max(0.0) as u32;
        edges.extend((1..steps).map(|step| (start as f32 + step as f32 * size).round() as u32));
        edges.retain(|&edge| (from..to).contains(&edge));
        edges.push(to);
        edges
    };
    let (xs, ys) = (edges(rect.x, x0, x1), edges(rect.y, y0, y1));
    for vertical in ys.windows(2) {
        for across in xs.windows(2) {
            fill_with_mean(image, across[0]..across[1], vertical[0]..vertical[1]);
        }
    }
}

fn fill_with_mean(image: &mut RgbImage, xs: std::ops::Range<u32>, ys: std::ops::Range<u32>) {
    let count = u64::from(xs.end.saturating_sub(xs.start)) * u64::from(ys.end.saturating_sub(ys.start));
    if count == 0 {
        return;
    }
    let mut sums = [0u64; 3];
    for y in ys.clone() {
        for x in xs.clone() {
            for (sum, value) in sums.iter_mut().zip(image.get_pixel(x, y).0) {
                *sum += u64::from(value);
            }
        }
    }
    let mean = Rgb(sums.map(|sum| ((sum + count / 2) / count) as u8));
    for y in ys {
        for x in xs.clone() {
            image.put_pixel(x, y, mean);
        }
    }
}
