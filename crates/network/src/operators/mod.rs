//! The operators, one file each (a family of the same shape shares one): reading, shape, execution, gradient, writing.
//!
//! To add an operator, write its file and add it to [`read`]; see *How to add an operator* in `CONTRIBUTING.md`.

use std::sync::Arc;

use crate::error::OperatorError;
use crate::onnx::NodeReader;
use crate::operator::Operator;

mod binary;
mod refused;
mod spatial;

pub use binary::Add;
use refused::Refused;

/// The operator a node of an ONNX file names. One that is not supported, or whose attributes make no sense, becomes a
/// node that refuses to run.
pub(crate) fn read(domain: &str, node: &NodeReader<'_>) -> Arc<dyn Operator> {
    let result = if matches!(domain, "" | "ai.onnx") {
        read_standard(node)
    } else {
        Err(OperatorError::Unsupported(format!("operator {} of domain {domain:?}", node.operator())))
    };
    result.unwrap_or_else(|error| Arc::new(Refused::new(node.operator(), error)))
}

fn read_standard(node: &NodeReader<'_>) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(match node.operator() {
        "Add" => Arc::new(Add),
        other => return Err(OperatorError::Unsupported(format!("operator {other}"))),
    })
}
