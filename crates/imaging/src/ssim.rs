//! Structural similarity of two pictures.

use image::RgbImage;

use crate::error::ImageError;

/// Radius of the 11 × 11 window.
const RADIUS: usize = 5;
const SIGMA: f64 = 1.5;

/// Mean structural similarity of the grey (Rec. 601) versions of two pictures of the same size, in −1..1; 1 means
/// equal (Wang, Bovik, Sheikh, Simoncelli 2004, *Image Quality Assessment*: 11 × 11 Gaussian window with σ 1.5,
/// K₁ 0.01, K₂ 0.03, L 255, population covariance, windows that lie inside the picture).
///
/// # Errors
/// When the sizes differ or a side is shorter than 11 pixels.
pub fn ssim(a: &RgbImage, b: &RgbImage) -> Result<f64, ImageError> {
    let (width, height) = (a.width() as usize, a.height() as usize);
    if a.dimensions() != b.dimensions() || width.min(height) <= 2 * RADIUS {
        return Err(ImageError::NotComparable { left: a.dimensions(), right: b.dimensions() });
    }
    let (x, y) = (grey(a), grey(b));
    let product = |p: &[f64], q: &[f64]| p.iter().zip(q).map(|(p, q)| p * q).collect::<Vec<_>>();
    let mean = |values: &[f64]| window_mean(values, width, height);
    let (mx, my) = (mean(&x), mean(&y));
    let (mxx, myy, mxy) = (mean(&product(&x, &x)), mean(&product(&y, &y)), mean(&product(&x, &y)));
    let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
    let total: f64 = (0..mx.len())
        .map(|i| {
            let (ux, uy) = (mx[i], my[i]);
            let (vx, vy, vxy) = (mxx[i] - ux * ux, myy[i] - uy * uy, mxy[i] - ux * uy);
            (2.0 * ux * uy + c1) * (2.0 * vxy + c2) / ((ux * ux + uy * uy + c1) * (vx + vy + c2))
        })
        .sum();
    Ok(total / mx.len() as f64)
}

fn grey(image: &RgbImage) -> Vec<f64> {
    let luma = |[r, g, b]: [u8; 3]| 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
    image.pixels().map(|pixel| luma(pixel.0)).collect()
}

/// Gaussian means over the windows inside the picture: `(height − 10) × (width − 10)` values.
fn window_mean(values: &[f64], width: usize, height: usize) -> Vec<f64> {
    let mut kernel: Vec<f64> =
        (0..=2 * RADIUS).map(|i| (-0.5 * ((i as f64 - RADIUS as f64) / SIGMA).powi(2)).exp()).collect();
    let total: f64 = kernel.iter().sum();
    kernel.iter_mut().for_each(|weight| *weight /= total);
    let columns = width - 2 * RADIUS;

    let mut out = Vec::with_capacity(columns * (height - 2 * RADIUS));
    let mut line = vec![0.0; width];
    for row in 0..height - 2 * RADIUS {
        line.fill(0.0);
        for (tap, weight) in kernel.iter().enumerate() {
            let source = &values[(row + tap) * width..(row + tap + 1) * width];
            line.iter_mut().zip(source).for_each(|(sum, value)| *sum += weight * value);
        }
        out.extend(line.windows(kernel.len()).map(|w| w.iter().zip(&kernel).map(|(a, b)| a * b).sum::<f64>()));
    }
    out
}
