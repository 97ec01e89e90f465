//! `Max`, `Min` and `Sum` of any number of inputs with NumPy-style broadcasting.

use super::binary::{Binary, run_f32};
use super::broadcast::{common_shape, sum_to};
use super::derivative::Derivative;
use super::integer;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// Folds one or more inputs, f32 or all of one integer type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variadic {
    /// The largest, NaN if there is one.
    Max,
    /// The smallest, NaN if there is one.
    Min,
    /// The sum.
    Sum,
}

impl Variadic {
    fn pair(self, a: &Value, b: &Value, pool: &Pool) -> Result<Value, OperatorError> {
        let (Value::F32(x), Value::F32(y)) = (a, b) else {
            return match self {
                Self::Max => integer::extremum(true, a, b),
                Self::Min => integer::extremum(false, a, b),
                Self::Sum => integer::run(Binary::Add, a, b),
            };
        };
        match self {
            Self::Max => run_f32(x, y, pool, |a, b| if b > a || b.is_nan() { b } else { a }),
            Self::Min => run_f32(x, y, pool, |a, b| if b < a || b.is_nan() { b } else { a }),
            Self::Sum => run_f32(x, y, pool, |a, b| a + b),
        }
    }

    /// Each element's share of the extremum's gradient: one for the extremum alone, ties share equally.
    fn shares(graph: &mut Graph, node: &Node, dy: ValueId) -> Result<Vec<(ValueId, ValueId)>, OperatorError> {
        let y = node.output(0)?;
        let inputs = (0..node.inputs.len()).map(|index| node.input(index)).collect::<Result<Vec<_>, _>>()?;
        let masks =
            inputs.into_iter().map(|x| graph.apply(Derivative::Equality, &[x, y])).collect::<Result<Vec<_>, _>>()?;
        let count = graph.apply(Self::Sum, &masks)?;
        let share = graph.apply(Binary::Div, &[dy, count])?;
        Ok(masks.into_iter().map(|mask| (mask, share)).collect())
    }
}

impl Operator for Variadic {
    fn name(&self) -> &str {
        match self {
            Self::Max => "Max",
            Self::Min => "Min",
            Self::Sum => "Sum",
        }
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let first = inputs.require(0)?;
        let mut shapes = Vec::with_capacity(inputs.len());
        for index in 0..inputs.len() {
            let input = inputs.require(index)?;
            if input.dtype != first.dtype || !matches!(input.dtype, DataType::F32 | DataType::I64 | DataType::I32) {
                let message = format!("types {} and {} do not go together", first.dtype, input.dtype);
                return Err(OperatorError::Input(message));
            }
            shapes.push(input.shape);
        }
        Ok(vec![TensorType::new(first.dtype, common_shape(&shapes)?)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let mut total: Option<Value> = None;
        for index in 1..arguments.0.len() {
            let next = arguments.require(index)?;
            let folded = match &total {
                Some(total) => self.pair(total, next, pool)?,
                None => self.pair(arguments.require(0)?, next, pool)?,
            };
            if let Some(previous) = total.replace(folded) {
                pool.give(previous);
            }
        }
        match total {
            Some(total) => Ok(vec![total]),
            None => Ok(vec![arguments.require(0)?.clone()]),
        }
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let mut gradients = vec![None; node.inputs.len()];
        let Some(dy) = cotangents[0] else { return Ok(gradients) };
        let alone = node.inputs.len() == 1;
        let shares = if *self == Self::Sum || alone { Vec::new() } else { Self::shares(graph, node, dy)? };
        for index in (0..gradients.len()).filter(|&index| wanted[index]) {
            let partial = match shares.get(index) {
                Some(&(mask, share)) => graph.apply(Binary::Mul, &[share, mask])?,
                None => dy,
            };
            let shape = graph.shape(node.input(index)?).to_vec();
            gradients[index] = Some(sum_to(graph, partial, &shape)?);
        }
        Ok(gradients)
    }
}
