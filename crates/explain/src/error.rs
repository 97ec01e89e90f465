//! Errors: what was wrong, where, and what to do.

use eyebar_network::{NetworkError, OperatorError};

/// Why an explanation could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The network refused.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A node that the explanation adds does not fit the network.
    #[error("the explanation of {value:?} cannot be built: {source}; hint: choose another layer or target")]
    Build {
        /// Name of the value that is explained.
        value: String,
        /// What the operator said.
        source: OperatorError,
    },
    /// The class does not exist.
    #[error("class {class} is out of range; hint: the output {output:?} has the classes 0 to {}", count.saturating_sub(1))]
    ClassOutOfRange {
        /// The class asked for.
        class: usize,
        /// Name of the value that holds the scores.
        output: String,
        /// Number of classes.
        count: usize,
    },
    /// The filter does not exist.
    #[error("filter {channel} is out of range; hint: layer {layer:?} has the filters 0 to {}", count.saturating_sub(1))]
    ChannelOutOfRange {
        /// The filter asked for.
        channel: usize,
        /// Name of the layer.
        layer: String,
        /// Number of filters.
        count: usize,
    },
    /// The layer has another form than the method needs.
    #[error("layer {layer:?} has the shape {shape:?}: {reason}")]
    Layer {
        /// Name of the layer.
        layer: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What the method needs, and after `hint:` where to find it.
        reason: String,
    },
    /// The target does not depend on the layer.
    #[error("{target:?} does not depend on layer {layer:?}; hint: choose a layer that lies before it in the network")]
    Independent {
        /// Name of the value that the score is made of.
        target: String,
        /// Name of the layer.
        layer: String,
    },
    /// The objective does not fit the value it was given.
    #[error("{value:?} of shape {shape:?} cannot be scored: {reason}")]
    Objective {
        /// Name of the value.
        value: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What is needed, and after `hint:` how to come by it.
        reason: String,
    },
    /// An input has another shape than planned for.
    #[error("{found:?} was given where {expected} is needed; hint: give that, or plan anew for what you have")]
    Input {
        /// The shape that was given.
        found: Vec<usize>,
        /// What is needed, in words.
        expected: String,
    },
    /// A parameter makes no sense: which, and after `hint:` what would.
    #[error("{0}")]
    Parameter(String),
    /// A score or a map came out as NaN or infinite.
    #[error("{what} is not finite; hint: check that the input is scaled as the network expects (its mean and scale)")]
    NotFinite {
        /// What was computed.
        what: String,
    },
    /// The caller's progress function asked to stop.
    #[error("cancelled")]
    Cancelled,
}
