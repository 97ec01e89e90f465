//! `Softmax` and `LogSoftmax` along an axis.

use std::iter::StepBy;
use std::ops::Range;
use std::slice::IterMut;

use eyebar_tensor::Tensor;
use eyebar_tensor::team;

use super::axes::axis_index;
use super::binary::Binary;
use super::reduce::Reduce;
use super::unary::Unary;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// Exponentials (or their logarithms) normalised to a sum of one along `axis`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Softmax {
    logarithm: bool,
    axis: i64,
    /// As before opset 13: along `axis` and all that follow it, taken as one.
    flattened: bool,
}

impl Softmax {
    pub(super) fn read(node: &NodeReader<'_>) -> Self {
        let old = node.opset() < 13;
        let axis = node.int("axis").unwrap_or(if old { 1 } else { -1 });
        Self { logarithm: node.operator() == "LogSoftmax", axis, flattened: old && axis != -1 }
    }

    /// Reads the form that ONNX gave up with opset 13, as [`Operator::domain`] has it written.
    pub(super) fn read_flattened(node: &NodeReader<'_>) -> Self {
        let axis = node.int("axis").unwrap_or(1);
        Self { logarithm: node.operator() == "LogSoftmax", axis, flattened: true }
    }

    /// The axes, as a range.
    fn axes(self, shape: &[usize]) -> Result<Range<usize>, OperatorError> {
        if shape.is_empty() && !self.flattened {
            // A scalar is its own, only axis.
            return if matches!(self.axis, -1 | 0) {
                Ok(0..0)
            } else {
                axis_index(self.axis, 0).map(|axis| axis..axis)
            };
        }
        if self.flattened && self.axis == shape.len() as i64 {
            return Ok(shape.len()..shape.len());
        }
        let axis = axis_index(self.axis, shape.len())?;
        Ok(axis..if self.flattened { shape.len() } else { axis + 1 })
    }
}

impl Operator for Softmax {
    fn name(&self) -> &str {
        if self.logarithm { "LogSoftmax" } else { "Softmax" }
    }

    fn domain(&self) -> &str {
        if self.flattened { super::OWN_DOMAIN } else { "" }
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let x = inputs.f32(0)?;
        self.axes(x.shape)?;
        Ok(vec![TensorType::new(DataType::F32, x.shape.to_vec())?])
    }

    fn standard(&self, graph: &mut Graph, node: &Node) -> Result<ValueId, OperatorError> {
        // The shape may be known to the other runtime only, so types are left open.
        let open = |dtype| vec![TensorType { dtype, shape: Vec::new() }];
        let x = node.input(0)?;
        let shape = graph.add_foreign("Shape", Vec::new(), &[x], open(DataType::I64))[0];
        let axis = |axis| vec![Attribute::int("axis", axis)];
        let flat = graph.add_foreign("Flatten", axis(self.axis), &[x], open(DataType::F32))[0];
        let name = if self.logarithm { "LogSoftmax" } else { "Softmax" };
        let normalised = graph.add_foreign(name, axis(1), &[flat], open(DataType::F32))[0];
        Ok(graph.add_foreign("Reshape", Vec::new(), &[normalised, shape], open(DataType::F32))[0])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let x = arguments.f32(0)?;
        let axes = self.axes(x.shape())?;
        let mut out = pool.take(x.shape());
        normalise(x, axes, &mut out, self.logarithm);
        Ok(vec![out.into()])
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let (Some(dy), true) = (cotangents[0], wanted[0]) else { return Ok(vec![None]) };
        let y = node.output(0)?;
        if !self.logarithm {
            return Ok(vec![Some(graph.apply(SoftmaxGrad(*self), &[dy, y])?)]);
        }
        // dx = dy − softmax(x) Σ dy; no axes would mean all of them.
        let axes: Vec<_> = self.axes(graph.shape(y))?.collect();
        let total = if axes.is_empty() { dy } else { Reduce::sum(true).add(graph, dy, &axes)? };
        let softmax = graph.apply(Unary::EXP, &[y])?;
        let share = graph.apply(Binary::Mul, &[softmax, total])?;
        let dx = graph.apply(Binary::Sub, &[dy, share])?;
        Ok(vec![Some(dx)])
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("axis", self.axis)]
    }
}

