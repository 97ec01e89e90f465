//! Vectors of length 1: their products are cosines.

/// The vector with length 1; one of length 0 stays.
pub(crate) fn unit(vector: &[f32]) -> Vec<f32> {
    let norm = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    let norm = if norm > 0.0 { norm } else { 1.0 };
    vector.iter().map(|&value| (f64::from(value) / norm) as f32).collect()
}
