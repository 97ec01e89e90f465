//! `Expand`: repeats a tensor along broadcast axes.

use eyebar_tensor::movement::{self, View};

use super::axes::require_i64;
use super::broadcast::sum_to;
use super::element::Element;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::map_tensor;
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{TensorType, Value};

/// Broadcasts input 0 against the shape that input 1 states.
#[derive(Debug, Clone, Copy)]
pub struct Expand;

fn target(inputs: Inputs<'_>) -> Result<Vec<usize>, OperatorError> {
    let shape = inputs.require(0)?.shape;
    let stated = require_i64(inputs, 1)?;
    let refuse = || OperatorError::Shape(format!("{shape:?} does not expand to {stated:?}"));
    let rank = shape.len().max(stated.len());
    let dims = (0..rank).map(|axis| {
        let old = (axis + shape.len()).checked_sub(rank).map_or(1, |place| shape[place]);
        let new = (axis + stated.len()).checked_sub(rank).map_or(1, |place| stated[place]);
        match (old, usize::try_from(new).map_err(|_| refuse())?) {
            (old, 1) => Ok(old),
            (1, new) => Ok(new),
            (old, new) if old == new => Ok(old),
            _ => Err(refuse()),
        }
    });
    dims.collect()
}

impl Operator for Expand {
    fn name(&self) -> &str {
        "Expand"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        Ok(vec![TensorType::new(inputs.require(0)?.dtype, target(inputs)?)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let shape = arguments.with_inputs(target)?;
        let value = arguments.require(0)?;
        let plain = View::contiguous(value.shape()).strides;
        let mut strides = vec![0; shape.len() - plain.len()];
        // An axis of length 1 that grows is read again and again.
        strides.extend(plain.iter().zip(value.shape()).map(|(&stride, &len)| if len == 1 { 0 } else { stride }));
        let view = View { offset: 0, strides };
        Ok(vec![map_tensor!(value, t => {
            let mut out = Element::take(pool, &shape);
            movement::read_view(t.data(), &view, &shape, out.data_mut());
            out
        })])
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let mut gradients = vec![None; wanted.len()];
        if let (Some(cotangent), true) = (cotangents[0], wanted[0]) {
            let shape = graph.shape(node.input(0)?).to_vec();
            gradients[0] = Some(sum_to(graph, cotangent, &shape)?);
        }
        Ok(gradients)
    }
}
