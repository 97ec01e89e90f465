//! `Gather`: picks entries of one axis by index.

use eyebar_tensor::movement::{self, Axis};

use super::axes::axis_index;
use super::element::Element;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::map_tensor;
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// `out[…, i…, …] = data[…, indices[i…], …]` along `axis`; negative indices count from the end.
#[derive(Debug, Clone, Copy)]
pub struct Gather {
    axis: i64,
}

impl Gather {
    /// Picks along `axis`; a negative one counts from the end.
    pub fn new(axis: i64) -> Self {
        Self { axis }
    }

    pub(super) fn read(node: &NodeReader<'_>) -> Self {
        Self { axis: node.int("axis").unwrap_or(0) }
    }
}

/// Indices counted from the start.
fn absolute(indices: &Value, len: usize) -> Result<Vec<usize>, OperatorError> {
    let indices = indices.to_i64().ok_or_else(|| OperatorError::Input("1 must hold integers".to_owned()))?;
    let resolve = |index: i64| {
        let place = if index < 0 { i128::from(index) + len as i128 } else { index.into() };
        let place = usize::try_from(place).ok().filter(|&place| place < len);
        place.ok_or_else(|| OperatorError::Input(format!("1 holds the index {index}, but the axis has {len} entries")))
    };
    indices.into_iter().map(resolve).collect()
}

fn check_indices(inputs: Inputs<'_>, index: usize, len: usize) -> Result<(), OperatorError> {
    let indices = inputs.require(index)?;
    if matches!(indices.dtype, DataType::F32 | DataType::Bool) {
        return Err(OperatorError::Input(format!("{index} must hold integers, not {}", indices.dtype)));
    }
    indices.constant.map_or(Ok(()), |value| absolute(value, len).map(|_| ()))
}

impl Operator for Gather {
    fn name(&self) -> &str {
        "Gather"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let data = inputs.require(0)?;
        let axis = axis_index(self.axis, data.shape.len())?;
        check_indices(inputs, 1, data.shape[axis])?;
        let shape = [&data.shape[..axis], inputs.require(1)?.shape, &data.shape[axis + 1..]].concat();
        Ok(vec![TensorType::new(data.dtype, shape)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let shape = arguments.with_inputs(|inputs| self.infer(inputs))?.remove(0).shape;
        let value = arguments.require(0)?;
        let axis = Axis::of(value.shape(), axis_index(self.axis, value.shape().len())?);
        let indices = absolute(arguments.require(1)?, axis.len)?;
        Ok(vec![map_tensor!(value, t => {
            let mut out = Element::take(pool, &shape);
            movement::take(t.data(), axis, &indices, out.data_mut());
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
            let axis = axis_index(self.axis, shape.len())?;
            gradients[0] = Some(graph.apply(GatherGrad { axis, shape }, &[cotangent, node.input(1)?])?);
        }
        Ok(gradients)
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("axis", self.axis)]
    }
}

/// Gradient of [`Gather`]: every entry sums the cotangents of its copies.
#[derive(Debug, Clone)]
pub(super) struct GatherGrad {
    axis: usize,
    shape: Vec<usize>,
}

impl GatherGrad {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let shape = node.sizes("shape")?.unwrap_or_default();
        Ok(Self { axis: axis_index(node.int("axis").unwrap_or(0), shape.len())?, shape })
    }
}

impl Operator for GatherGrad {
    fn name(&self) -> &str {
        "GatherGrad"
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let cotangent = inputs.f32(0)?;
        check_indices(inputs, 1, self.shape[self.axis])?;
        let (before, after) = (&self.shape[..self.axis], &self.shape[self.axis + 1..]);
        let expected = [before, inputs.require(1)?.shape, after].concat();
        if cotangent.shape != expected {
            return Err(OperatorError::Shape(format!("{:?} is not {expected:?}", cotangent.shape)));
        }
        Ok(vec![TensorType::new(DataType::F32, self.shape.clone())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let axis = Axis::of(&self.shape, self.axis);
        let indices = absolute(arguments.require(1)?, axis.len)?;
        let mut out = pool.take(&self.shape);
        movement::take_gradient(arguments.f32(0)?.data(), axis, &indices, out.data_mut());
        Ok(vec![out.into()])
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("axis", self.axis as i64), Attribute::ints("shape", &self.shape)]
    }
}
