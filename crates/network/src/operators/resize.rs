//! `Resize`: nearest and linear resampling, and its gradient.

use eyebar_tensor::Tensor;
use eyebar_tensor::movement::{self, Axis};
use eyebar_tensor::resize::{self, Tap};

use super::axes::axis_indices;
use super::element::Element;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{BlockedKernel, Layout};
use crate::map_tensor;
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Kernel, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// How the place of an output cell in the input becomes a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sampling {
    Linear,
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

/// Which place of the input an output cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    TfHalfPixelForNn,
    AlignCorners,
    Asymmetric,
}

const COORDINATES: [(&str, Coordinates); 6] = [
    ("half_pixel", Coordinates::HalfPixel),
    ("half_pixel_symmetric", Coordinates::HalfPixelSymmetric),
    ("pytorch_half_pixel", Coordinates::PytorchHalfPixel),
    ("tf_half_pixel_for_nn", Coordinates::TfHalfPixelForNn),
    ("align_corners", Coordinates::AlignCorners),
    ("asymmetric", Coordinates::Asymmetric),
];

const ROUNDINGS: [(&str, Sampling); 4] = [
    ("round_prefer_floor", Sampling::RoundPreferFloor),
    ("round_prefer_ceil", Sampling::RoundPreferCeil),
    ("floor", Sampling::Floor),
    ("ceil", Sampling::Ceil),
];

/// How cells are found, apart from the sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    sampling: Sampling,
    coordinates: Coordinates,
}

/// One axis to be resized.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scaling {
    input: usize,
    output: usize,
    /// Scale as stated; `None` for `output / input`.
    scale: Option<f32>,
}

impl Rule {
    fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        fn known<T: Copy>(name: &str, value: &str, table: &[(&str, T)]) -> Result<T, OperatorError> {
            let found = table.iter().find(|(text, _)| *text == value).map(|(_, kind)| *kind);
            found.ok_or_else(|| OperatorError::Unsupported(format!("{name} {value:?}")))
        }
        let coordinates = node.string("coordinate_transformation_mode")?.unwrap_or("half_pixel");
        let coordinates = known("coordinate_transformation_mode", coordinates, &COORDINATES)?;
        let sampling = match node.string("mode")?.unwrap_or("nearest") {
            "nearest" => {
                known("nearest_mode", node.string("nearest_mode")?.unwrap_or("round_prefer_floor"), &ROUNDINGS)?
            }
            "linear" => Sampling::Linear,
            other => return Err(OperatorError::Unsupported(format!("mode {other:?}"))),
        };
        Ok(Self { sampling, coordinates })
    }

    fn attributes(self) -> Vec<Attribute> {
        let mode = if self.sampling == Sampling::Linear { "linear" } else { "nearest" };
        let coordinates = COORDINATES.iter().find(|(_, kind)| *kind == self.coordinates).map(|(text, _)| *text);
        let rounding = ROUNDINGS.iter().find(|(_, kind)| *kind == self.sampling).map(|(text, _)| *text);
        let texts = [("mode", Some(mode)), ("coordinate_transformation_mode", coordinates), ("nearest_mode", rounding)];
        texts.into_iter().filter_map(|(name, text)| Some(Attribute::string(name, text?))).collect()
    }

    fn place(self, index: usize, scaling: Scaling) -> f64 {
        let (input, output, index) = (scaling.input as f64, scaling.output as f64, index as f64);
        let scale = scaling.scale.map_or(output / input, f64::from);
        let half_pixel = (index + 0.5) / scale - 0.5;
        match self.coordinates {
            Coordinates::HalfPixel => half_pixel,
            Coordinates::HalfPixelSymmetric => half_pixel + input / 2.0 * (1.0 - output / (scale * input)),
            Coordinates::PytorchHalfPixel => {
                if scaling.output > 1 {
                    half_pixel
                } else {
                    0.0
                }
            }
            Coordinates::TfHalfPixelForNn => (index + 0.5) / scale,
            Coordinates::AlignCorners => {
                if scaling.output > 1 {
                    index * (input - 1.0) / (output - 1.0)
                } else {
                    0.0
                }
            }
            Coordinates::Asymmetric => index / scale,
        }
    }

    fn tap(self, index: usize, scaling: Scaling) -> Tap {
        let last = (scaling.input - 1) as f64;
        let place = self.place(index, scaling);
        let cell = match self.sampling {
            Sampling::Linear => {
                let place = place.clamp(0.0, last);
                let left = place.floor();
                let right = (left + 1.0).min(last);
                return Tap { left: left as usize, right: right as usize, weight: (place - left) as f32 };
            }
            Sampling::RoundPreferFloor => (place - 0.5).ceil(),
            Sampling::RoundPreferCeil => (place + 0.5).floor(),
            Sampling::Floor => place.floor(),
            Sampling::Ceil => place.ceil(),
        };
        Tap::copy(cell.clamp(0.0, last) as usize)
    }

    fn taps(self, scaling: Scaling) -> Vec<Tap> {
        (0..scaling.output).map(|index| self.tap(index, scaling)).collect()
    }
}

