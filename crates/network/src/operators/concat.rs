//! `Concat` and its opposite, `Split`.

use eyebar_tensor::Tensor;
use eyebar_tensor::blocked::BLOCK;
use eyebar_tensor::movement::{self, View};

use super::axes::axis_index;
use super::blocked::lifted;
use super::broadcast::filled;
use super::element::Element;
use super::slice::slice_axis;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{BlockedKernel, Layout};
use crate::map_tensor;
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{TensorType, Value};

/// Joins tensors that differ in one axis only.
#[derive(Debug, Clone, Copy)]
pub struct Concat {
    axis: i64,
}

impl Concat {
    /// Joins along `axis`; a negative one counts from the end.
    pub fn new(axis: i64) -> Self {
        Self { axis }
    }

    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let axis = node.int("axis").ok_or_else(|| OperatorError::Attribute("axis is missing".to_owned()))?;
        Ok(Self { axis })
    }
}

impl Operator for Concat {
    fn name(&self) -> &str {
        "Concat"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let first = inputs.require(0)?;
        let axis = axis_index(self.axis, first.shape.len())?;
        let mut shape = first.shape.to_vec();
        for index in 1..inputs.len() {
            let next = inputs.require(index)?;
            if next.dtype != first.dtype {
                return Err(OperatorError::Input(format!("{index} must be {}, not {}", first.dtype, next.dtype)));
            }
            let fits = next.shape.len() == shape.len()
                && next.shape.iter().zip(&shape).enumerate().all(|(place, (a, b))| place == axis || a == b);
            if !fits {
                let message = format!("{:?} and {:?} differ beside axis {axis}", first.shape, next.shape);
                return Err(OperatorError::Shape(message));
            }
            shape[axis] = shape[axis].saturating_add(next.shape[axis]);
        }
        Ok(vec![TensorType::new(first.dtype, shape)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let kind = arguments.with_inputs(|inputs| self.infer(inputs))?.remove(0);
        let axis = axis_index(self.axis, kind.shape.len())?;
        Ok(vec![map_tensor!(arguments.require(0)?, first => {
            let typed = |_: &Tensor<_>| -> Vec<_> { arguments.0.iter().flatten().filter_map(|v| Element::of(v)).collect() };
            let inputs: Vec<_> =
                typed(first).into_iter().map(|t| (t.data(), t.shape()[axis..].iter().product())).collect();
            let mut out = Element::take(pool, &kind.shape);
            movement::concatenate(&inputs, out.data_mut());
            out
        })])
    }

    fn prepare_blocked(&self, inputs: Inputs<'_>, layouts: &[Layout]) -> Result<Option<BlockedKernel>, OperatorError> {
        let shapes: Vec<_> = inputs.0.iter().flatten().map(|input| input.shape).collect();
        // Blocks stay whole: only the last part may end in the middle of one.
        let whole = shapes
            .split_last()
            .is_some_and(|(last, rest)| last.len() == 4 && rest.iter().all(|shape| shape[1].is_multiple_of(BLOCK)));
        let fits = whole && axis_index(self.axis, 4)? == 1 && inputs.0.iter().flatten().all(|i| i.constant.is_none());
        Ok(fits.then(|| lifted(Self::new(1), inputs, layouts)).flatten())
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let Some(cotangent) = cotangents[0] else { return Ok(vec![None; wanted.len()]) };
        let axis = axis_index(self.axis, graph.shape(cotangent).len())?;
        let mut gradients = Vec::with_capacity(wanted.len());
        let mut start = 0;
        for (index, wanted) in wanted.iter().enumerate() {
            let end = start + graph.shape(node.input(index)?)[axis];
            gradients.push(if *wanted { Some(slice_axis(graph, cotangent, axis, start, end)?) } else { None });
            start = end;
        }
        Ok(gradients)
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("axis", self.axis)]
    }
}

/// Cuts a tensor along one axis, into given sizes or into equal parts of which the last may be smaller.
#[derive(Debug, Clone)]
pub(super) struct Split {
    axis: i64,
    outputs: usize,
    /// Whether the parts may be uneven, which needs the attribute `num_outputs`.
    uneven: bool,
    /// Whether sizes are stated.
    sized: bool,
}

impl Split {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let outputs = node.output_count();
        if let Some(stated) = node.int("num_outputs")
            && usize::try_from(stated) != Ok(outputs)
        {
            return Err(OperatorError::Attribute(format!("num_outputs {stated} contradicts {outputs} outputs")));
        }
        Ok(Self {
            axis: node.int("axis").unwrap_or(0),
            outputs,
            uneven: node.has("num_outputs"),
            sized: node.input_count() > 1,
        })
    }

