//! Exact search among many templates.

mod index;

pub use index::{Hit, Index};

/// Cosine of two vectors of length 1 and of one dimension.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    dot.clamp(-1.0, 1.0) as f32
}
