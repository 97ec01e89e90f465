//! `Pad`: borders of a constant, of the edge, mirrored or wrapped.

use eyebar_tensor::Tensor;
use eyebar_tensor::movement::{self, View};

use super::axes::{axis_indices, require_i64, sizes_constant};
use super::element::Element;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::map_tensor;
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// What the border is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Constant,
    Reflect,
    Edge,
    Wrap,
}

impl Mode {
    fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        match node.string("mode")?.unwrap_or("constant") {
            "constant" => Ok(Self::Constant),
            "reflect" => Ok(Self::Reflect),
            "edge" => Ok(Self::Edge),
            "wrap" => Ok(Self::Wrap),
            other => Err(OperatorError::Attribute(format!("mode {other:?} is unknown"))),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Reflect => "reflect",
            Self::Edge => "edge",
            Self::Wrap => "wrap",
        }
    }

    /// The input cell that each output cell of an axis shows.
    fn cells(self, len: usize, begin: i64, output: usize) -> Vec<usize> {
        let len = len as i64;
        let cell = |place: i64| match self {
            Self::Wrap => place.rem_euclid(len),
            Self::Reflect if len > 1 => {
                let place = place.rem_euclid(2 * (len - 1));
                place.min(2 * (len - 1) - place)
            }
            _ => place.clamp(0, len - 1),
        };
        (0..output as i64).map(|place| cell(place - begin) as usize).collect()
    }
}

/// Widens a tensor (or, with negative pads, crops it).
/// Inputs: data, pads, constant, axes.
#[derive(Debug, Clone, Copy)]
pub struct Pad {
    mode: Mode,
}

/// Cells added before and after each axis; negative for a crop.
type Pads = Vec<(i64, i64)>;

impl Pad {
    /// Pads with zeros, or with the constant of input 2.
    pub fn constant() -> Self {
        Self { mode: Mode::Constant }
    }

    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        Ok(Self { mode: Mode::read(node)? })
    }

    fn pads(inputs: Inputs<'_>) -> Result<Pads, OperatorError> {
        let rank = inputs.require(0)?.shape.len();
        let stated = require_i64(inputs, 1)?;
        let axes = match inputs.constant_i64(3)? {
            Some(axes) => axis_indices(&axes, rank)?,
            None => (0..rank).collect(),
        };
        if stated.len() != 2 * axes.len() {
            let message = format!("pads {stated:?} need a begin and an end for each of {} axes", axes.len());
            return Err(OperatorError::Shape(message));
        }
        let limit = eyebar_tensor::MAX_ELEMENTS as i64;
        if stated.iter().any(|pad| !(-limit..=limit).contains(pad)) {
            return Err(OperatorError::Shape(format!("pads {stated:?} are beyond {limit}")));
        }
        let mut pads = vec![(0, 0); rank];
        for (index, &axis) in axes.iter().enumerate() {
            pads[axis] = (stated[index], stated[index + axes.len()]);
        }
        Ok(pads)
    }

    fn output(&self, shape: &[usize], pads: &Pads) -> Result<Vec<usize>, OperatorError> {
        let dims = shape.iter().zip(pads).map(|(&len, &(begin, end))| {
            let output = usize::try_from(begin + end + len as i64).ok();
            // Only a constant can be put where there is nothing to repeat; a crop may not reach beyond the other end.
            let kept = output.filter(|&output| self.mode == Mode::Constant || len > 0 || output == 0);
            kept.ok_or_else(|| OperatorError::Shape(format!("{len} cells cannot be padded by {begin} and {end}")))
        });
        let output: Vec<usize> = dims.collect::<Result<_, _>>()?;
        // Padded axis by axis, a tensor is never larger than this on its way.
        eyebar_tensor::element_count(&shape.iter().zip(&output).map(|(a, b)| *a.max(b)).collect::<Vec<_>>())?;
        Ok(output)
    }
}

