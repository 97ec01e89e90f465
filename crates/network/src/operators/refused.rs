//! A node that cannot run: an operator that is not supported, or one with broken attributes.

use crate::error::OperatorError;
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{TensorType, Value};

/// Stands in for a node that cannot run, so that the rest of the network can be used.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    name: String,
    error: OperatorError,
}

impl Refused {
    pub(super) fn new(name: &str, error: OperatorError) -> Self {
        Self { name: name.to_owned(), error }
    }
}

impl Operator for Refused {
    fn name(&self) -> &str {
        &self.name
    }

    fn infer(&self, _inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        Err(self.error.clone())
    }

    fn run(&self, _arguments: Arguments<'_>, _pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        Err(self.error.clone())
    }
}
