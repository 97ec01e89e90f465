//! How well faces are told apart: protocols, figures and their intervals.
//!
//! Knows similarities, not networks: a similarity rises with likeness, and a pair is accepted where it reaches the
//! threshold.

#![forbid(unsafe_code)]

mod discriminant;
mod error;
pub mod identification;
mod interval;
pub mod oneshot;
mod open_set;
mod pca;
mod random;
mod unit;
pub mod verification;

pub use discriminant::Discriminant;
pub use error::AuditError;
pub use interval::{Interval, share_over_people};
pub use open_set::{FEWEST_ACCEPTED, OpenSet};
pub use pca::Pca;
