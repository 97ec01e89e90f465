//! Element-wise operators of one input: activation functions and elementary functions.

use std::any::Any;

use super::binary::Binary;
use super::blocked::{lifted, local};
use super::forms::Forms;
use super::function::{Function, Seen};
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{BlockedKernel, Layout, LocalKernel};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// out = f(x), element by element, any shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unary(Function);

impl Unary {
    pub(super) fn function(self) -> Function {
        self.0
    }

    pub(super) const EXP: Self = Self(Function::Exp);
    pub(super) const NEG: Self = Self(Function::Neg);
    #[cfg(test)]
    pub(super) const RELU: Self = Self(Function::Relu);
    pub(super) const SIGMOID: Self = Self(Function::Sigmoid);

    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        read_function(node.operator(), node).map(Self)
    }
}

/// The function that ONNX calls `name`, with the attributes of `node`.
fn read_function(name: &str, node: &NodeReader<'_>) -> Result<Function, OperatorError> {
    let float = |name, default| node.float(name).unwrap_or(default);
    Ok(match name {
        "Abs" => Function::Abs,
        "Ceil" => Function::Ceil,
        "Elu" => Function::Elu { alpha: float("alpha", 1.0) },
        "Erf" => Function::Erf,
        "Exp" => Function::Exp,
        "Floor" => Function::Floor,
        "Gelu" => match node.string("approximate")? {
            None | Some("none") => Function::Gelu,
            Some("tanh") => Function::GeluTanh,
            Some(other) => return Err(OperatorError::Attribute(format!("approximate is {other:?}"))),
        },
        "HardSigmoid" => Function::HardSigmoid { alpha: float("alpha", 0.2), beta: float("beta", 0.5) },
        "HardSwish" => Function::HardSwish,
        "LeakyRelu" => Function::LeakyRelu { alpha: float("alpha", 0.01) },
        "Log" => Function::Log,
        "Neg" => Function::Neg,
        "Reciprocal" => Function::Reciprocal,
        "Relu" => Function::Relu,
        "Sigmoid" => Function::Sigmoid,
        "Softplus" => Function::Softplus,
        "Sqrt" => Function::Sqrt,
        "Tanh" => Function::Tanh,
        other => return Err(OperatorError::Unsupported(format!("operator {other}"))),
    })
}

