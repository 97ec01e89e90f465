//! `Transpose`: a permutation of the axes.

use eyebar_tensor::movement::{self, View};

use super::axes::axis_indices;
use super::element::Element;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::map_tensor;
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{TensorType, Value};

/// Axis `k` of the output is axis `permutation[k]` of the input; without a permutation the axes are reversed.
#[derive(Debug, Clone)]
pub struct Transpose {
    permutation: Option<Vec<i64>>,
}

impl Transpose {
    /// Permutes the axes.
    pub fn new(permutation: &[usize]) -> Self {
        Self { permutation: Some(permutation.iter().map(|&axis| axis as i64).collect()) }
    }

    pub(super) fn read(node: &NodeReader<'_>) -> Self {
        Self { permutation: node.ints("perm").map(<[i64]>::to_vec) }
    }

    fn permutation(&self, rank: usize) -> Result<Vec<usize>, OperatorError> {
        match &self.permutation {
            None => Ok((0..rank).rev().collect()),
            Some(axes) if axes.len() == rank => axis_indices(axes, rank),
            Some(axes) => Err(OperatorError::Shape(format!("perm {axes:?} does not permute {rank} axes"))),
        }
    }
}

impl Operator for Transpose {
    fn name(&self) -> &str {
        "Transpose"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let input = inputs.require(0)?;
        let permutation = self.permutation(input.shape.len())?;
        let shape = permutation.into_iter().map(|axis| input.shape[axis]).collect();
        Ok(vec![TensorType::new(input.dtype, shape)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let value = arguments.require(0)?;
        let permutation = self.permutation(value.shape().len())?;
        let shape: Vec<_> = permutation.iter().map(|&axis| value.shape()[axis]).collect();
        let plain = View::contiguous(value.shape());
        let view = View { offset: 0, strides: permutation.iter().map(|&axis| plain.strides[axis]).collect() };
        Ok(vec![map_tensor!(value, t => {
            let mut out = Element::take(pool, &shape);
            movement::read_view(t.data(), &view, &shape, out.data_mut());
            out
        })])
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        _node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let (Some(cotangent), true) = (cotangents[0], wanted[0]) else { return Ok(vec![None]) };
        let permutation = self.permutation(graph.shape(cotangent).len())?;
        let mut inverse = vec![0; permutation.len()];
        permutation.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
        Ok(vec![Some(graph.apply(Self::new(&inverse), &[cotangent])?)])
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.permutation.iter().map(|axes| Attribute::ints("perm", axes)).collect()
    }
}
