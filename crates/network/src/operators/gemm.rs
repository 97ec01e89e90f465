//! Dense layer: a matrix product with scaling and a bias.

use eyebar_tensor::Tensor;
use eyebar_tensor::gemm::{Matrix, matmul, times, times_transposed};
use eyebar_tensor::simd::Isa;
use rayon::prelude::*;

use super::Mul;
use super::broadcast::{common_shape, sum_to};
use super::conv::check_depth;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Input, Inputs, Kernel, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// Gemm: α · A · B + β · C for A `[M, K]`, B `[K, N]` (either may be given transposed), C broadcast to `[M, N]`.
#[derive(Debug, Clone)]
pub(super) struct Gemm {
    pub(super) alpha: f32,
    pub(super) beta: f32,
    pub(super) transpose_a: bool,
    pub(super) transpose_b: bool,
}

impl Gemm {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        Ok(Self {
            alpha: node.float("alpha").unwrap_or(1.0),
            beta: node.float("beta").unwrap_or(1.0),
            transpose_a: node.flag("transA", false),
            transpose_b: node.flag("transB", false),
        })
    }

    /// (M, K, N)
    fn sizes(&self, a: &[usize], b: &[usize]) -> Result<(usize, usize, usize), OperatorError> {
        let (&[a0, a1], &[b0, b1]) = (a, b) else {
            return Err(OperatorError::Shape(format!("{a:?} and {b:?} should be matrices")));
        };
        let (m, k) = if self.transpose_a { (a1, a0) } else { (a0, a1) };
        let (inner, n) = if self.transpose_b { (b1, b0) } else { (b0, b1) };
        if k == inner {
            Ok((m, k, n))
        } else {
            Err(OperatorError::Shape(format!("{a:?} and {b:?} do not fit: depth {k} against {inner}")))
        }
    }

    fn product(&self, arguments: Arguments<'_>, pool: &Pool, is_finite: bool) -> Result<Vec<Value>, OperatorError> {
        let (a, b) = (arguments.f32(0)?, arguments.f32(1)?);
        let (m, k, n) = self.sizes(a.shape(), b.shape())?;
        let mut out = pool.take(&[m, n]);
        let isa = Isa::detect();
        match (self.transpose_a, self.transpose_b) {
            (false, false) => times(isa, a.data(), b.data(), k, is_finite, out.data_mut()),
            (false, true) => times_transposed(isa, a.data(), b.data(), k, out.data_mut()),
            (true, _) => {
                let left = matrix(a, true).pack_left(isa);
                matmul(&left, matrix(b, self.transpose_b), out.data_mut());
            }
        }
        let bias = arguments.optional_f32(2)?;
        finish(&mut out, self.alpha, bias, self.beta);
        Ok(vec![out.into()])
    }
}

/// A Gemm whose B is known to be finite.
struct FiniteGemm(Gemm);

impl Kernel for FiniteGemm {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        self.0.product(arguments, pool, true)
    }
}

/// Whether an input is a constant without infinities and NaN.
pub(super) fn is_finite(input: Option<Input<'_>>) -> bool {
    const PART: usize = 1 << 16;
    let constant = input.and_then(|input| input.constant).and_then(Value::as_f32);
    constant.is_some_and(|constant| {
        constant.data().par_chunks(PART).all(|part| part.iter().fold(true, |all, value| all & value.is_finite()))
    })
}

impl Operator for Gemm {
    fn name(&self) -> &str {
        "Gemm"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (m, k, n) = self.sizes(inputs.f32(0)?.shape, inputs.f32(1)?.shape)?;
        if self.transpose_a {
            check_depth(k)?;
        }
        if inputs.get(2).is_some() {
            let shape = inputs.f32(2)?.shape;
            if common_shape(&[shape, &[m, n]])? != [m, n] {
                return Err(OperatorError::Shape(format!("bias {shape:?} does not broadcast to [{m}, {n}]")));
            }
        }
        Ok(vec![TensorType::new(DataType::F32, vec![m, n])?])
    }

    fn prepare(&self, inputs: Inputs<'_>) -> Result<Option<Box<dyn Kernel>>, OperatorError> {
        let knows = !self.transpose_a && !self.transpose_b && is_finite(inputs.get(1));
        Ok(knows.then(|| Box::new(FiniteGemm(self.clone())) as Box<dyn Kernel>))
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        self.product(arguments, pool, false)
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let Some(cotangent) = cotangents[0] else { return Ok(vec![None; wanted.len()]) };
        let (a, b) = (node.input(0)?, node.input(1)?);
        let product = |transpose_a, transpose_b| Self { alpha: self.alpha, beta: 1.0, transpose_a, transpose_b };
        let mut gradients = vec![None; wanted.len()];
        if wanted[0] {
            gradients[0] = Some(if self.transpose_a {
                graph.apply(product(self.transpose_b, true), &[b, cotangent])?
            } else {
                graph.apply(product(false, !self.transpose_b), &[cotangent, b])?
            });
        }
        if wanted[1] {
            gradients[1] = Some(if self.transpose_b {
                graph.apply(product(true, self.transpose_a), &[cotangent, a])?
            } else {
                graph.apply(product(!self.transpose_a, false), &[a, cotangent])?
            });
        }
        if wanted.get(2) == Some(&true) {
            let bias = graph.shape(node.input(2)?).to_vec();
            let total = sum_to(graph, cotangent, &bias)?;
            let beta = graph.add_constant(Tensor::scalar(self.beta));
            gradients[2] = Some(graph.apply(Mul, &[total, beta])?);
        }
        Ok(gradients)
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![
            Attribute::float("alpha", self.alpha),
            Attribute::float("beta", self.beta),
            Attribute::int("transA", self.transpose_a.into()),
            Attribute::int("transB", self.transpose_b.into()),
        ]
    }

    fn multiply_adds(&self, inputs: Inputs<'_>) -> u64 {
        let sizes = inputs.f32(0).and_then(|a| self.sizes(a.shape, inputs.f32(1)?.shape));
        sizes.map_or(0, |(m, k, n)| m as u64 * k as u64 * n as u64)
    }
}

fn matrix(tensor: &Tensor, transpose: bool) -> Matrix<'_> {
    let matrix = Matrix::dense(tensor.data(), tensor.shape()[0], tensor.shape()[1]);
    if transpose { matrix.transposed() } else { matrix }
}

/// out ← α · out + β · bias, the bias broadcast to two dimensions.
fn finish(out: &mut Tensor, alpha: f32, bias: Option<&Tensor>, beta: f32) {
    if alpha != 1.0 {
        out.data_mut().iter_mut().for_each(|value| *value *= alpha);
    }
    let Some(bias) = bias else { return };
    let columns = out.shape()[1];
    let (rows_of_bias, columns_of_bias) = match *bias.shape() {
        [rows, columns] => (rows, columns),
        [columns] => (1, columns),
        _ => (1, 1),
    };
    for (row, values) in out.data_mut().chunks_exact_mut(columns.max(1)).enumerate() {
        let from = if rows_of_bias == 1 { 0 } else { row * columns_of_bias };
        let bias = &bias.data()[from..from + columns_of_bias];
        for (column, value) in values.iter_mut().enumerate() {
            *value += beta * bias[if columns_of_bias == 1 { 0 } else { column }];
        }
    }
}
