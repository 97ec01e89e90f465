//! Partial derivatives of element-wise operators of two inputs, where ONNX has no operator for them.

use super::binary::{numbers, run_f32};
use super::blocked::elementwise;
use super::broadcast::common_shape;
use super::forms::Forms;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{BlockedKernel, Layout};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// A function of two inputs that broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Derivative {
    /// 1 where a = b, else 0: whether an element is the extremum.
    Equality,
    /// ∂PRelu(x, slope)/∂x: 1 for x > 0, else the slope.
    PReluInput,
    /// ∂aᵇ/∂a = b aᵇ⁻¹; 0 for b = 0.
    PowBase,
    /// ∂aᵇ/∂b = aᵇ ln a; 0 for a = 0 and b ≥ 0.
    PowExponent,
}

fn power_base(a: f32, b: f32) -> f32 {
    if b == 0.0 { 0.0 } else { b * a.powf(b - 1.0) }
}

fn power_exponent(a: f32, b: f32) -> f32 {
    if a == 0.0 && b >= 0.0 { 0.0 } else { a.powf(b) * a.ln() }
}

impl Derivative {
    const ALL: [Self; 4] = [Self::Equality, Self::PReluInput, Self::PowBase, Self::PowExponent];

    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|derivative| derivative.name() == name)
    }
}

impl Operator for Derivative {
    fn name(&self) -> &str {
        match self {
            Self::Equality => "EqualityMask",
            Self::PReluInput => "PReluInputDerivative",
            Self::PowBase => "PowBaseDerivative",
            Self::PowExponent => "PowExponentDerivative",
        }
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (a, b) = (inputs.f32(0)?, inputs.require(1)?);
        if b.dtype == DataType::Bool {
            return Err(OperatorError::Input("1 must be a number, not bool".to_owned()));
        }
        Ok(vec![TensorType::new(DataType::F32, common_shape(&[a.shape, b.shape])?)?])
    }

    fn standard(&self, graph: &mut Graph, node: &Node) -> Result<ValueId, OperatorError> {
        let (a, b) = (node.input(0)?, node.input(1)?);
        let mut forms = Forms::like(graph, node.output(0)?);
        match self {
            Self::Equality => forms.equality(a, b),
            Self::PReluInput => forms.one_above_zero(a, b),
            Self::PowBase | Self::PowExponent => Err(OperatorError::NotStandard),
        }
    }

    fn prepare_blocked(&self, inputs: Inputs<'_>, layouts: &[Layout]) -> Result<Option<BlockedKernel>, OperatorError> {
        Ok(elementwise(*self, inputs, layouts))
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let a = arguments.f32(0)?;
        let b = &*numbers(arguments.require(1)?)?;
        let value = match self {
            Self::Equality => run_f32(a, b, pool, |a, b| f32::from(u8::from(a == b))),
            Self::PReluInput => run_f32(a, b, pool, |x, slope| if x > 0.0 { 1.0 } else { slope }),
            Self::PowBase if b.data() == [2.0] => run_f32(a, b, pool, |a, _| 2.0 * a),
            Self::PowBase => run_f32(a, b, pool, power_base),
            Self::PowExponent => run_f32(a, b, pool, power_exponent),
        };
        value.map(|value| vec![value])
    }
}
