//! Structural similarity of two pictures.

use image::RgbImage;
use rayon::prelude::*;

use crate::error::ImageError;

/// Radius of the 11 × 11 window.
const RADIUS: usize = 5;
const WINDOW: usize = 2 * RADIUS + 1;
const SIGMA: f64 = 1.5;
/// Rows of windows that are worked on at a time: the grey values of a band, and no more, are held.
const BAND: usize = 64;

/// Mean structural similarity of the grey (Rec. 601) versions of two pictures of the same size, in −1..1; 1 means
/// equal (Wang, Bovik, Sheikh, Simoncelli 2004, *Image Quality Assessment*: 11 × 11 Gaussian window with σ 1.5,
/// K₁ 0.01, K₂ 0.03, L 255, population covariance, windows that lie inside the picture). Memory grows with the width
/// only.
///
/// # Errors
/// When the sizes differ or a side is shorter than 11 pixels.
pub fn ssim(a: &RgbImage, b: &RgbImage) -> Result<f64, ImageError> {
    let (width, height) = (a.width() as usize, a.height() as usize);
    if a.dimensions() != b.dimensions() || width.min(height) < WINDOW {
        return Err(ImageError::NotComparable { left: a.dimensions(), right: b.dimensions() });
    }
    let (columns, rows) = (width - 2 * RADIUS, height - 2 * RADIUS);
    let kernel = kernel();
    let sums: Vec<f64> = (0..rows.div_ceil(BAND))
        .into_par_iter()
        .map(|band| {
            let windows = band * BAND..((band + 1) * BAND).min(rows);
            let (x, y) = (grey(a, &windows, width), grey(b, &windows, width));
            let mut sums = Sums::new(width);
            (0..windows.len()).map(|row| sums.row(&x[row * width..], &y[row * width..], &kernel)).sum()
        })
        .collect();
    Ok(sums.iter().sum::<f64>() / (columns * rows) as f64)
}

fn kernel() -> [f64; WINDOW] {
    let weights: [f64; WINDOW] = std::array::from_fn(|i| (-0.5 * ((i as f64 - RADIUS as f64) / SIGMA).powi(2)).exp());
    let total: f64 = weights.iter().sum();
    weights.map(|weight| weight / total)
}

/// Grey values of the picture's rows that the rows `windows` of windows look at.
fn grey(image: &RgbImage, windows: &std::ops::Range<usize>, width: usize) -> Vec<f64> {
    let bytes = &image.as_raw()[3 * width * windows.start..3 * width * (windows.end + 2 * RADIUS)];
    let luma = |p: &[u8]| 0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2]);
    bytes.chunks_exact(3).map(luma).collect()
}

/// Weighted sums of x, y, x², y² and xy over the windows of one row: down the columns, then along them.
struct Sums {
    down: [Vec<f64>; 5],
    means: [Vec<f64>; 5],
}

impl Sums {
    fn new(width: usize) -> Self {
        let zeros = |len: usize| std::array::from_fn(|_| vec![0.0; len]);
        Self { down: zeros(width), means: zeros(width - 2 * RADIUS) }
    }

