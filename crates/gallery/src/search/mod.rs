//! Exact search among many templates.

mod index;

pub use index::{Hit, Index};
