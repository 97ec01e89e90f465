//! Matrix products over packed panels (Goto and van de Geijn 2008, *Anatomy of High-Performance Matrix Multiplication*).
//!
//! The left matrix is packed once, in panels of `TILE_ROWS` rows; the right one is packed by the caller in panels of
//! `TILE_COLUMNS` columns, straight from whatever it comes from (a matrix, an image, transformed tiles). Every output
//! element is one chain of multiply-adds in the order of the depth, whatever the blocking, so that results do not
//! depend on how work is shared out.

mod matmul;
pub mod naive;
mod thin;
mod tile;

/// Longest sum that products over packed panels are made for: each thread holds a panel of that depth.
pub const MAX_DEPTH: usize = 1 << 20;

pub use matmul::{Matrix, matmul};
pub use thin::{times, times_transposed};
pub(crate) use tile::multiply_panels;
pub use tile::{PackedLeft, panel_columns};
