//! One-shot recognition: is the nearest neighbour or a trained head better, and from how many photographs on?
//!
//! Everybody is enrolled with the first photographs of a seeded draw and looked for with the last ones; people who were
//! never enrolled must be refused. Draws are shared by all methods and numbers of photographs, so that they can be compared
//! in pairs.

mod experiment;
mod heads;
mod method;
mod nearest;
mod network;
mod tally;
mod vectors;

pub use experiment::{Experiment, Photo, run};
pub use method::{DEFAULT_PENALTY, Method};
pub use tally::Outcome;

/// Who is enrolled.
struct Enrolled<'a> {
    /// Of unit length.
    vectors: &'a vectors::Vectors,
    /// Whose they are.
    people: &'a [usize],
    /// Number of people.
    classes: usize,
    /// Of all probes with them, `[probes, vectors]`.
    similarities: &'a [f32],
}

/// Whom a probe is assigned to, and how surely: the surer, the higher.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Answer {
    person: usize,
    score: f32,
}
