//! Transposed convolution over one or two spatial axes: up-sampling, and the gradient of a convolution.

use eyebar_tensor::Tensor;
use eyebar_tensor::conv::{Conv2d, PackedConvTranspose};
use eyebar_tensor::pool::WindowAxis;
use eyebar_tensor::simd::Isa;

use super::conv::{Conv, check_bias, conv_2d, packed_bytes, read_groups};
use super::spatial::{Padding, Window};
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Kernel, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// ConvTranspose: input `[N, C, …]`, weights `[C, O/groups, …]`, optional bias `[O]`.
#[derive(Debug, Clone)]
pub(super) struct ConvTranspose {
    pub(super) window: Window,
    pub(super) groups: usize,
    /// Cells added at the end of each axis; empty for none.
    pub(super) output_padding: Vec<usize>,
    /// Spatial dimensions asked for, from which the pads follow; empty for none.
    pub(super) output_shape: Vec<usize>,
}

impl ConvTranspose {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        Ok(Self {
            window: Window::read(node)?,
            groups: read_groups(node)?,
            output_padding: node.sizes("output_padding")?.unwrap_or_default(),
            output_shape: node.sizes("output_shape")?.unwrap_or_default(),
        })
    }

    /// The convolution that is transposed, and its windows: `input` is what comes out here, `output` what goes in.
    pub(super) fn geometry(
        &self,
        input: &[usize],
        weights: &[usize],
    ) -> Result<(Conv2d, Vec<WindowAxis>), OperatorError> {
        let refuse = |reason: &str| {
            OperatorError::Shape(format!("input {input:?} and weights {weights:?} do not fit: {reason}"))
        };
        let rank = input.len();
        if rank != weights.len() || !(3..=4).contains(&rank) {
            return if (5..=8).contains(&rank) {
                Err(OperatorError::Unsupported(format!("transposed convolution over {} axes", rank - 2)))
            } else {
                Err(refuse("both need 3 or 4 dimensions"))
            };
        }
        if input[1] == 0 || input[1] != weights[0] || !input[1].is_multiple_of(self.groups) || weights[1] == 0 {
            return Err(refuse(&format!("{} channels in {} groups", input[1], self.groups)));
        }
        if input[2..].contains(&0) {
            return Err(refuse("the input is empty"));
        }
        let channels = weights[1].checked_mul(self.groups).ok_or_else(|| refuse("too many channels"))?;
        let axes = self.axes(&input[2..], &weights[2..])?;
        Ok((conv_2d(&axes, channels, input[1], self.groups), axes))
    }

    fn axes(&self, input: &[usize], kernel: &[usize]) -> Result<Vec<WindowAxis>, OperatorError> {
        // Resolving against a large enough input checks the attributes and fills in the defaults.
        let room: Vec<_> = kernel.iter().map(|k| k.saturating_mul(1 << 21)).collect();
        let template = Window { ceil_mode: false, ..self.window.clone() }.resolve(&room, kernel)?;
        for (name, values) in [("output_padding", &self.output_padding), ("output_shape", &self.output_shape)] {
            if !values.is_empty() && values.len() != input.len() {
                return Err(OperatorError::Attribute(format!("{name} {values:?} should state {} axes", input.len())));
            }
        }
        let axes = template.axes.into_iter().enumerate().map(|(index, mut axis)| {
            let extra = self.output_padding.get(index).copied().unwrap_or(0);
            let whole = (input[index] - 1)
                .checked_mul(axis.stride)
                .and_then(|size| size.checked_add(axis.extent())?.checked_add(extra))
                .ok_or_else(|| OperatorError::Shape("the output is too large".to_owned()))?;
            let same = matches!(self.window.pads, Padding::SameUpper | Padding::SameLower);
            let asked = match self.output_shape.get(index) {
                Some(&size) => Some(size),
                None if same => Some(input[index].saturating_mul(axis.stride)),
                None => None,
            };
            if let Some(asked) = asked {
                let total = whole.saturating_sub(asked);
                let upper = self.window.pads == Padding::SameUpper;
                axis.pad_begin = if upper { total / 2 } else { total.div_ceil(2) };
                axis.pad_end = total - axis.pad_begin;
                axis.input = asked;
            } else {
                axis.input =
                    whole.checked_sub(axis.pad_begin + axis.pad_end).filter(|&size| size > 0).ok_or_else(|| {
                        OperatorError::Shape(format!("pads take all of the {whole} cells of an axis away"))
                    })?;
            }
            axis.output = input[index];
            Ok(axis)
        });
        axes.collect()
    }
}

