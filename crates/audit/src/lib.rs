//! How well faces are told apart: protocols, figures and their intervals.
//!
//! Knows similarities, not networks: a similarity rises with likeness, and a pair is accepted where it reaches the
//! threshold.

#![forbid(unsafe_code)]

mod error;
pub mod verification;

pub use error::AuditError;
