//! Two-dimensional convolution of dense arrays: grouped ones, and those whose weights are computed by the network. Others
//! are [`crate::blocked`].

mod geometry;
mod im2col;
pub mod naive;
mod packed;
mod transpose;

pub use geometry::Conv2d;
pub use packed::PackedConv;
pub use transpose::{PackedConvTranspose, turned};
