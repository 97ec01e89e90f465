//! Nodes that undo and redo broadcasting, for gradients.

use eyebar_tensor::Tensor;
use eyebar_tensor::elementwise::broadcast_shape;

use super::axes::sizes_constant;
use super::expand::Expand;
use super::reduce::Reduce;
use crate::error::OperatorError;
use crate::graph::{Graph, ValueId};

/// The shape to which all of `shapes` broadcast.
pub(super) fn common_shape(shapes: &[&[usize]]) -> Result<Vec<usize>, OperatorError> {
    broadcast_shape(shapes).ok_or_else(|| {
        let shapes: Vec<_> = shapes.iter().map(|shape| format!("{shape:?}")).collect();
        OperatorError::Shape(format!("{} do not broadcast", shapes.join(" and ")))
    })
}

/// Adds the sum of `value` over the axes along which a tensor of `shape` was repeated to become as large as `value`;
/// the result has `shape`.
pub(super) fn sum_to(graph: &mut Graph, value: ValueId, shape: &[usize]) -> Result<ValueId, OperatorError> {
    let from = graph.shape(value).to_vec();
    let missing = from.len().saturating_sub(shape.len());
    let stretched: Vec<_> =
        (missing..from.len()).filter(|&axis| shape[axis - missing] == 1 && from[axis] != 1).collect();
    let leading: Vec<_> = (0..missing).collect();
    let mut sum = value;
    if !stretched.is_empty() {
        sum = Reduce::sum(true).add(graph, sum, &stretched)?;
    }
    if !leading.is_empty() {
        sum = Reduce::sum(false).add(graph, sum, &leading)?;
    }
    Ok(sum)
}

/// Adds a tensor of `shape` filled with one number: a constant only where there is room for it.
pub(crate) fn filled(graph: &mut Graph, number: f32, shape: &[usize]) -> Result<ValueId, OperatorError> {
    let number = graph.add_constant(Tensor::scalar(number));
    expand_to(graph, number, shape)
}

/// Adds `value` repeated along its axes of length 1 until it has `shape`.
pub(super) fn expand_to(graph: &mut Graph, value: ValueId, shape: &[usize]) -> Result<ValueId, OperatorError> {
    if graph.shape(value) == shape {
        return Ok(value);
    }
    let target = graph.add_constant(sizes_constant(shape));
    graph.apply(Expand, &[value, target])
}
