//! Identification: given one photograph of each candidate, does the right person come first?
//!
//! Everybody has equally many photographs. Each of some seeded draws enrols one of everybody's and looks for everybody with
//! the others; all masks and attackers share the draws, so that they can be compared in pairs.

mod draws;
mod ranks;
mod similarities;
mod strangers;

pub use draws::Draws;
pub use ranks::{LAST_RANK, Ranks, first_places};
pub use similarities::{Similarities, Vectors};
pub use strangers::{Strangers, Thresholds};
