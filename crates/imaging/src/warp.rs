//! Affine transforms of the plane and of pictures.

use image::RgbImage;
use rayon::prelude::*;

/// A 2 × 3 matrix: `(x, y) ↦ (a·x + b·y + c, d·x + e·y + f)` for `[[a, b, c], [d, e, f]]`. Pixel centres lie at
/// integer coordinates, as in OpenCV.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine(pub [[f64; 3]; 2]);

impl Affine {
    /// Moves nothing.
    pub const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);

    /// Where `(x, y)` goes.
    pub fn apply(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let [[a, b, c], [d, e, f]] = self.0;
        (a * x + b * y + c, d * x + e * y + f)
    }

    /// The transform that undoes this one; `None` when it flattens the plane.
    pub fn inverse(&self) -> Option<Self> {
        let [[a, b, c], [d, e, f]] = self.0;
        let determinant = a * e - b * d;
        if !determinant.is_normal() {
            return None;
        }
        let (ia, ib, id, ie) = (e / determinant, -b / determinant, -d / determinant, a / determinant);
        let inverse = Self([[ia, ib, -(ia * c + ib * f)], [id, ie, -(id * c + ie * f)]]);
        inverse.0.as_flattened().iter().all(|v| v.is_finite()).then_some(inverse)
    }

    /// First `self`, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        let [[a, b, c], [d, e, f]] = self.0;
        let row = |[p, q, r]: [f64; 3]| [p * a + q * d, p * b + q * e, p * c + q * f + r];
        Self(next.0.map(row))
    }

    /// The rotation, uniform scale and shift that take `src` to `dst` with the least sum of squares (Umeyama 1991,
    /// *Least-squares estimation of transformation parameters between two point patterns*; no reflection).
    ///
    /// `None` when there are fewer than two pairs, the lists differ in length, or the points do not determine it
    /// (all the same, or not finite).
    pub fn similarity(src: &[(f64, f64)], dst: &[(f64, f64)]) -> Option<Self> {
        if src.len() != dst.len() || src.len() < 2 {
            return None;
        }
        let n = src.len() as f64;
        let mean = |points: &[(f64, f64)]| {
            let (x, y) = points.iter().fold((0.0, 0.0), |(sx, sy), (x, y)| (sx + x, sy + y));
            (x / n, y / n)
        };
        let ((mx, my), (nx, ny)) = (mean(src), mean(dst));
        // In the plane Umeyama's solution is a division of complex numbers: Σ conj(s)·d / Σ |s|².
        let (mut real, mut imaginary, mut spread) = (0.0, 0.0, 0.0);
        for (&(sx, sy), &(dx, dy)) in src.iter().zip(dst) {
            let (sx, sy, dx, dy) = (sx - mx, sy - my, dx - nx, dy - ny);
            real += sx * dx + sy * dy;
            imaginary += sx * dy - sy * dx;
            spread += sx * sx + sy * sy;
        }
        let (cos, sin) = (real / spread, imaginary / spread);
        let found = Self([[cos, -sin, nx - cos * mx + sin * my], [sin, cos, ny - sin * mx - cos * my]]);
        found.inverse().map(|_| found)
    }
}

/// The picture of `width` × `height` that `transform` (from `image` to the result) makes of `image`: bilinear, black
/// outside, as `cv2.warpAffine` with its defaults. A transform that cannot be inverted gives a black picture.
pub fn warp_affine(image: &RgbImage, transform: &Affine, width: u32, height: u32) -> RgbImage {
    let mut out = RgbImage::new(width, height);
    let Some(inverse) = transform.inverse() else { return out };
    if width == 0 || image.width() == 0 || image.height() == 0 {
        return out;
    }
    let sampler = Sampler { pixels: image.as_raw(), width: image.width().into(), height: image.height().into() };
    out.as_mut().par_chunks_exact_mut(3 * width as usize).enumerate().for_each(|(y, row)| {
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let (sx, sy) = inverse.apply((x as f64, y as f64));
            pixel.copy_from_slice(&sampler.at(sx, sy));
        }
    });
    out
}

struct Sampler<'a> {
    pixels: &'a [u8],
    width: i64,
    height: i64,
}

impl Sampler<'_> {
    fn at(&self, x: f64, y: f64) -> [u8; 3] {
        if !(x > -1.0 && y > -1.0 && x < self.width as f64 && y < self.height as f64) {
            return [0; 3];
        }
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = ((x - left) as f32, (y - top) as f32);
        let mut sum = [0f32; 3];
        for (dx, dy, weight) in
            [(0, 0, (1.0 - fx) * (1.0 - fy)), (1, 0, fx * (1.0 - fy)), (0, 1, (1.0 - fx) * fy), (1, 1, fx * fy)]
        {
            let (px, py) = (left as i64 + dx, top as i64 + dy);
            if (0..self.width).contains(&px) && (0..self.height).contains(&py) {
                let at = 3 * (py * self.width + px) as usize;
                for (total, &value) in sum.iter_mut().zip(&self.pixels[at..at + 3]) {
                    *total += weight * f32::from(value);
                }
            }
        }
        sum.map(|value| (value + 0.5) as u8)
    }
}