impl Operator for Pad {
    fn name(&self) -> &str {
        "Pad"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let input = inputs.require(0)?;
        if let Some(value) = inputs.get(2)
            && (value.dtype != input.dtype || value.shape.iter().product::<usize>() != 1)
        {
            let message = format!("2 must be one {}, not {}{:?}", input.dtype, value.dtype, value.shape);
            return Err(OperatorError::Input(message));
        }
        let shape = self.output(input.shape, &Self::pads(inputs)?)?;
        Ok(vec![TensorType::new(input.dtype, shape)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let pads = arguments.with_inputs(Self::pads)?;
        let value = arguments.require(0)?;
        let shape = self.output(value.shape(), &pads)?;
        Ok(vec![map_tensor!(value, t => {
            let mut out = Element::take(pool, &shape);
            if self.mode == Mode::Constant {
                let border = arguments.get(2).and_then(Element::of).and_then(|b| b.data().first().copied()).unwrap_or_default();
                pad_constant(t, &pads, border, &mut out);
            } else {
                pad_cells(t, &pads, self.mode, &mut out);
            }
            out
        })])
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let mut gradients = vec![None; wanted.len()];
        if wanted.get(2) == Some(&true) {
            return Err(OperatorError::NotDifferentiable);
        }
        let (Some(cotangent), true) = (cotangents[0], wanted[0]) else { return Ok(gradients) };
        let pads = graph.with_inputs(&node.inputs, Self::pads)??;
        gradients[0] = Some(if self.mode == Mode::Constant {
            // What was added is cut off; what was cut off had no influence.
            let opposite: Vec<i64> = pads.iter().map(|p| -p.0).chain(pads.iter().map(|p| -p.1)).collect();
            let opposite = graph.add_constant(Tensor::vector(opposite));
            graph.apply(Self::constant(), &[cotangent, opposite])?
        } else {
            let shape = graph.shape(node.input(0)?).to_vec();
            let begin = pads.iter().map(|p| p.0).collect();
            graph.apply(PadGrad { mode: self.mode, begin, shape }, &[cotangent])?
        });
        Ok(gradients)
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::string("mode", self.mode.name())]
    }
}

/// Pads a value of a graph with zeros.
pub(super) fn pad_zeros(
    graph: &mut Graph,
    value: ValueId,
    begin: &[usize],
    end: &[usize],
) -> Result<ValueId, OperatorError> {
    let pads = graph.add_constant(sizes_constant(&[begin, end].concat()));
    graph.apply(Pad::constant(), &[value, pads])
}

fn pad_constant<T: Element>(input: &Tensor<T>, pads: &Pads, border: T, out: &mut Tensor<T>) {
    let mut from = View::contiguous(input.shape());
    let mut to = View::contiguous(out.shape());
    let mut kept = input.shape().to_vec();
    for (axis, &(begin, end)) in pads.iter().enumerate() {
        let cut = (-begin).max(0) as usize;
        let overhang = cut.saturating_add((-end).max(0) as usize);
        kept[axis] = kept[axis].saturating_sub(overhang);
        from.offset += cut * from.strides[axis].unsigned_abs();
        to.offset += begin.max(0) as usize * to.strides[axis].unsigned_abs();
    }
    out.data_mut().fill(border);
    if kept.contains(&0) {
        return;
    }
    if kept == input.shape() {
        movement::write_view(input.data(), &kept, &to, out.data_mut());
    } else {
        let mut part = vec![T::default(); kept.iter().product()];
        movement::read_view(input.data(), &from, &kept, &mut part);
        movement::write_view(&part, &kept, &to, out.data_mut());
    }
}

fn pad_cells<T: Element>(input: &Tensor<T>, pads: &Pads, mode: Mode, out: &mut Tensor<T>) {
    let mut shape = input.shape().to_vec();
    let mut current: Option<Vec<T>> = None;
    let target = out.shape().to_vec();
    for axis in (0..shape.len()).filter(|&axis| pads[axis] != (0, 0)) {
        let cells = mode.cells(shape[axis], pads[axis].0, target[axis]);
        let from = movement::Axis::of(&shape, axis);
        shape[axis] = target[axis];
        let mut next = vec![T::default(); shape.iter().product()];
        movement::take(current.as_deref().unwrap_or(input.data()), from, &cells, &mut next);
        current = Some(next);
    }
    out.data_mut().copy_from_slice(current.as_deref().unwrap_or(input.data()));
}

/// Gradient of [`Pad`] in the modes that repeat cells: every cell gathers the cotangents of its copies.
#[derive(Debug, Clone)]
pub(super) struct PadGrad {
    mode: Mode,
    begin: Vec<i64>,
    shape: Vec<usize>,
}

impl PadGrad {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let shape = node.sizes("shape")?.unwrap_or_default();
        let begin = node.ints("begin").unwrap_or_default().to_vec();
        let limit = eyebar_tensor::MAX_ELEMENTS as i64;
        if begin.len() != shape.len() || begin.iter().any(|begin| !(-limit..=limit).contains(begin)) {
            return Err(OperatorError::Attribute(format!("begin {begin:?} does not fit shape {shape:?}")));
        }
        Ok(Self { mode: Mode::read(node)?, begin, shape })
    }
}

impl Operator for PadGrad {
    fn name(&self) -> &str {
        "PadGrad"
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let cotangent = inputs.f32(0)?;
        if cotangent.shape.len() != self.shape.len() || (self.shape.contains(&0) && !cotangent.shape.contains(&0)) {
            let message = format!("{:?} is not {:?} padded", cotangent.shape, self.shape);
            return Err(OperatorError::Shape(message));
        }
        Ok(vec![TensorType::new(DataType::F32, self.shape.clone())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let cotangent = arguments.f32(0)?;
        let mut shape = cotangent.shape().to_vec();
        let mut out = pool.take(&self.shape);
        if out.is_empty() || cotangent.is_empty() {
            out.data_mut().fill(0.0);
            return Ok(vec![out.into()]);
        }
        let mut current: Option<Vec<f32>> = None;
        for axis in 0..shape.len() {
            if self.begin[axis] == 0 && shape[axis] == self.shape[axis] {
                continue;
            }
            let cells = self.mode.cells(self.shape[axis], self.begin[axis], shape[axis]);
            shape[axis] = self.shape[axis];
            let to = movement::Axis::of(&shape, axis);
            let mut next = vec![0.0; shape.iter().product()];
            movement::take_gradient(current.as_deref().unwrap_or(cotangent.data()), to, &cells, &mut next);
            current = Some(next);
        }
        out.data_mut().copy_from_slice(current.as_deref().unwrap_or(cotangent.data()));
        Ok(vec![out.into()])
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![
            Attribute::string("mode", self.mode.name()),
            Attribute::ints("begin", &self.begin),
            Attribute::ints("shape", &self.shape),
        ]
    }
}