    fn sizes(&self, inputs: Inputs<'_>) -> Result<(usize, Vec<usize>), OperatorError> {
        let shape = inputs.require(0)?.shape;
        let axis = axis_index(self.axis, shape.len())?;
        let len = shape[axis];
        if let Some(stated) = inputs.constant_i64(1)? {
            let sizes: Option<Vec<usize>> = stated.iter().map(|&size| usize::try_from(size).ok()).collect();
            let total = |sizes: &Vec<usize>| sizes.iter().try_fold(0usize, |sum, &size| sum.checked_add(size));
            let sizes = sizes.filter(|sizes| sizes.len() == self.outputs && total(sizes) == Some(len));
            return sizes.map(|sizes| (axis, sizes)).ok_or_else(|| {
                OperatorError::Shape(format!("{stated:?} does not split {len} into {} outputs", self.outputs))
            });
        }
        let part = len.div_ceil(self.outputs.max(1));
        let sizes: Vec<_> = (0..self.outputs).map(|k| part.min(len.saturating_sub(k * part))).collect();
        if !self.uneven && sizes.iter().any(|&size| size != part) {
            let message = format!("{len} does not split into {} equal parts", self.outputs);
            return Err(OperatorError::Shape(message));
        }
        Ok((axis, sizes))
    }
}

impl Operator for Split {
    fn name(&self) -> &str {
        "Split"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (axis, sizes) = self.sizes(inputs)?;
        let input = inputs.require(0)?;
        let types = sizes.into_iter().map(|size| {
            let mut shape = input.shape.to_vec();
            shape[axis] = size;
            Ok(TensorType::new(input.dtype, shape)?)
        });
        types.collect()
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (axis, sizes) = arguments.with_inputs(|inputs| self.sizes(inputs))?;
        let value = arguments.require(0)?;
        let mut view = View::contiguous(value.shape());
        let mut shape = value.shape().to_vec();
        let mut parts = Vec::with_capacity(sizes.len());
        for size in sizes {
            shape[axis] = size;
            parts.push(map_tensor!(value, t => {
                let mut out = Element::take(pool, &shape);
                movement::read_view(t.data(), &view, &shape, out.data_mut());
                out
            }));
            view.offset += size * view.strides[axis].unsigned_abs();
        }
        Ok(parts)
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        if !wanted[0] {
            return Ok(vec![None; wanted.len()]);
        }
        let (_, sizes) = graph.with_inputs(&node.inputs, |inputs| self.sizes(inputs))??;
        let shape = graph.shape(node.input(0)?).to_vec();
        let axis = axis_index(self.axis, shape.len())?;
        let parts: Vec<_> = sizes
            .iter()
            .enumerate()
            .map(|(index, &size)| match cotangents.get(index).copied().flatten() {
                Some(cotangent) => Ok(cotangent),
                None => {
                    let mut shape = shape.clone();
                    shape[axis] = size;
                    filled(graph, 0.0, &shape)
                }
            })
            .collect::<Result<_, _>>()?;
        let mut gradients = vec![None; wanted.len()];
        gradients[0] = Some(graph.apply(Concat::new(axis as i64), &parts)?);
        Ok(gradients)
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = vec![Attribute::int("axis", self.axis)];
        if !self.sized {
            attributes.push(Attribute::int("num_outputs", self.outputs as i64));
        }
        attributes
    }
}
