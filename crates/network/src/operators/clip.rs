//! `Clip`: values held within bounds.

use super::blocked::{elementwise, local};
use super::function::Function;
use super::unary;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{BlockedKernel, Layout, LocalKernel};
use crate::operator::{Arguments, Input, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// out = min(max(x, lower), upper) with scalar bounds as inputs 1 and 2, either of which may be left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clip;

/// The bounds, given the values of inputs 1 and 2.
fn function(min: Option<&Value>, max: Option<&Value>) -> Result<Function, OperatorError> {
    let bound = |value: Option<&Value>, default: f32| match value {
        None => Ok(default),
        Some(Value::F32(tensor)) if tensor.len() == 1 => Ok(tensor.data()[0]),
        Some(other) => Err(OperatorError::Input(format!("bound must be one f32, not {}", other.tensor_type()))),
    };
    Ok(Function::Clip { min: bound(min, f32::NEG_INFINITY)?, max: bound(max, f32::INFINITY)? })
}

/// The bounds, where they are constant.
fn constant(inputs: [Option<Input<'_>>; 2]) -> Result<Function, OperatorError> {
    let [min, max] = inputs.map(|input| match input {
        Some(Input { constant: None, .. }) => {
            Err(OperatorError::Unsupported("a bound computed from the data".to_owned()))
        }
        Some(Input { constant, .. }) => Ok(constant),
        None => Ok(None),
    });
    function(min?, max?)
}

impl Clip {
    /// The function, where both bounds are constant.
    pub(super) fn function(self, inputs: Inputs<'_>) -> Option<Function> {
        constant([inputs.get(1), inputs.get(2)]).ok()
    }
}

impl Operator for Clip {
    fn name(&self) -> &str {
        "Clip"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let x = inputs.f32(0)?;
        constant([inputs.get(1), inputs.get(2)])?;
        Ok(vec![TensorType::new(DataType::F32, x.shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        unary::apply(function(arguments.get(1), arguments.get(2))?, arguments, pool)
    }

    fn prepare_local(&self, inputs: Inputs<'_>, _: usize) -> Result<Option<LocalKernel>, OperatorError> {
        Ok(local(*self, inputs))
    }

    fn prepare_blocked(&self, inputs: Inputs<'_>, layouts: &[Layout]) -> Result<Option<BlockedKernel>, OperatorError> {
        Ok(elementwise(*self, inputs, layouts))
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let mut gradients = vec![None; node.inputs.len()];
        if let (Some(dy), true) = (cotangents[0], wanted[0]) {
            let clip = graph.with_inputs(&node.inputs, |inputs| constant([inputs.get(1), inputs.get(2)]))??;
            gradients[0] = unary::differentiate(clip, graph, node, dy)?;
        }
        Ok(gradients)
    }
}