/// dx = y (dy − Σ dy y / Σ y), in f64: where y is nearly one, its distance from one is all that counts, and Σ y makes up
/// for the rounding of y. Inputs are dy and y.
#[derive(Debug, Clone, Copy)]
pub(super) struct SoftmaxGrad(Softmax);

impl SoftmaxGrad {
    pub(super) fn read(node: &NodeReader<'_>) -> Self {
        let softmax = Softmax { logarithm: false, axis: node.int("axis").unwrap_or(-1), flattened: false };
        Self(Softmax { flattened: node.flag("flattened", false), ..softmax })
    }
}

impl Operator for SoftmaxGrad {
    fn name(&self) -> &str {
        "SoftmaxGrad"
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        if inputs.f32(0)?.shape != inputs.f32(1)?.shape {
            return Err(OperatorError::Shape("dy and y differ".to_owned()));
        }
        self.0.infer(inputs)
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (dy, y) = (arguments.f32(0)?, arguments.f32(1)?);
        let mut dx = pool.take(y.shape());
        let columns = Columns::new(y.shape(), self.0.axes(y.shape())?);
        columns.each(&mut dx, |from, dx| {
            let pairs = || columns.of(&dy.data()[from..]).zip(columns.of(&y.data()[from..]));
            let (mut total, mut product) = (0.0, 0.0);
            for (dy, y) in pairs() {
                total += f64::from(y);
                product += f64::from(dy) * f64::from(y);
            }
            let mean = product / total;
            for (dx, (dy, y)) in dx.zip(pairs()) {
                *dx = (f64::from(y) * (f64::from(dy) - mean)) as f32;
            }
        });
        Ok(vec![dx.into()])
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("axis", self.0.axis), Attribute::int("flattened", self.0.flattened.into())]
    }
}

/// A tensor as columns of `length` elements, `inner` apart.
struct Columns {
    length: usize,
    inner: usize,
}

impl Columns {
    fn new(shape: &[usize], axes: Range<usize>) -> Self {
        Self { length: shape[axes.clone()].iter().product(), inner: shape[axes.end..].iter().product() }
    }

    /// The column that starts `data`.
    fn of<'a>(&self, data: &'a [f32]) -> impl Iterator<Item = f32> + use<'a> {
        data.iter().copied().step_by(self.inner).take(self.length)
    }

    /// Calls `f` with the offset of each column and its elements in `out`.
    fn each(&self, out: &mut Tensor, f: impl Fn(usize, StepBy<IterMut<'_, f32>>) + Sync) {
        let block = self.length * self.inner;
        if block == 0 {
            return;
        }
        team::each_chunk(out.data_mut(), block, (1 << 14) / block + 1, |index, out| {
            for column in 0..self.inner {
                f(index * block + column, out[column..].iter_mut().step_by(self.inner));
            }
        });
    }
}

fn normalise(x: &Tensor, axes: Range<usize>, out: &mut Tensor, logarithm: bool) {
    let columns = Columns::new(x.shape(), axes);
    columns.each(out, |from, out| {
        let values = || columns.of(&x.data()[from..]);
        // The largest exponent is 0, so that none overflows.
        let largest = values().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = values().map(|x| f64::from((x - largest).exp())).sum();
        let (logarithm_of_sum, scale) = (sum.ln() as f32, (1.0 / sum) as f32);
        for (out, x) in out.zip(values()) {
            *out = if logarithm { x - largest - logarithm_of_sum } else { (x - largest).exp() * scale };
        }
    });
}
