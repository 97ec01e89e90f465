//! What every number of the input contributes to a score.

mod integrated_gradients;
mod quadrature;

pub use integrated_gradients::{Attribution, IntegratedGradients};
