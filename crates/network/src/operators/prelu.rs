//! `PRelu`: a leaky ReLU whose slope is learnt (He et al. 2015).

use eyebar_tensor::Tensor;

use super::binary::{Binary, run_f32};
use super::blocked::{elementwise, local};
use super::broadcast::{common_shape, sum_to};
use super::derivative::Derivative;
use super::variadic::Variadic;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{BlockedKernel, Layout, LocalKernel};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// out = x, below zero slope · x. Input 1, the slope, broadcasts to x (`[C, 1, 1]` for one slope a channel).
#[derive(Debug, Clone, Copy)]
pub(super) struct PRelu;

impl Operator for PRelu {
    fn name(&self) -> &str {
        "PRelu"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (x, slope) = (inputs.f32(0)?, inputs.f32(1)?);
        if common_shape(&[x.shape, slope.shape])? != x.shape {
            let message = format!("slope {:?} does not broadcast to {:?}", slope.shape, x.shape);
            return Err(OperatorError::Shape(message));
        }
        Ok(vec![TensorType::new(DataType::F32, x.shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (x, slope) = (arguments.f32(0)?, arguments.f32(1)?);
        run_f32(x, slope, pool, |x, slope| if x < 0.0 { slope * x } else { x }).map(|value| vec![value])
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
        let (x, slope) = (node.input(0)?, node.input(1)?);
        let mut gradients = vec![None; 2];
        if wanted[0] {
            let derivative = graph.apply(Derivative::PReluInput, &[x, slope])?;
            gradients[0] = Some(graph.apply(Binary::Mul, &[dy, derivative])?);
        }
        if wanted[1] {
            let zero = graph.add_constant(Tensor::scalar(0.0f32));
            let negative = graph.apply(Variadic::Min, &[x, zero])?;
            let partial = graph.apply(Binary::Mul, &[dy, negative])?;
            let shape = graph.shape(slope).to_vec();
            gradients[1] = Some(sum_to(graph, partial, &shape)?);
        }
        Ok(gradients)
    }
}
