//! Product of stacks of matrices.

use eyebar_tensor::gemm::{Matrix, matmul, times};
use eyebar_tensor::simd::Isa;

use super::broadcast::{common_shape, sum_to};
use super::conv::check_depth;
use super::gemm::is_finite;
use super::reshape::reshape;
use super::transpose::Transpose;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::operator::{Arguments, Inputs, Kernel, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// MatMul as NumPy has it: the last two axes are matrices, the others broadcast; a vector is a row or a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct MatMul;

/// The operands as stacks of matrices.
struct Sizes {
    /// Shape of operand A, `[…, M, K]`.
    a: Vec<usize>,
    /// Shape of operand B, `[…, K, N]`.
    b: Vec<usize>,
    /// Broadcast leading axes.
    batch: Vec<usize>,
    /// Shape of the output, without the axes that vectors lack.
    output: Vec<usize>,
}

impl Sizes {
    fn new(a: &[usize], b: &[usize]) -> Result<Self, OperatorError> {
        let refuse = || OperatorError::Shape(format!("{a:?} and {b:?} do not fit in a matrix product"));
        let (row, column) = (a.len() == 1, b.len() == 1);
        let full_a = if row { vec![1, a[0]] } else { a.to_vec() };
        let full_b = if column { vec![b[0], 1] } else { b.to_vec() };
        if full_a.len() < 2 || full_b.len() < 2 {
            return Err(refuse());
        }
        let (batch_a, matrix_a) = full_a.split_at(full_a.len() - 2);
        let (batch_b, matrix_b) = full_b.split_at(full_b.len() - 2);
        if matrix_a[1] != matrix_b[0] {
            return Err(refuse());
        }
        let batch = common_shape(&[batch_a, batch_b])?;
        let mut output = batch.clone();
        output.extend((!row).then_some(matrix_a[0]));
        output.extend((!column).then_some(matrix_b[1]));
        Ok(Self { a: full_a, b: full_b, batch, output })
    }

    /// M, K, N.
    fn matrix(&self) -> (usize, usize, usize) {
        (self.a[self.a.len() - 2], self.a[self.a.len() - 1], self.b[self.b.len() - 1])
    }
}

/// A MatMul whose one matrix B is known to be finite.
struct FiniteMatMul;

impl Kernel for FiniteMatMul {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        product(arguments, pool, true)
    }
}

fn product(arguments: Arguments<'_>, pool: &Pool, is_finite: bool) -> Result<Vec<Value>, OperatorError> {
    let (a, b) = (arguments.f32(0)?, arguments.f32(1)?);
    let sizes = Sizes::new(a.shape(), b.shape())?;
    let (m, k, n) = sizes.matrix();
    let mut out = pool.take(&sizes.output);
    if m * n == 0 {
        return Ok(vec![out.into()]);
    }
    let isa = Isa::detect();
    if sizes.b.len() == 2 {
        // One B for the whole stack: the stack is one tall matrix.
        times(isa, a.data(), b.data(), k, is_finite, out.data_mut());
        return Ok(vec![out.into()]);
    }
    let (batch_a, batch_b) = (&sizes.a[..sizes.a.len() - 2], &sizes.b[..sizes.b.len() - 2]);
    for (index, out) in out.data_mut().chunks_exact_mut(m * n).enumerate() {
        let (from_a, from_b) = (source(index, &sizes.batch, batch_a), source(index, &sizes.batch, batch_b));
        let left = Matrix::dense(&a.data()[from_a * m * k..][..m * k], m, k).pack_left(isa);
        matmul(&left, Matrix::dense(&b.data()[from_b * k * n..][..k * n], k, n), out);
    }
    Ok(vec![out.into()])
}

impl Operator for MatMul {
    fn name(&self) -> &str {
        "MatMul"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let sizes = Sizes::new(inputs.f32(0)?.shape, inputs.f32(1)?.shape)?;
        if sizes.b.len() > 2 {
            check_depth(sizes.matrix().1)?;
        }
        Ok(vec![TensorType::new(DataType::F32, sizes.output)?])
    }

    fn prepare(&self, inputs: Inputs<'_>) -> Result<Option<Box<dyn Kernel>>, OperatorError> {
        let knows = inputs.get(1).is_some_and(|b| b.shape.len() <= 2) && is_finite(inputs.get(1));
        Ok(knows.then(|| Box::new(FiniteMatMul) as Box<dyn Kernel>))
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        product(arguments, pool, false)
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let Some(cotangent) = cotangents[0] else { return Ok(vec![None, None]) };
        let (a, b) = (node.input(0)?, node.input(1)?);
        let (shape_a, shape_b) = (graph.shape(a).to_vec(), graph.shape(b).to_vec());
        let sizes = Sizes::new(&shape_a, &shape_b)?;
        let (m, _, n) = sizes.matrix();
        let full = [sizes.batch.as_slice(), &[m, n]].concat();
        let cotangent = reshape(graph, cotangent, &full)?;
        let transposed = |graph: &mut Graph, value, shape: &[usize]| {
            let value = reshape(graph, value, shape)?;
            let mut permutation: Vec<usize> = (0..shape.len()).collect();
            permutation.swap(shape.len() - 2, shape.len() - 1);
            graph.apply(Transpose::new(&permutation), &[value])
        };
        let mut gradients = vec![None, None];
        if wanted[0] {
            let b = transposed(graph, b, &sizes.b)?;
            let gradient = graph.apply(Self, &[cotangent, b])?;
            let gradient = sum_to(graph, gradient, &sizes.a)?;
            gradients[0] = Some(reshape(graph, gradient, &shape_a)?);
        }
        if wanted[1] {
            let a = transposed(graph, a, &sizes.a)?;
            let gradient = graph.apply(Self, &[a, cotangent])?;
            let gradient = sum_to(graph, gradient, &sizes.b)?;
            gradients[1] = Some(reshape(graph, gradient, &shape_b)?);
        }
        Ok(gradients)
    }

    fn multiply_adds(&self, inputs: Inputs<'_>) -> u64 {
        let sizes = inputs.f32(0).and_then(|a| Sizes::new(a.shape, inputs.f32(1)?.shape));
        sizes.map_or(0, |sizes| {
            let (m, k, n) = sizes.matrix();
            sizes.batch.iter().map(|&dim| dim as u64).product::<u64>() * m as u64 * k as u64 * n as u64
        })
    }
}

/// Index of the matrix of an operand that matrix `index` of the broadcast stack uses.
fn source(mut index: usize, batch: &[usize], operand: &[usize]) -> usize {
    let (mut from, mut stride) = (0, 1);
    for (axis, &dim) in batch.iter().enumerate().rev() {
        let place = index % dim;
        index /= dim;
        if let Some(operand_axis) = (axis + operand.len()).checked_sub(batch.len()) {
            if operand[operand_axis] != 1 {
                from += place * stride;
            }
            stride *= operand[operand_axis];
        }
    }
    from
}
