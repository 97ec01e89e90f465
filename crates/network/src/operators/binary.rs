//! Element-wise operators of two inputs with NumPy-style broadcasting.

use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// out = a + b.
#[derive(Debug, Clone, Copy)]
pub struct Add;

impl Operator for Add {
    fn name(&self) -> &str {
        "Add"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (a, b) = (inputs.f32(0)?, inputs.f32(1)?);
        if a.shape != b.shape {
            return Err(OperatorError::Shape(format!("{:?} and {:?} do not broadcast", a.shape, b.shape)));
        }
        Ok(vec![TensorType::new(DataType::F32, a.shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (a, b) = (arguments.f32(0)?, arguments.f32(1)?);
        let mut out = pool.take(a.shape());
        for ((out, a), b) in out.data_mut().iter_mut().zip(a.data()).zip(b.data()) {
            *out = a + b;
        }
        Ok(vec![out.into()])
    }

    fn gradient(
        &self,
        _graph: &mut Graph,
        _node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        Ok(wanted.iter().map(|&wanted| cotangents[0].filter(|_| wanted)).collect())
    }
}
