//! What maps amount to, in numbers.

mod regions;

pub use regions::{Region, Share, shares, workshop_bands};
