//! What makes a product one of 8-bit codes: an input that was rounded to them, and weights that were kept as them.

use std::any::Any;
use std::sync::Arc;

use eyebar_tensor::Tensor;
use eyebar_tensor::blocked::Quantisation;

use super::{DequantizeLinear, QuantizeLinear};
use crate::graph::{Graph, Node, ValueId};
use crate::operator::{Inputs, Operator};
use crate::value::Value;

/// A constant as int8: value = code · scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Codes {
    /// The codes, in the shape of the constant.
    pub codes: Tensor<i8>,
    /// One for all, or one for each index of `axis`.
    pub scales: Vec<f32>,
    /// Where there are several scales, the axis that they belong to.
    pub axis: usize,
}

impl Codes {
    /// A scale for each index of `axis`; nothing where the scales belong to another.
    pub(crate) fn scales_of(&self, axis: usize) -> Option<Vec<f32>> {
        match self.scales[..] {
            [scale] => Some(vec![scale; *self.codes.shape().get(axis)?]),
            _ => (self.axis == axis).then(|| self.scales.clone()),
        }
    }
}

/// What a node of `operator` dequantises, where that is int8 around 0 with scales of one axis.
pub(crate) fn codes(operator: &dyn Operator, inputs: Inputs<'_>) -> Option<Arc<Codes>> {
    let operator: &dyn Any = operator;
    let axis = operator.downcast_ref::<DequantizeLinear>()?.scale_axis(inputs)?;
    let Some(Value::I8(codes)) = inputs.get(0)?.constant else { return None };
    let scales = inputs.get(1)?.constant?.as_f32()?.data().to_vec();
    if let Some(zeros) = inputs.get(2)
        && zeros.constant?.to_i64()?.iter().any(|&zero| zero != 0)
    {
        return None;
    }
    Some(Arc::new(Codes { codes: codes.clone(), scales, axis }))
}

/// An input that is rounded to codes before a product, and the weights as codes with a scale for each filter.
#[derive(Debug, Clone)]
pub(crate) struct Quantised {
    pub(crate) input: Quantisation,
    /// `[filters, …]`
    pub(crate) codes: Tensor<i8>,
    pub(crate) scales: Vec<f32>,
}

/// Where `id` is what two nodes, `producer(id)` the last of them, make of a value by rounding it to codes of 8 bits and back,
/// all with one scale: that value, and how it is rounded.
pub(crate) fn quantisation_of<'a>(
    graph: &Graph,
    id: ValueId,
    producer: impl Fn(ValueId) -> Option<&'a Node>,
) -> Option<(ValueId, Quantisation)> {
    let dequantise = producer(id)?;
    let quantise = producer(dequantise.input(0).ok()?)?;
    let (from, to): (&dyn Any, &dyn Any) = (&*dequantise.operator, &*quantise.operator);
    from.downcast_ref::<DequantizeLinear>()?;
    to.downcast_ref::<QuantizeLinear>()?;
    let (one, other) = (parameters(graph, quantise)?, parameters(graph, dequantise)?);
    (one == other).then_some((quantise.input(0).ok()?, one))
}

/// The one scale and zero point of a node.
fn parameters(graph: &Graph, node: &Node) -> Option<Quantisation> {
    let single = |id: ValueId| graph.constant_value(id).filter(|value| value.len() == 1);
    let scale = *single(node.input(1).ok()?)?.as_f32()?.data().first()?;
    let zero = match node.inputs.get(2).copied().flatten() {
        // Codes of i8 are those of u8 less 128.
        Some(id) => match single(id)? {
            Value::U8(zero) => zero.data()[0],
            Value::I8(zero) => (i16::from(zero.data()[0]) + 128) as u8,
            _ => return None,
        },
        None => return None,
    };
    (scale.is_normal() && scale > 0.0 && (1.0 / scale).is_normal()).then_some(Quantisation { scale, zero })
}

#[cfg(test)]
mod tests;
