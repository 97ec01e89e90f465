//! Two-dimensional convolution: one geometry, several algorithms, one choice.

mod depthwise;
mod geometry;
mod im2col;
pub mod naive;
mod packed;
mod transpose;
mod winograd;

pub use geometry::Conv2d;
pub use packed::{ConvAlgorithm, PackedConv};
pub use transpose::{PackedConvTranspose, turned};
