//! Element-wise operators of two inputs with NumPy-style broadcasting.

use std::borrow::Cow;

use eyebar_tensor::Tensor;
use eyebar_tensor::elementwise::broadcast;

use super::blocked::{elementwise, local};
use super::broadcast::{common_shape, sum_to};
use super::derivative::Derivative;
use super::integer;
use super::unary::Unary;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{BlockedKernel, Layout, LocalKernel};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// Arithmetic on f32 (all) and on integers (all but `Pow`), where exporters compute shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// out = a + b.
    Add,
    /// out = a / b; integers are rounded towards zero.
    Div,
    /// out = a · b.
    Mul,
    /// out = aᵇ; b may be an integer.
    Pow,
    /// out = a − b.
    Sub,
}

/// out = f(a, b) on f32.
pub(super) fn run_f32(
    a: &Tensor,
    b: &Tensor,
    pool: &Pool,
    f: impl Fn(f32, f32) -> f32 + Sync,
) -> Result<Value, OperatorError> {
    let mut out = pool.take(&common_shape(&[a.shape(), b.shape()])?);
    let shape = out.shape().to_vec();
    broadcast((a.data(), a.shape()), (b.data(), b.shape()), out.data_mut(), &shape, f);
    Ok(out.into())
}

/// The numbers of an f32 or integer input as f32.
pub(super) fn numbers(value: &Value) -> Result<Cow<'_, Tensor>, OperatorError> {
    if let Value::F32(tensor) = value {
        return Ok(Cow::Borrowed(tensor));
    }
    let integers =
        value.to_i64().ok_or_else(|| OperatorError::Input(format!("of {} is not a number", value.dtype())))?;
    Ok(Cow::Owned(Tensor::new(value.shape(), integers.into_iter().map(|v| v as f32).collect())?))
}

fn power(a: &Tensor, b: &Tensor, pool: &Pool) -> Result<Value, OperatorError> {
    match *b.data() {
        // The powers that networks use, without the cost of a logarithm.
        [2.0] => run_f32(a, b, pool, |a, _| a * a),
        [0.5] => run_f32(a, b, pool, |a, _| a.sqrt()),
        [3.0] => run_f32(a, b, pool, |a, _| a * a * a),
        _ => run_f32(a, b, pool, f32::powf),
    }
}

impl Operator for Binary {
    fn name(&self) -> &str {
        match self {
            Self::Add => "Add",
            Self::Div => "Div",
            Self::Mul => "Mul",
            Self::Pow => "Pow",
            Self::Sub => "Sub",
        }
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (a, b) = (inputs.require(0)?, inputs.require(1)?);
        let fits = match (self, a.dtype) {
            (Self::Pow, DataType::F32) => b.dtype != DataType::Bool,
            (_, DataType::F32) => b.dtype == a.dtype,
            (Self::Pow, _) => false,
            (_, DataType::I64 | DataType::I32) => b.dtype == a.dtype,
            _ => false,
        };
        if !fits {
            return Err(OperatorError::Input(format!("types {} and {} do not go together", a.dtype, b.dtype)));
        }
        Ok(vec![TensorType::new(a.dtype, common_shape(&[a.shape, b.shape])?)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (a, b) = (arguments.require(0)?, arguments.require(1)?);
        let Value::F32(x) = a else {
            return integer::run(*self, a, b).map(|value| vec![value]);
        };
        let y = numbers(b)?;
        let value = match self {
            Self::Add => run_f32(x, &y, pool, |a, b| a + b),
            Self::Div => run_f32(x, &y, pool, |a, b| a / b),
            Self::Mul => run_f32(x, &y, pool, |a, b| a * b),
            Self::Pow => power(x, &y, pool),
            Self::Sub => run_f32(x, &y, pool, |a, b| a - b),
        };
        value.map(|value| vec![value])
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
        let Some(dy) = cotangents[0] else { return Ok(vec![None; 2]) };
        let operands = [node.input(0)?, node.input(1)?];
        let mut gradients = vec![None; 2];
        for index in (0..2).filter(|&index| wanted[index]) {
            let partial = self.partial(graph, node, dy, index)?;
            let shape = graph.shape(operands[index]).to_vec();
            gradients[index] = Some(sum_to(graph, partial, &shape)?);
        }
        Ok(gradients)
    }
}

impl Binary {
    /// Adds dy · ∂out/∂operand, in the shape of the output.
    fn partial(self, graph: &mut Graph, node: &Node, dy: ValueId, index: usize) -> Result<ValueId, OperatorError> {
        let (a, b) = (node.input(0)?, node.input(1)?);
        match (self, index) {
            (Self::Add, _) | (Self::Sub, 0) => Ok(dy),
            (Self::Sub, _) => graph.apply(Unary::NEG, &[dy]),
            (Self::Mul, 0) => graph.apply(Self::Mul, &[dy, b]),
            (Self::Mul, _) => graph.apply(Self::Mul, &[dy, a]),
            (Self::Div, 0) => graph.apply(Self::Div, &[dy, b]),
            (Self::Div, _) => {
                // ∂(a/b)/∂b = −(a/b)/b.
                let quotient = graph.apply(Self::Div, &[node.output(0)?, b])?;
                let product = graph.apply(Self::Mul, &[dy, quotient])?;
                graph.apply(Unary::NEG, &[product])
            }
            (Self::Pow, index) => {
                let derivative = if index == 0 { Derivative::PowBase } else { Derivative::PowExponent };
                let slope = graph.apply(derivative, &[a, b])?;
                graph.apply(Self::Mul, &[dy, slope])
            }
        }
    }
}