/// What happens to sizes that would change the aspect ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AspectRatio {
    Stretch,
    NotLarger,
    NotSmaller,
}

/// Resamples some axes. Inputs: data, region of interest (unused), scales, sizes.
#[derive(Debug, Clone)]
pub(super) struct Resize {
    rule: Rule,
    axes: Option<Vec<i64>>,
    aspect: AspectRatio,
}

impl Resize {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        if node.flag("antialias", false) {
            return Err(OperatorError::Unsupported("antialias".to_owned()));
        }
        let aspect = match node.string("keep_aspect_ratio_policy")?.unwrap_or("stretch") {
            "stretch" => AspectRatio::Stretch,
            "not_larger" => AspectRatio::NotLarger,
            "not_smaller" => AspectRatio::NotSmaller,
            other => return Err(OperatorError::Attribute(format!("keep_aspect_ratio_policy {other:?} is unknown"))),
        };
        Ok(Self { rule: Rule::read(node)?, axes: node.ints("axes").map(<[i64]>::to_vec), aspect })
    }

    fn scalings(&self, inputs: Inputs<'_>) -> Result<Vec<Scaling>, OperatorError> {
        let shape = inputs.require(0)?.shape;
        let axes = match &self.axes {
            Some(axes) => axis_indices(axes, shape.len())?,
            None => (0..shape.len()).collect(),
        };
        let mut scalings: Vec<_> = shape.iter().map(|&n| Scaling { input: n, output: n, scale: None }).collect();
        if let Some(sizes) = inputs.constant_i64(3)?.filter(|sizes| !sizes.is_empty()) {
            check_length("sizes", sizes.len(), axes.len())?;
            for (&axis, &size) in axes.iter().zip(&sizes) {
                let size = usize::try_from(size).ok().filter(|&size| size <= eyebar_tensor::MAX_ELEMENTS);
                let refuse = || OperatorError::Shape(format!("{shape:?} cannot be resized to {sizes:?}"));
                scalings[axis].output = size.ok_or_else(refuse)?;
            }
            self.keep_aspect_ratio(&axes, &mut scalings);
        } else {
            let scales = scales(inputs)?;
            check_length("scales", scales.len(), axes.len())?;
            for (&axis, &scale) in axes.iter().zip(&scales) {
                let size = (shape[axis] as f32 * scale).floor();
                if !(scale > 0.0 && size <= eyebar_tensor::MAX_ELEMENTS as f32) {
                    return Err(OperatorError::Shape(format!("{shape:?} cannot be scaled by {scales:?}")));
                }
                scalings[axis].output = size as usize;
                scalings[axis].scale = Some(scale);
            }
        }
        match scalings.iter().find(|scaling| scaling.input == 0 && scaling.output > 0) {
            Some(_) => Err(OperatorError::Shape(format!("{shape:?} has no cell to resize"))),
            None => Ok(scalings),
        }
    }

    fn keep_aspect_ratio(&self, axes: &[usize], scalings: &mut [Scaling]) {
        let ratios = axes.iter().map(|&axis| scalings[axis].output as f64 / scalings[axis].input as f64);
        let scale = match self.aspect {
            AspectRatio::Stretch => return,
            AspectRatio::NotLarger => ratios.fold(f64::INFINITY, f64::min),
            AspectRatio::NotSmaller => ratios.fold(0.0, f64::max),
        };
        for &axis in axes {
            scalings[axis].output = (scale * scalings[axis].input as f64 + 0.5).floor() as usize;
            scalings[axis].scale = Some(scale as f32);
        }
    }
}