    /// The sum of the similarities of a row of windows; `x` and `y` begin with its upper row of pixels.
    fn row(&mut self, x: &[f64], y: &[f64], kernel: &[f64; WINDOW]) -> f64 {
        let width = self.down[0].len();
        self.down.iter_mut().for_each(|sums| sums.fill(0.0));
        let [sx, sy, sxx, syy, sxy] = &mut self.down;
        for (tap, &weight) in kernel.iter().enumerate() {
            let row = tap * width..(tap + 1) * width;
            let (x, y) = (&x[row.clone()], &y[row]);
            let sums = sx.iter_mut().zip(sy.iter_mut()).zip(sxx.iter_mut()).zip(syy.iter_mut()).zip(sxy.iter_mut());
            for (((((sx, sy), sxx), syy), sxy), (&x, &y)) in sums.zip(x.iter().zip(y)) {
                *sx += weight * x;
                *sy += weight * y;
                *sxx += weight * (x * x);
                *syy += weight * (y * y);
                *sxy += weight * (x * y);
            }
        }
        for (means, down) in self.means.iter_mut().zip(&self.down) {
            means.fill(0.0);
            for (tap, weight) in kernel.iter().enumerate() {
                means.iter_mut().zip(&down[tap..]).for_each(|(mean, value)| *mean += weight * value);
            }
        }
        let [mx, my, mxx, myy, mxy] = &self.means;
        let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
        (0..mx.len())
            .map(|i| {
                let (ux, uy) = (mx[i], my[i]);
                let (vx, vy, vxy) = (mxx[i] - ux * ux, myy[i] - uy * uy, mxy[i] - ux * uy);
                (2.0 * ux * uy + c1) * (2.0 * vxy + c2) / ((ux * ux + uy * uy + c1) * (vx + vy + c2))
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::{BAND, RADIUS, SIGMA, WINDOW, ssim};

    /// The definition, window by window.
    fn naive(a: &RgbImage, b: &RgbImage) -> f64 {
        let grey = |image: &RgbImage, x: usize, y: usize| {
            let [r, g, b] = image.get_pixel(x as u32, y as u32).0.map(f64::from);
            0.299 * r + 0.587 * g + 0.114 * b
        };
        let gauss = |at: usize| (-0.5 * ((at as f64 - RADIUS as f64) / SIGMA).powi(2)).exp();
        let weight = (0..WINDOW * WINDOW).map(|at| gauss(at / WINDOW) * gauss(at % WINDOW)).sum::<f64>();
        let (columns, rows) = (a.width() as usize - 2 * RADIUS, a.height() as usize - 2 * RADIUS);
        let mut total = 0.0;
        for at in 0..columns * rows {
            let (left, top) = (at % columns, at / columns);
            let mean = |value: &dyn Fn(usize, usize) -> f64| {
                let tap = |at: usize| {
                    let (dx, dy) = (at % WINDOW, at / WINDOW);
                    gauss(dx) * gauss(dy) / weight * value(left + dx, top + dy)
                };
                (0..WINDOW * WINDOW).map(tap).sum::<f64>()
            };
            let (x, y) = (|u, v| grey(a, u, v), |u, v| grey(b, u, v));
            let (mx, my) = (mean(&x), mean(&y));
            let vx = mean(&|u, v| (x(u, v) - mx).powi(2));
            let vy = mean(&|u, v| (y(u, v) - my).powi(2));
            let vxy = mean(&|u, v| (x(u, v) - mx) * (y(u, v) - my));
            let (c1, c2) = (2.55f64.powi(2), 7.65f64.powi(2));
            total += (2.0 * mx * my + c1) * (2.0 * vxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2));
        }
        total / (columns * rows) as f64
    }

    fn picture(width: u32, height: u32, seed: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let noise = (x * 7919 + y * 104_729 + seed * 31).wrapping_mul(2_654_435_761) >> 24;
            Rgb([(x * 3 % 256) as u8, noise as u8, ((x + y) * seed % 256) as u8])
        })
    }

    #[test]
    fn bands_make_no_difference() {
        let band = BAND as u32;
        for (width, height) in [(11, 11), (40, 11), (11, 40), (23, band + 10), (17, band + 11), (13, 2 * band + 37)] {
            let (a, b) = (picture(width, height, 1), picture(width, height, 2));
            let (found, expected) = (ssim(&a, &b).unwrap(), naive(&a, &b));
            assert!((found - expected).abs() < 1e-9, "{width} × {height}: {found} for {expected}");
            assert!((ssim(&a, &a).unwrap() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn threads_make_no_difference() {
        let (a, b) = (picture(90, 500, 3), picture(90, 500, 4));
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| ssim(&a, &b)).unwrap().to_bits()
        };
        assert_eq!(on(1), on(3));
    }
}
