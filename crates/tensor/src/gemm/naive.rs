//! The matrix product as the textbook has it: the reference for the fast one.

use super::Matrix;

/// out = left · right, row-major; sums in f64.
pub fn matmul(left: Matrix<'_>, right: Matrix<'_>) -> Vec<f32> {
    let mut out = Vec::with_capacity(left.rows * right.columns);
    for row in 0..left.rows {
        for column in 0..right.columns {
            let sum: f64 = (0..left.columns).map(|k| f64::from(left.at(row, k)) * f64::from(right.at(k, column))).sum();
            out.push(sum as f32);
        }
    }
    out
}