fn check_length(name: &str, found: usize, axes: usize) -> Result<(), OperatorError> {
    let message = || OperatorError::Shape(format!("{found} {name} do not fit {axes} axes"));
    if found == axes { Ok(()) } else { Err(message()) }
}

fn scales(inputs: Inputs<'_>) -> Result<Vec<f32>, OperatorError> {
    let input = inputs.get(2).ok_or_else(|| OperatorError::Input("2 (scales) and 3 (sizes) are missing".to_owned()))?;
    let value = input
        .constant
        .ok_or_else(|| OperatorError::Unsupported("input 2 computed from the data (it must be constant)".to_owned()))?;
    let scales = value.as_f32().ok_or_else(|| OperatorError::Input("2 (scales) must be f32".to_owned()))?;
    Ok(scales.data().to_vec())
}

fn empty_like<T: Element>(_tensor: &Tensor<T>, pool: &Pool, shape: &[usize]) -> Tensor<T> {
    T::take(pool, shape)
}

fn shape_of(scalings: &[Scaling], side: impl Fn(&Scaling) -> usize) -> Vec<usize> {
    scalings.iter().map(side).collect()
}

/// Axes on which something happens, the ones that shrink first.
fn working_axes(rule: Rule, scalings: &[Scaling]) -> Vec<(usize, Vec<Tap>)> {
    let mut axes: Vec<_> = scalings
        .iter()
        .enumerate()
        .map(|(axis, scaling)| (axis, rule.taps(*scaling)))
        .filter(|(axis, taps)| {
            let same =
                taps.iter().enumerate().all(|(cell, tap)| *tap == Tap { weight: 0.0, right: tap.right, left: cell });
            !(same && taps.len() == scalings[*axis].input)
        })
        .collect();
    axes.sort_by_key(|(axis, _)| scalings[*axis].output > scalings[*axis].input);
    axes
}

/// Resamples rows and columns of blocked activations.
struct BlockedResize {
    axes: Vec<(usize, Vec<Tap>)>,
}

impl Kernel for BlockedResize {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        Ok(vec![resample(arguments.f32(0)?, &self.axes, pool).into()])
    }
}

/// Resamples one axis after the other.
fn resample(x: &Tensor, axes: &[(usize, Vec<Tap>)], pool: &Pool) -> Tensor {
    let mut shape = x.shape().to_vec();
    let mut current: Option<Tensor> = None;
    for (axis, taps) in axes {
        let from = Axis::of(&shape, *axis);
        shape[*axis] = taps.len();
        let mut next = pool.take(&shape);
        resize::resample(current.as_ref().unwrap_or(x).data(), from, taps, next.data_mut());
        if let Some(used) = current.replace(next) {
            pool.give(used.into());
        }
    }
    current.unwrap_or_else(|| x.clone())
}

impl Operator for Resize {
    fn name(&self) -> &str {
        "Resize"
    }

