//! Errors: what was wrong, and what to do.

/// Why something cannot be measured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AuditError {
    /// A list of pairs is not as the LFW authors write it.
    #[error("line {line} of the pairs: {reason}; hint: use pairs.txt as the authors of LFW publish it (View 2)")]
    Pairs {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// There is too little to measure on.
    #[error("{reason}; hint: {remedy}")]
    TooLittle {
        /// What is missing.
        reason: String,
        /// What would help.
        remedy: &'static str,
    },
    /// A similarity is no number.
    #[error("a similarity is {value}; hint: check the model, and how it is fed")]
    NotFinite {
        /// The similarity.
        value: f32,
    },
    /// A head could not be trained.
    #[error("a head cannot be trained: {reason}; hint: check the vectors, or leave heads out")]
    Training {
        /// What the optimiser says.
        reason: String,
    },
}
