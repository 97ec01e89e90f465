//! The transform of the weights.

use super::{POINTS, TILE};

/// G g Gᵀ of a 3 × 3 kernel, in f64 so that the weights carry no rounding of the transform.
pub(super) fn transform_kernel(kernel: &[f32; 9]) -> [f32; POINTS] {
    const G: [[f64; 3]; TILE] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    let half: [[f64; 3]; TILE] = std::array::from_fn(|row| {
        std::array::from_fn(|x| (0..3).map(|y| G[row][y] * f64::from(kernel[y * 3 + x])).sum())
    });
    std::array::from_fn(|point| {
        let (row, column) = (point / TILE, point % TILE);
        (0..3).map(|x| half[row][x] * G[column][x]).sum::<f64>() as f32
    })
}
