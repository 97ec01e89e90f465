//! The gradients of `QuantizeLinear` and `DequantizeLinear`: the straight-through estimator.
//!
//! Rounding has the derivative zero wherever it has one, so nothing before it could be explained. As training with
//! quantisation does, its derivative is taken as 1 (Bengio, Léonard and Courville 2013, *Estimating or Propagating Gradients
//! Through Stochastic Neurons for Conditional Computation*): q = saturate(round(x / s) + z) gets ∂q/∂x = 1/s where nothing
//! is cut off and 0 where it is, and x̂ = (q − z) · s has ∂x̂/∂q = s. Through both together with the same scale the gradient
//! is that of `Clip` to the range of x̂. Scales and zero points count as constants.

use std::sync::Arc;

use super::Mul;
use super::quantization::{Grouping, zero_point};
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};
use crate::with_tensor;

/// ∂out/∂x in the shape of x. Inputs: x, the scale and, for `QuantizeLinear`, the zero point.
#[derive(Debug, Clone, Copy)]
pub(super) struct StraightThrough {
    pub(super) grouping: Grouping,
    /// The type that `QuantizeLinear` rounds to; nothing for `DequantizeLinear`.
    pub(super) to: Option<DataType>,
}

impl StraightThrough {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let grouping = Grouping::read(node)?;
        if node.operator() == "DequantizeLinearDerivative" {
            return Ok(Self { grouping, to: None });
        }
        let to = node.data_type("output_dtype")?.filter(|to| bounds(*to).is_some());
        let refuse = || OperatorError::Attribute("output_dtype must be i8 or u8".to_owned());
        Ok(Self { grouping, to: Some(to.ok_or_else(refuse)?) })
    }

    /// Adds dx = dy · ∂out/∂x for a node whose inputs are x, the scale and perhaps the zero point.
    pub(super) fn add(
        self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        if wanted[1..].contains(&true) {
            let message = "a gradient with respect to a scale or zero point that is computed from the data";
            return Err(OperatorError::Unsupported(message.to_owned()));
        }
        let mut gradients = vec![None; wanted.len()];
        if let (Some(dy), true) = (cotangents[0], wanted[0]) {
            let used = if self.to.is_some() { 3 } else { 2 };
            let inputs: Vec<_> = node.inputs.iter().copied().take(used).collect();
            let slope = graph.add_node(Arc::new(self), &inputs)?[0];
            gradients[0] = Some(graph.apply(Mul, &[dy, slope])?);
        }
        Ok(gradients)
    }
}

/// The smallest and the largest number of a type.
fn bounds(dtype: DataType) -> Option<(f32, f32)> {
    match dtype {
        DataType::I8 => Some((i8::MIN.into(), i8::MAX.into())),
        DataType::U8 => Some((u8::MIN.into(), u8::MAX.into())),
        _ => None,
    }
}

impl Operator for StraightThrough {
    fn name(&self) -> &str {
        if self.to.is_some() { "QuantizeLinearDerivative" } else { "DequantizeLinearDerivative" }
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (x, scale) = (inputs.require(0)?, inputs.f32(1)?);
        self.grouping.scales(x.shape, scale.shape)?;
        if self.to.is_some() {
            inputs.f32(0)?;
            let zero = zero_point(inputs, scale.shape)?;
            if zero.is_some_and(|zero| Some(zero) != self.to) {
                return Err(OperatorError::Input("2 must have the type that is rounded to".to_owned()));
            }
        }
        Ok(vec![TensorType::new(DataType::F32, x.shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (x, scale) = (arguments.require(0)?, arguments.f32(1)?);
        let scales = self.grouping.scales(x.shape(), scale.shape())?;
        let scale = scale.data();
        let Some((lowest, highest)) = self.to.and_then(bounds) else {
            let mut out = pool.take(x.shape());
            let target = out.data_mut();
            with_tensor!(x, x => scales.map(x.data(), target, |_, index| scale[index]));
            return Ok(vec![out.into()]);
        };
        let zeros = arguments.optional_i64(2)?.unwrap_or_default();
        let mut out = pool.take(x.shape());
        scales.map(arguments.f32(0)?.data(), out.data_mut(), |x, index| {
            let zero = zeros.get(index).copied().unwrap_or(0) as f32;
            let rounded = (x / scale[index]).round_ties_even() + zero;
            if rounded >= lowest && rounded <= highest { 1.0 / scale[index] } else { 0.0 }
        });
        Ok(vec![out.into()])
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = self.grouping.attributes();
        attributes.extend(self.to.map(|to| Attribute::data_type("output_dtype", to)));
        attributes
    }
}