impl Operator for Unary {
    fn name(&self) -> &str {
        match self.0 {
            Function::Abs => "Abs",
            Function::Ceil => "Ceil",
            Function::Clip { .. } => "Clip",
            Function::Elu { .. } => "Elu",
            Function::Erf => "Erf",
            Function::Exp => "Exp",
            Function::Floor => "Floor",
            Function::Gelu | Function::GeluTanh => "Gelu",
            Function::HardSigmoid { .. } => "HardSigmoid",
            Function::HardSwish => "HardSwish",
            Function::LeakyRelu { .. } => "LeakyRelu",
            Function::Log => "Log",
            Function::Neg => "Neg",
            Function::Reciprocal => "Reciprocal",
            Function::Relu => "Relu",
            Function::Sigmoid => "Sigmoid",
            Function::Softplus => "Softplus",
            Function::Sqrt => "Sqrt",
            Function::Tanh => "Tanh",
        }
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        Ok(vec![TensorType::new(DataType::F32, inputs.f32(0)?.shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        apply(self.0, arguments, pool)
    }

    fn prepare_local(&self, inputs: Inputs<'_>, _: usize) -> Result<Option<LocalKernel>, OperatorError> {
        Ok(local(*self, inputs))
    }

    fn prepare_blocked(&self, inputs: Inputs<'_>, layouts: &[Layout]) -> Result<Option<BlockedKernel>, OperatorError> {
        Ok(lifted(*self, inputs, layouts))
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let (Some(dy), true) = (cotangents[0], wanted[0]) else { return Ok(vec![None]) };
        differentiate(self.0, graph, node, dy).map(|dx| vec![dx])
    }

    fn attributes(&self) -> Vec<Attribute> {
        attributes(self.0)
    }
}

/// out = f(input 0).
pub(super) fn apply(function: Function, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
    let x = arguments.f32(0)?;
    let mut out = pool.take(x.shape());
    function.apply(x.data(), out.data_mut());
    Ok(vec![out.into()])
}

/// Adds dx = dy · f′ for `node`, which computes `function`; `None` where the derivative is zero everywhere.
pub(super) fn differentiate(
    function: Function,
    graph: &mut Graph,
    node: &Node,
    dy: ValueId,
) -> Result<Option<ValueId>, OperatorError> {
    let seen = match function.derivative_of() {
        Seen::Input => node.input(0)?,
        Seen::Output => node.output(0)?,
    };
    Ok(match function {
        Function::Ceil | Function::Floor => None,
        Function::Exp => Some(graph.apply(Binary::Mul, &[dy, seen])?),
        Function::Neg => Some(graph.apply(Unary::NEG, &[dy])?),
        _ => Some(graph.apply(UnaryGrad(function), &[dy, seen])?),
    })
}

fn attributes(function: Function) -> Vec<Attribute> {
    match function {
        Function::Elu { alpha } | Function::LeakyRelu { alpha } => vec![Attribute::float("alpha", alpha)],
        Function::GeluTanh => vec![Attribute::string("approximate", "tanh")],
        Function::HardSigmoid { alpha, beta } => {
            vec![Attribute::float("alpha", alpha), Attribute::float("beta", beta)]
        }
        _ => Vec::new(),
    }
}

/// dx = dy · f′. Inputs are dy and, as [`Function::derivative_of`] says, the input or the output of f, of one shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnaryGrad(Function);

/// Whether the operator is the gradient of a ReLU: the cotangent (input 0) where the ReLU's output (input 1) is above 0.
pub(crate) fn is_relu_gradient(operator: &dyn Any) -> bool {
    matches!(operator.downcast_ref(), Some(UnaryGrad(Function::Relu)))
}

impl UnaryGrad {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        Ok(Self(match node.operator().strip_suffix("Grad").unwrap_or_default() {
            "Clip" => Function::Clip {
                min: node.float("min").unwrap_or(f32::NEG_INFINITY),
                max: node.float("max").unwrap_or(f32::INFINITY),
            },
            name => read_function(name, node)?,
        }))
    }
}

impl Operator for UnaryGrad {
    fn name(&self) -> &str {
        match self.0 {
            Function::Abs => "AbsGrad",
            Function::Ceil => "CeilGrad",
            Function::Clip { .. } => "ClipGrad",
            Function::Elu { .. } => "EluGrad",
            Function::Erf => "ErfGrad",
            Function::Exp => "ExpGrad",
            Function::Floor => "FloorGrad",
            Function::Gelu | Function::GeluTanh => "GeluGrad",
            Function::HardSigmoid { .. } => "HardSigmoidGrad",
            Function::HardSwish => "HardSwishGrad",
            Function::LeakyRelu { .. } => "LeakyReluGrad",
            Function::Log => "LogGrad",
            Function::Neg => "NegGrad",
            Function::Reciprocal => "ReciprocalGrad",
            Function::Relu => "ReluGrad",
            Function::Sigmoid => "SigmoidGrad",
            Function::Softplus => "SoftplusGrad",
            Function::Sqrt => "SqrtGrad",
            Function::Tanh => "TanhGrad",
        }
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (dy, seen) = (inputs.f32(0)?, inputs.f32(1)?);
        if dy.shape != seen.shape {
            return Err(OperatorError::Shape(format!("{:?} and {:?} differ", dy.shape, seen.shape)));
        }
        Ok(vec![TensorType::new(DataType::F32, dy.shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (dy, seen) = (arguments.f32(0)?, arguments.f32(1)?);
        let mut dx = pool.take(dy.shape());
        self.0.differentiate(dy.data(), seen.data(), dx.data_mut());
        Ok(vec![dx.into()])
    }

    fn standard(&self, graph: &mut Graph, node: &Node) -> Result<ValueId, OperatorError> {
        let (dy, seen) = (node.input(0)?, node.input(1)?);
        Forms::like(graph, seen).gradient(self.0, dy, seen)
    }

    fn prepare_blocked(&self, inputs: Inputs<'_>, layouts: &[Layout]) -> Result<Option<BlockedKernel>, OperatorError> {
        Ok(lifted(*self, inputs, layouts))
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self.0 {
            Function::Clip { min, max } => vec![Attribute::float("min", min), Attribute::float("max", max)],
            function => attributes(function),
        }
    }
}
