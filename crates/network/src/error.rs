//! Errors: what was wrong, where, and what to do.

use eyebar_tensor::ShapeError;

/// What an operator refuses: the graph adds the node's name and the file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OperatorError {
    /// The shapes of the inputs do not fit together.
    #[error("{0}")]
    Shape(String),
    /// An attribute is missing or has a value that makes no sense.
    #[error("attribute {0}")]
    Attribute(String),
    /// An input is missing or has an element type that the operator does not take.
    #[error("input {0}")]
    Input(String),
    /// A shape beyond the limits.
    #[error(transparent)]
    Limit(#[from] ShapeError),
    /// The operator, or this form of it, is not implemented.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// The operator has no gradient.
    #[error("has no gradient")]
    NotDifferentiable,
    /// An operator of Eyebar's own has no form in ONNX's operators.
    #[error("has no form in the operators of ONNX")]
    NotStandard,
}

impl OperatorError {
    /// What to do, for the hint of an error.
    fn remedy(&self) -> &'static str {
        match self {
            Self::Shape(_) => "feed the shape that the model was exported for, or export it for this one",
            Self::Attribute(_) | Self::Input(_) => "export the model again; onnx.checker.check_model says more",
            Self::Limit(_) => "feed a smaller picture or a smaller batch",
            Self::Unsupported(_) => {
                "name a layer before this node, or export the model without it (onnxsim folds what is constant)"
            }
            Self::NotStandard => "name a layer behind this node",
            Self::NotDifferentiable => "name a layer behind this node, or a method without gradients (occlusion)",
        }
    }
}

/// Why a network could not be read, built or run.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A file could not be read or written.
    #[error("{path}: {source}; hint: check the name, and that you may use it")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are not an ONNX model.
    #[error("not an ONNX model ({0}); hint: the file may be truncated or of another format, export it again")]
    NotOnnx(String),
    /// The file is an ONNX model that breaks ONNX's rules.
    #[error("{}", with_hint(&format!("broken ONNX model: {_0}"), "export the model again; onnx.checker.check_model says more"))]
    Malformed(String),
    /// The nodes form a cycle.
    #[error(
        "broken ONNX model: the nodes form a cycle through {node:?}; hint: export the model again, no node may need its own \
         result"
    )]
    Cycle {
        /// A node of the cycle.
        node: String,
    },
    /// A node refused its inputs.
    #[error("{}", with_hint(&format!("node {node:?} ({operator}){inputs}: {source}"), source.remedy()))]
    Node {
        /// Name of the node.
        node: String,
        /// ONNX operator.
        operator: String,
        /// The types of the inputs, formatted, or nothing.
        inputs: String,
        /// What the operator said.
        source: OperatorError,
    },
    /// No value, node or alias has this name.
    #[error("there is no layer {name:?}{}", hint(nearest))]
    NoSuchLayer {
        /// The name asked for.
        name: String,
        /// The nearest names that exist.
        nearest: Vec<String>,
    },
    /// An input of the network does not fit.
    #[error("input {name:?}: {reason}")]
    Input {
        /// Name of the input.
        name: String,
        /// What does not fit, and what would.
        reason: String,
    },
    /// A value asked for does not depend on what is given.
    #[error("value {name:?} cannot be computed: {reason}")]
    Unreachable {
        /// The value.
        name: String,
        /// Why.
        reason: String,
    },
    /// The weights of a layer cannot be used as asked.
    #[error("weights {name:?}: {reason}")]
    Weights {
        /// Name of the tensor.
        name: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// What lives at once in a run is larger than the limit.
    #[error(
        "the run needs {:.1} GiB for its activations at {node:?}, the limit is {:.0} GiB; hint: feed a smaller picture or a \
         smaller batch, or ask for a layer nearer to the input",
        gibibytes(*bytes), gibibytes(*limit)
    )]
    Memory {
        /// The node that goes beyond it.
        node: String,
        /// Bytes that live at once when it runs.
        bytes: usize,
        /// Largest number of bytes.
        limit: usize,
    },
    /// The packed weights of all nodes are larger than the limit.
    #[error(
        "the weights need {:.1} GiB once they are packed for every node that reads them, up to {node:?}; the limit is {:.0} \
         GiB; hint: ask for a layer nearer to the input",
        gibibytes(*bytes), gibibytes(*limit)
    )]
    PackedWeights {
        /// The node that goes beyond it.
        node: String,
        /// Bytes up to there.
        bytes: usize,
        /// Largest number of bytes.
        limit: usize,
    },
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// `message`, with `remedy` where it names none.
fn with_hint(message: &str, remedy: &str) -> String {
    if message.contains("hint:") { message.to_owned() } else { format!("{message}; hint: {remedy}") }
}

fn gibibytes(bytes: usize) -> f64 {
    bytes as f64 / (1u64 << 30) as f64
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "; hint: name a tensor or a node of the file, `eyebar inspect` lists the main ones".to_owned()
    } else {
        format!("; hint: did you mean {}?", nearest.join(", "))
    }
}
