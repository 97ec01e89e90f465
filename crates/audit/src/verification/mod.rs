//! Verification (1:1): do two photographs show the same person?

mod calibration;
mod folds;
mod pairs;
mod roc;

pub use calibration::{CalibratedThreshold, FEWEST_FALSE_MATCHES, calibrate};
pub use folds::{FoldAccuracy, accuracy_in_folds};
pub use pairs::{Pair, Photograph, read_pairs};
pub(crate) use roc::allowed;
pub use roc::{OperatingPoint, Roc};

/// A compared pair: its similarity, and whether both photographs show the same person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Similarity.
    pub similarity: f32,
    /// Whether the pair is mated: of one person.
    pub mated: bool,
}
