//! CNNs as graphs: read from ONNX, differentiated as graphs, and run.
//!
//! ```text
//! ONNX file ─ onnx::read ─► Graph ─ specialise ─► Graph with types ─ add_gradient ─► Executor ─ run ─► values
//! ```
//!
//! Everything runs on f32 NCHW activations; integers serve shapes, indices and quantised weights.
#![forbid(unsafe_code)]

mod cut;
mod error;
mod executor;
mod fold;
mod fuse;
mod gradient;
mod graph;
mod halve;
mod incremental;
mod layout;
pub mod names;
pub mod onnx;
mod operator;
pub mod operators;
mod plan;
mod pool;
mod quantise;
mod quantise_layers;
mod receptive;
mod specialise;
mod standard;
mod value;

pub use error::{NetworkError, OperatorError};
pub use executor::{Executor, MAX_ACTIVATION_BYTES, StepInfo};
pub use graph::{Dimension, Graph, Node, ValueId, ValueInfo};
pub use incremental::{Base, Edit, Incremental};
pub use layout::{BlockedKernel, Layout, LocalKernel, LocalWork};
pub use operator::{Arguments, Input, Inputs, Kernel, Operator};
pub use pool::Pool;
pub use quantise::{QuantisedWeights, WeightQuantisation};
pub use quantise_layers::Range;
pub use specialise::{RefusedNode, Supported};
pub use value::{DataType, TensorType, Value};
