//! Resampling kernels and their gradients: one sparse matrix for each axis.

use crate::movement::Axis;
use crate::team;

/// Where an output cell comes from: `(1 − weight) · x[left] + weight · x[right]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tap {
    /// The first source cell.
    pub left: usize,
    /// The second source cell.
    pub right: usize,
    /// Share of the second, 0 to 1.
    pub weight: f32,
}

impl Tap {
    /// Copies one cell.
    pub fn copy(cell: usize) -> Self {
        Self { left: cell, right: cell, weight: 0.0 }
    }
}

/// Resamples one axis: `y[o, i, :]` mixes two rows of `x` as `taps[i]` says; `axis` describes `x`.
///
/// # Panics
/// When a tap lies outside the axis or a length does not fit.
pub fn resample(x: &[f32], axis: Axis, taps: &[Tap], y: &mut [f32]) {
    let Axis { len, inner, .. } = axis;
    if x.is_empty() || y.is_empty() {
        return;
    }
    team::each_pair((x, len * inner), (y, taps.len() * inner), |x, y| {
        for (out, tap) in y.chunks_exact_mut(inner).zip(taps) {
            let left = &x[tap.left * inner..][..inner];
            if tap.weight == 0.0 {
                out.copy_from_slice(left);
                continue;
            }
            let right = &x[tap.right * inner..][..inner];
            for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
                *out = left * (1.0 - tap.weight) + right * tap.weight;
            }
        }
    });
}

/// Gradient of [`resample`]: the transposed matrix. `axis` describes `dx`, which is overwritten.
///
/// # Panics
/// As [`resample`].
pub fn resample_gradient(dy: &[f32], axis: Axis, taps: &[Tap], dx: &mut [f32]) {
    let Axis { len, inner, .. } = axis;
    dx.fill(0.0);
    if dx.is_empty() || dy.is_empty() {
        return;
    }
    team::each_pair((dy, taps.len() * inner), (dx, len * inner), |dy, dx| {
        for (from, tap) in dy.chunks_exact(inner).zip(taps) {
            let mut add = |cell: usize, share: f32| {
                let out = &mut dx[cell * inner..][..inner];
                out.iter_mut().zip(from).for_each(|(out, value)| *out += share * value);
            };
            add(tap.left, 1.0 - tap.weight);
            if tap.weight != 0.0 {
                add(tap.right, tap.weight);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{Tap, resample, resample_gradient};
    use crate::movement::Axis;

    #[test]
    fn mixes_two_rows_and_gives_the_gradient_back() {
        let axis = Axis { outer: 2, len: 2, inner: 3 };
        let taps = [Tap::copy(1), Tap { left: 0, right: 1, weight: 0.25 }, Tap::copy(0)];
        let x: Vec<f32> = (0..12).map(|v| (v * v) as f32).collect();
        let mut y = vec![f32::NAN; 18];
        resample(&x, axis, &taps, &mut y);
        assert_eq!(&y[..9], &[9.0, 16.0, 25.0, 2.25, 4.75, 9.25, 0.0, 1.0, 4.0]);
        let v: Vec<f32> = (0..18).map(|v| (v % 5) as f32).collect();
        let mut dx = vec![f32::NAN; 12];
        resample_gradient(&v, axis, &taps, &mut dx);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert_eq!(dot(&y, &v), dot(&x, &dx));
    }
}
