//! `GlobalAveragePool` and `GlobalMaxPool`: one value for each channel.

use eyebar_tensor::{Tensor, blocked, pool};

use super::binary::Binary;
use super::expand::Expand;
use super::pooling::PoolingGrad;
use super::reshape::reshape;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{BlockedKernel, Layout};
use crate::operator::{Arguments, Inputs, Kernel, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// `[N, C, …]` → `[N, C, 1, …]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GlobalPool {
    /// Mean over the spatial axes.
    Average,
    /// Maximum over the spatial axes.
    Max,
}

fn cells(shape: &[usize]) -> usize {
    shape[2..].iter().product()
}

impl Operator for GlobalPool {
    fn name(&self) -> &str {
        match self {
            Self::Average => "GlobalAveragePool",
            Self::Max => "GlobalMaxPool",
        }
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let shape = inputs.f32(0)?.shape;
        if shape.len() < 2 || shape[2..].contains(&0) {
            return Err(OperatorError::Shape(format!("{shape:?} is not [N, C, …] with cells to pool")));
        }
        let mut pooled = vec![1; shape.len()];
        pooled[..2].copy_from_slice(&shape[..2]);
        Ok(vec![TensorType::new(DataType::F32, pooled)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let x = arguments.f32(0)?;
        let kind = arguments.with_inputs(|inputs| self.infer(inputs))?.remove(0);
        let mut y = pool.take(&kind.shape);
        match self {
            Self::Average => pool::mean_of_lines(x.data(), cells(x.shape()), y.data_mut()),
            Self::Max => pool::max_of_lines(x.data(), cells(x.shape()), y.data_mut()),
        }
        Ok(vec![y.into()])
    }

    fn prepare_blocked(&self, inputs: Inputs<'_>, layouts: &[Layout]) -> Result<Option<BlockedKernel>, OperatorError> {
        let blocked = *self == Self::Average && layouts[0] == Layout::Blocked;
        let cells = cells(inputs.require(0)?.shape);
        let inputs = vec![Some(Layout::Blocked)];
        Ok(blocked.then(|| BlockedKernel { kernel: Box::new(BlockedAverage { cells }), inputs }))
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let (Some(cotangent), true) = (cotangents[0], wanted[0]) else { return Ok(vec![None]) };
        let x = node.input(0)?;
        let shape = graph.shape(x).to_vec();
        let cells = cells(&shape);
        if *self == Self::Average {
            let share = graph.add_constant(Tensor::scalar(1.0 / cells as f32));
            let shared = graph.apply(Binary::Mul, &[cotangent, share])?;
            let target = graph.add_constant(super::axes::sizes_constant(&shape));
            return Ok(vec![Some(graph.apply(Expand, &[shared, target])?)]);
        }
        let lines = [shape[0], shape[1], cells];
        let x = reshape(graph, x, &lines)?;
        let cotangent = reshape(graph, cotangent, &[shape[0], shape[1], 1])?;
        let gradient = graph.apply(PoolingGrad::of_max_of_line(&lines), &[cotangent, x])?;
        Ok(vec![Some(reshape(graph, gradient, &shape)?)])
    }
}

struct BlockedAverage {
    cells: usize,
}

impl Kernel for BlockedAverage {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let x = arguments.f32(0)?;
        let mut shape = x.shape().to_vec();
        shape[2..4].fill(1);
        let mut y = pool.take(&shape);
        blocked::global_average(x.data(), self.cells, y.data_mut());
        Ok(vec![y.into()])
    }
}