    fn prepare_blocked(&self, inputs: Inputs<'_>, layouts: &[Layout]) -> Result<Option<BlockedKernel>, OperatorError> {
        let scalings = self.scalings(inputs)?;
        let axes = working_axes(self.rule, &scalings);
        let (blocked, planar) = (layouts.first() == Some(&Layout::Blocked), axes.iter().all(|(axis, _)| *axis >= 2));
        if !blocked || !planar || scalings.len() != 4 || scalings.iter().any(|scaling| scaling.output == 0) {
            return Ok(None);
        }
        let inputs =
            std::iter::once(Some(Layout::Blocked)).chain(std::iter::repeat_n(None, inputs.len() - 1)).collect();
        Ok(Some(BlockedKernel { kernel: Box::new(BlockedResize { axes }), inputs }))
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let input = inputs.require(0)?;
        if self.rule.sampling == Sampling::Linear {
            inputs.f32(0)?;
        }
        let shape = shape_of(&self.scalings(inputs)?, |scaling| scaling.output);
        Ok(vec![TensorType::new(input.dtype, shape)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let scalings = arguments.with_inputs(|inputs| self.scalings(inputs))?;
        let value = arguments.require(0)?;
        let target = shape_of(&scalings, |scaling| scaling.output);
        if target.contains(&0) {
            return Ok(vec![map_tensor!(value, t => empty_like(t, pool, &target))]);
        }
        let axes = working_axes(self.rule, &scalings);
        let mut shape = value.shape().to_vec();
        if let Some(x) = value.as_f32() {
            return Ok(vec![resample(x, &axes, pool).into()]);
        }
        let mut current = value.clone();
        for (axis, taps) in axes {
            let from = Axis::of(&shape, axis);
            shape[axis] = taps.len();
            let cells: Vec<_> = taps.iter().map(|tap| tap.left).collect();
            current = map_tensor!(&current, t => {
                let mut next = Element::take(pool, &shape);
                movement::take(t.data(), from, &cells, next.data_mut());
                next
            });
        }
        Ok(vec![current])
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let mut gradients = vec![None; wanted.len()];
        if let (Some(cotangent), true) = (cotangents[0], wanted[0]) {
            let scalings = graph.with_inputs(&node.inputs, |inputs| self.scalings(inputs))??;
            gradients[0] = Some(graph.apply(ResizeGrad { rule: self.rule, scalings }, &[cotangent])?);
        }
        Ok(gradients)
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = self.rule.attributes();
        attributes.extend(self.axes.iter().map(|axes| Attribute::ints("axes", axes)));
        match self.aspect {
            AspectRatio::Stretch => {}
            AspectRatio::NotLarger => attributes.push(Attribute::string("keep_aspect_ratio_policy", "not_larger")),
            AspectRatio::NotSmaller => attributes.push(Attribute::string("keep_aspect_ratio_policy", "not_smaller")),
        }
        attributes
    }
}

/// Gradient of [`Resize`]: the transposed resampling.
#[derive(Debug, Clone)]
pub(super) struct ResizeGrad {
    rule: Rule,
    scalings: Vec<Scaling>,
}

impl ResizeGrad {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let inputs = node.sizes("shape")?.unwrap_or_default();
        let outputs = node.sizes("resized")?.unwrap_or_default();
        let scales = node.floats("scales").unwrap_or_default();
        check_length("sizes", outputs.len(), inputs.len())?;
        check_length("scales", scales.len(), inputs.len())?;
        let scaling = |axis: usize| {
            // A scale of 0 stands for the ratio of the sizes.
            let scale = Some(scales[axis]).filter(|scale| *scale > 0.0);
            Scaling { input: inputs[axis], output: outputs[axis], scale }
        };
        Ok(Self { rule: Rule::read(node)?, scalings: (0..inputs.len()).map(scaling).collect() })
    }
}

impl Operator for ResizeGrad {
    fn name(&self) -> &str {
        "ResizeGrad"
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let cotangent = inputs.f32(0)?;
        let expected = shape_of(&self.scalings, |scaling| scaling.output);
        if cotangent.shape != expected {
            return Err(OperatorError::Shape(format!("{:?} is not {expected:?}", cotangent.shape)));
        }
        let shape = shape_of(&self.scalings, |scaling| scaling.input);
        if shape.contains(&0) && !expected.contains(&0) {
            return Err(OperatorError::Shape(format!("{shape:?} has no cell to resize")));
        }
        Ok(vec![TensorType::new(DataType::F32, shape)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let dy = arguments.f32(0)?;
        let target = shape_of(&self.scalings, |scaling| scaling.input);
        if dy.is_empty() || target.contains(&0) {
            let mut zeros = pool.take(&target);
            zeros.data_mut().fill(0.0);
            return Ok(vec![zeros.into()]);
        }
        let mut shape = dy.shape().to_vec();
        let mut current: Option<Tensor> = None;
        for (axis, taps) in working_axes(self.rule, &self.scalings).into_iter().rev() {
            shape[axis] = target[axis];
            let to = Axis::of(&shape, axis);
            let mut next = pool.take(&shape);
            resize::resample_gradient(current.as_ref().unwrap_or(dy).data(), to, &taps, next.data_mut());
            if let Some(used) = current.replace(next) {
                pool.give(used.into());
            }
        }
        Ok(vec![current.unwrap_or_else(|| dy.clone()).into()])
    }

    fn attributes(&self) -> Vec<Attribute> {
        let scales = self.scalings.iter().map(|scaling| scaling.scale.unwrap_or(0.0)).collect();
        let mut attributes = self.rule.attributes();
        attributes.push(Attribute::ints("shape", &shape_of(&self.scalings, |scaling| scaling.input)));
        attributes.push(Attribute::ints("resized", &shape_of(&self.scalings, |scaling| scaling.output)));
        attributes.push(Attribute { name: "scales", value: crate::onnx::AttributeValue::Floats(scales) });
        attributes
    }
}