impl Operator for ConvTranspose {
    fn name(&self) -> &str {
        "ConvTranspose"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (input, weights) = (inputs.f32(0)?, inputs.f32(1)?);
        let (conv, axes) = self.geometry(input.shape, weights.shape)?;
        check_bias(inputs, conv.channels)?;
        let shape = [input.shape[0], conv.channels].into_iter().chain(axes.iter().map(|axis| axis.input)).collect();
        Ok(vec![TensorType::new(DataType::F32, shape)?])
    }

    fn prepare(&self, inputs: Inputs<'_>) -> Result<Option<Box<dyn Kernel>>, OperatorError> {
        let (input, weights) = (inputs.f32(0)?, inputs.f32(1)?);
        let Some(constant) = weights.constant.and_then(Value::as_f32) else { return Ok(None) };
        let (conv, axes) = self.geometry(input.shape, weights.shape)?;
        let packed = PackedConvTranspose::new(Isa::detect(), conv, constant.data());
        let channels_and_size = std::iter::once(conv.channels).chain(axes.iter().map(|axis| axis.input)).collect();
        Ok(Some(Box::new(ConvTransposeKernel { packed, channels_and_size })))
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let kernel = arguments.with_inputs(|inputs| self.prepare(inputs))?;
        let kernel = kernel.ok_or_else(|| OperatorError::Input("1 must be f32".to_owned()))?;
        kernel.run(arguments, pool)
    }

    fn packed_bytes(&self, inputs: Inputs<'_>) -> usize {
        let geometry = inputs.f32(0).and_then(|input| self.geometry(input.shape, inputs.f32(1)?.shape));
        geometry.map_or(0, |(conv, _)| packed_bytes(&conv))
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        if wanted.iter().skip(1).any(|&wanted| wanted) {
            return Err(OperatorError::NotDifferentiable);
        }
        let (Some(cotangent), weights) = (cotangents[0], node.input(1)?) else { return Ok(vec![None]) };
        let (_, axes) = self.geometry(graph.shape(node.input(0)?), graph.shape(weights))?;
        let list = |field: fn(&WindowAxis) -> usize| axes.iter().map(field).collect::<Vec<_>>();
        // The convolution must give exactly as many cells back as went in.
        if axes.iter().any(|axis| {
            (axis.input + axis.pad_begin + axis.pad_end).saturating_sub(axis.extent()) / axis.stride + 1 != axis.output
        }) {
            return Err(OperatorError::Unsupported("the gradient for an output_padding of the stride or more".into()));
        }
        let conv = Conv {
            window: Window {
                kernel: list(|axis| axis.kernel),
                strides: list(|axis| axis.stride),
                dilations: list(|axis| axis.dilation),
                pads: Padding::Explicit { begin: list(|axis| axis.pad_begin), end: list(|axis| axis.pad_end) },
                ceil_mode: false,
            },
            groups: self.groups,
        };
        Ok(vec![Some(graph.apply(conv, &[cotangent, weights])?)])
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = self.window.attributes();
        attributes.push(Attribute::int("group", self.groups as i64));
        for (name, values) in [("output_padding", &self.output_padding), ("output_shape", &self.output_shape)] {
            if !values.is_empty() {
                attributes.push(Attribute::ints(name, values));
            }
        }
        attributes
    }

    fn multiply_adds(&self, inputs: Inputs<'_>) -> u64 {
        let geometry = inputs.f32(0).and_then(|input| {
            let (conv, _) = self.geometry(input.shape, inputs.f32(1)?.shape)?;
            Ok(conv.multiply_adds().saturating_mul(input.shape[0] as u64))
        });
        geometry.unwrap_or(0)
    }
}

struct ConvTransposeKernel {
    packed: PackedConvTranspose,
    channels_and_size: Vec<usize>,
}

impl Kernel for ConvTransposeKernel {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let input = arguments.f32(0)?;
        let bias = arguments.optional_f32(2)?;
        let shape: Vec<_> = input.shape()[..1].iter().chain(&self.channels_and_size).copied().collect();
        let mut out = pool.take(&shape);
        self.packed.run(input.data(), bias.map(Tensor::data), out.data_mut());
        Ok(vec![out.into()])
    }
}
