//! N-d arrays and the kernels that run on them.
//!
//! Everything is dense and row-major. This is the only crate of the workspace with `unsafe` code: it is confined to
//! the SIMD kernels, which are entered through one run-time dispatch point.

// Kernels walk several arrays by one index, which says more than zipped iterators.
#![allow(clippy::needless_range_loop)]

mod array;
pub mod blocked;
pub mod codes;
pub mod conv;
pub mod elementwise;
pub mod gemm;
pub mod movement;
pub mod pool;
pub mod reduce;
pub mod resize;
mod scratch;
mod shape;
mod shared;
pub mod simd;
pub mod team;

pub use array::Tensor;
pub use shape::{MAX_ELEMENTS, MAX_RANK, ShapeError, element_count, strides};
