//! Values that do not depend on the data: `Constant`, `ConstantOfShape`, `Shape`.

use eyebar_tensor::Tensor;

use super::axes::{require_i64, sizes_constant};
use crate::error::OperatorError;
use crate::onnx::{Attribute, AttributeValue, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};
use crate::{map_tensor, with_tensor};

/// A constant tensor.
#[derive(Debug, Clone)]
pub(super) struct Constant(Value);

impl Constant {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let value = if let Some(value) = node.tensor("value")? {
            Some(value)
        } else if let Some(value) = node.float("value_float") {
            Some(Tensor::scalar(value).into())
        } else if let Some(value) = node.int("value_int") {
            Some(Tensor::scalar(value).into())
        } else if let Some(values) = node.floats("value_floats") {
            Some(Tensor::vector(values.to_vec()).into())
        } else {
            node.ints("value_ints").map(|values| Tensor::vector(values.to_vec()).into())
        };
        value.map(Self).ok_or_else(|| OperatorError::Unsupported("a Constant that is no tensor of numbers".to_owned()))
    }
}

impl Operator for Constant {
    fn name(&self) -> &str {
        "Constant"
    }

    fn infer(&self, _inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        Ok(vec![self.0.tensor_type()])
    }

    fn run(&self, _arguments: Arguments<'_>, _pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        Ok(vec![self.0.clone()])
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute { name: "value", value: AttributeValue::Tensor(self.0.clone()) }]
    }
}

/// A tensor of a given shape, filled with one value.
#[derive(Debug, Clone)]
pub(super) struct ConstantOfShape {
    value: Value,
}

impl ConstantOfShape {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let value = node.tensor("value")?.unwrap_or_else(|| Tensor::vector(vec![0.0f32]).into());
        if value.len() == 1 {
            Ok(Self { value })
        } else {
            Err(OperatorError::Attribute(format!("value must hold one element, not {}", value.len())))
        }
    }
}

impl Operator for ConstantOfShape {
    fn name(&self) -> &str {
        "ConstantOfShape"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let dims = require_i64(inputs, 0)?;
        let shape = dims.iter().map(|&dim| usize::try_from(dim)).collect::<Result<Vec<_>, _>>();
        let shape = shape.map_err(|_| OperatorError::Shape(format!("shape {dims:?} must not be negative")))?;
        Ok(vec![TensorType::new(self.value.dtype(), shape)?])
    }

    fn run(&self, arguments: Arguments<'_>, _pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let kind = arguments.with_inputs(|inputs| self.infer(inputs))?.remove(0);
        Ok(vec![map_tensor!(&self.value, t => Tensor::full(&kind.shape, t.data()[0]))])
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute { name: "value", value: AttributeValue::Tensor(self.value.clone()) }]
    }
}

/// The dimensions of a tensor, from `start` to before `end`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    start: i64,
    end: Option<i64>,
}

impl Shape {
    pub(super) fn read(node: &NodeReader<'_>) -> Self {
        Self { start: node.int("start").unwrap_or(0), end: node.int("end") }
    }

    fn dims(self, shape: &[usize]) -> Value {
        let rank = shape.len() as i64;
        let place = |axis: i64| (if axis < 0 { axis.saturating_add(rank) } else { axis }).clamp(0, rank) as usize;
        let (start, end) = (place(self.start), place(self.end.unwrap_or(rank)));
        sizes_constant(shape.get(start..end).unwrap_or(&[])).into()
    }
}

impl Operator for Shape {
    fn name(&self) -> &str {
        "Shape"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let length = self.dims(inputs.require(0)?.shape).len();
        Ok(vec![TensorType::new(DataType::I64, vec![length])?])
    }

    fn run(&self, arguments: Arguments<'_>, _pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        Ok(vec![with_tensor!(arguments.require(0)?, t => self.dims(t.shape()))])
    }

    fn fold(&self, inputs: Inputs<'_>) -> Option<Value> {
        inputs.get(0).map(|input| self.dims(input.shape))
    }

    fn attributes(&self) -> Vec<Attribute> {
        let end = self.end.map(|end| Attribute::int("end", end));
        std::iter::once(Attribute::int("start", self.start)).chain(end).collect()
    }
}
