//! Element-wise arithmetic in ONNX's operators, for gradients that are written for other runtimes.

use eyebar_tensor::Tensor;

use super::binary::Binary;
use super::function::Function;
use super::unary::Unary;
use crate::error::OperatorError;
use crate::graph::{Graph, ValueId};
use crate::value::{DataType, TensorType};

/// Adds nodes on values of one shape.
pub(super) struct Forms<'a> {
    graph: &'a mut Graph,
    shape: Vec<usize>,
}

type Made = Result<ValueId, OperatorError>;

impl<'a> Forms<'a> {
    /// For values that broadcast to the shape of `value`.
    pub(super) fn like(graph: &'a mut Graph, value: ValueId) -> Self {
        let shape = graph.shape(value).to_vec();
        Self { graph, shape }
    }

    fn number(&mut self, number: f32) -> ValueId {
        self.graph.add_constant(Tensor::scalar(number))
    }

    fn foreign(&mut self, name: &'static str, inputs: &[ValueId], dtype: DataType) -> Made {
        let kind = TensorType::new(dtype, self.shape.clone())?;
        Ok(self.graph.add_foreign(name, Vec::new(), inputs, vec![kind])[0])
    }

    fn binary(&mut self, operator: Binary, a: ValueId, b: ValueId) -> Made {
        self.graph.apply(operator, &[a, b])
    }

    fn times(&mut self, factor: f32, a: ValueId) -> Made {
        let factor = self.number(factor);
        self.binary(Binary::Mul, a, factor)
    }

    /// number + sign · a.
    fn plus(&mut self, number: f32, sign: f32, a: ValueId) -> Made {
        let (number, signed) = (self.number(number), self.times(sign, a)?);
        self.binary(Binary::Add, signed, number)
    }

    /// `yes` where a > number, else `no`.
    pub(super) fn above(&mut self, a: ValueId, number: f32, yes: ValueId, no: ValueId) -> Made {
        let number = self.number(number);
        let condition = self.foreign("Greater", &[a, number], DataType::Bool)?;
        self.foreign("Where", &[condition, yes, no], DataType::F32)
    }

    /// `value` where low ≤ a ≤ high, else 0.
    fn within(&mut self, a: ValueId, low: f32, high: f32, value: ValueId) -> Made {
        let (low, high, zero) = (self.number(low), self.number(high), self.number(0.0));
        let from = self.foreign("GreaterOrEqual", &[a, low], DataType::Bool)?;
        let to = self.foreign("LessOrEqual", &[a, high], DataType::Bool)?;
        let both = self.foreign("And", &[from, to], DataType::Bool)?;
        self.foreign("Where", &[both, value, zero], DataType::F32)
    }

    /// 1 where a = b, else 0.
    pub(super) fn equality(&mut self, a: ValueId, b: ValueId) -> Made {
        let (one, zero) = (self.number(1.0), self.number(0.0));
        let equal = self.foreign("Equal", &[a, b], DataType::Bool)?;
        self.foreign("Where", &[equal, one, zero], DataType::F32)
    }

    /// `slope` where a ≤ 0, else 1.
    pub(super) fn one_above_zero(&mut self, a: ValueId, slope: ValueId) -> Made {
        let one = self.number(1.0);
        self.above(a, 0.0, one, slope)
    }

    /// dy · f′, of what [`Function::derivative_of`] names; see [`Function::differentiate`].
    pub(super) fn gradient(&mut self, function: Function, dy: ValueId, seen: ValueId) -> Made {
        match function {
            Function::Relu => {
                let zero = self.number(0.0);
                self.above(seen, 0.0, dy, zero)
            }
            Function::LeakyRelu { alpha } => {
                let below = self.times(alpha, dy)?;
                self.above(seen, 0.0, dy, below)
            }
            Function::Elu { alpha } => {
                // Not e to a large number where it is not chosen.
                let zero = self.number(0.0);
                let low = self.foreign("Min", &[seen, zero], DataType::F32)?;
                let power = self.foreign("Exp", &[low], DataType::F32)?;
                let below = self.times(alpha, power)?;
                let below = self.binary(Binary::Mul, dy, below)?;
                self.above(seen, 0.0, dy, below)
            }
            Function::Clip { min, max } => self.within(seen, min, max, dy),
            Function::HardSigmoid { alpha, beta } => {
                let (line, sloped) = (self.times(alpha, seen)?, self.times(alpha, dy)?);
                let line = self.plus(beta, 1.0, line)?;
                self.within(line, f32::MIN_POSITIVE, 1.0 - f32::EPSILON / 2.0, sloped)
            }
            Function::HardSwish => {
                let slope = self.times(1.0 / 3.0, seen)?;
                let slope = self.plus(0.5, 1.0, slope)?;
                let inside = self.binary(Binary::Mul, dy, slope)?;
                let inside = self.within(seen, -3.0, 3.0, inside)?;
                self.above(seen, 3.0, dy, inside)
            }
            Function::Sigmoid => {
                let rest = self.plus(1.0, -1.0, seen)?;
                let slope = self.binary(Binary::Mul, seen, rest)?;
                self.binary(Binary::Mul, dy, slope)
            }
            Function::Softplus => {
                let slope = self.graph.apply(Unary::SIGMOID, &[seen])?;
                self.binary(Binary::Mul, dy, slope)
            }
            Function::Tanh => {
                let square = self.binary(Binary::Mul, seen, seen)?;
                let slope = self.plus(1.0, -1.0, square)?;
                self.binary(Binary::Mul, dy, slope)
            }
            _ => Err(OperatorError::NotStandard),
        }
    }
}
