//! Axes and sizes as ONNX states them.

use eyebar_tensor::Tensor;

use crate::error::OperatorError;
use crate::operator::Inputs;

/// The axis that `axis` names in a tensor of `rank` dimensions; a negative one counts from the end.
pub(super) fn axis_index(axis: i64, rank: usize) -> Result<usize, OperatorError> {
    let signed = rank as i64;
    let place = if axis < 0 { axis.checked_add(signed) } else { Some(axis) };
    let place = place.filter(|place| (0..signed).contains(place));
    place
        .map(|place| place as usize)
        .ok_or_else(|| OperatorError::Shape(format!("axis {axis} does not exist in {rank} dimensions")))
}

/// As [`axis_index`] for several axes, which must differ.
pub(super) fn axis_indices(axes: &[i64], rank: usize) -> Result<Vec<usize>, OperatorError> {
    let mut found = Vec::with_capacity(axes.len().min(rank));
    for &axis in axes {
        let index = axis_index(axis, rank)?;
        if found.contains(&index) {
            return Err(OperatorError::Shape(format!("axes {axes:?} name an axis twice")));
        }
        found.push(index);
    }
    Ok(found)
}

/// The integers of an input that may not be left out and must be constant.
pub(super) fn require_i64(inputs: Inputs<'_>, index: usize) -> Result<Vec<i64>, OperatorError> {
    inputs.constant_i64(index)?.ok_or_else(|| OperatorError::Input(format!("{index} is missing")))
}

/// A list of sizes as a constant of a graph.
pub(super) fn sizes_constant(sizes: &[usize]) -> Tensor<i64> {
    Tensor::vector(sizes.iter().map(|&size| size as i64).collect())
}
