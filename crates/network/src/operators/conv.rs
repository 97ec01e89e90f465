//! Convolution over one or two spatial axes.

use eyebar_tensor::Tensor;
use eyebar_tensor::blocked::{BLOCK, WinogradConv};
use eyebar_tensor::conv::{Conv2d, PackedConv};
use eyebar_tensor::gemm::MAX_DEPTH;
use eyebar_tensor::pool::WindowAxis;
use eyebar_tensor::simd::Isa;

use super::conv_transpose::ConvTranspose;
use super::spatial::{Padding, Window};
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Kernel, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// Conv: input `[N, C, …]`, weights `[O, C/groups, …]`, optional bias `[O]`.
#[derive(Debug, Clone)]
pub(super) struct Conv {
    pub(super) window: Window,
    pub(super) groups: usize,
}

impl Conv {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        Ok(Self { window: Window::read(node)?, groups: read_groups(node)? })
    }

    /// The geometry for an input and weights of these shapes, and the spatial dimensions of the output.
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
                Err(OperatorError::Unsupported(format!("convolution over {} axes", rank - 2)))
            } else {
                Err(refuse("both need 3 or 4 dimensions"))
            };
        }
        let (channels, filters) = (input[1], weights[0]);
        if channels == 0 || channels != weights[1].saturating_mul(self.groups) {
            return Err(refuse(&format!("{channels} channels against {} × {} groups", weights[1], self.groups)));
        }
        if filters == 0 || filters % self.groups != 0 {
            return Err(refuse(&format!("{filters} filters cannot be shared out over {} groups", self.groups)));
        }
        if input[2..].contains(&0) {
            return Err(refuse("the input is empty"));
        }
        let axes = self.window.resolve(&input[2..], &weights[2..])?.axes;
        let conv = conv_2d(&axes, channels, filters, self.groups);
        check_depth(conv.depth())?;
        Ok((conv, axes))
    }
}

pub(super) fn read_groups(node: &NodeReader<'_>) -> Result<usize, OperatorError> {
    let groups = node.int("group").unwrap_or(1);
    usize::try_from(groups)
        .ok()
        .filter(|&groups| groups > 0)
        .ok_or_else(|| OperatorError::Attribute(format!("group {groups} must be positive")))
}

/// The two-dimensional convolution with these windows; one axis becomes an image of one row.
pub(super) fn conv_2d(axes: &[WindowAxis], channels: usize, filters: usize, groups: usize) -> Conv2d {
    let pair = |field: fn(&WindowAxis) -> usize, missing: usize| match axes {
        [columns] => (missing, field(columns)),
        [rows, columns, ..] => (field(rows), field(columns)),
        [] => (missing, missing),
    };
    Conv2d {
        channels,
        filters,
        groups,
        input: pair(|axis| axis.input, 1),
        kernel: pair(|axis| axis.kernel, 1),
        stride: pair(|axis| axis.stride, 1),
        dilation: pair(|axis| axis.dilation, 1),
        pad: pair(|axis| axis.pad_begin, 0),
        output: pair(|axis| axis.output, 1),
    }
}

/// Refuses sums that no network has: a kernel packs a panel of that depth for every thread.
pub(super) fn check_depth(depth: usize) -> Result<(), OperatorError> {
    if depth <= MAX_DEPTH {
        return Ok(());
    }
    Err(OperatorError::Unsupported(format!("a sum over {depth} products (at most {MAX_DEPTH})")))
}

/// Bytes that the weights of a convolution take in the largest of the forms that a kernel may pack, and as they are.
pub(super) fn packed_bytes(conv: &Conv2d) -> usize {
    const WINOGRAD: usize = 36;
    const ROWS: usize = 8;
    let blocks = |channels: usize| channels.next_multiple_of(BLOCK);
    let dense = conv.groups.saturating_mul(conv.group_filters().next_multiple_of(ROWS)).saturating_mul(conv.depth());
    let largest = match WinogradConv::fits(conv) {
        true => dense.max(WINOGRAD.saturating_mul(blocks(conv.channels)).saturating_mul(blocks(conv.filters))),
        false => dense,
    };
    largest.saturating_add(conv.weights_len()).saturating_mul(size_of::<f32>())
}

/// Refuses a bias that is not `[channels]`.
pub(super) fn check_bias(inputs: Inputs<'_>, channels: usize) -> Result<(), OperatorError> {
    match inputs.get(2) {
        Some(_) if inputs.f32(2)?.shape != [channels] => {
            Err(OperatorError::Shape(format!("bias {:?} should be [{channels}]", inputs.f32(2)?.shape)))
        }
        _ => Ok(()),
    }
}

impl Operator for Conv {
    fn name(&self) -> &str {
        "Conv"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (input, weights) = (inputs.f32(0)?, inputs.f32(1)?);
        let (conv, axes) = self.geometry(input.shape, weights.shape)?;
        check_bias(inputs, conv.filters)?;
        let shape = [input.shape[0], conv.filters].into_iter().chain(axes.iter().map(|axis| axis.output)).collect();
        Ok(vec![TensorType::new(DataType::F32, shape)?])
    }

    fn prepare(&self, inputs: Inputs<'_>) -> Result<Option<Box<dyn Kernel>>, OperatorError> {
        let (input, weights) = (inputs.f32(0)?, inputs.f32(1)?);
        let Some(constant) = weights.constant.and_then(Value::as_f32) else { return Ok(None) };
        let (conv, axes) = self.geometry(input.shape, weights.shape)?;
        let packed = PackedConv::new(Isa::detect(), conv, constant.data());
        let channels_and_size = std::iter::once(conv.filters).chain(axes.iter().map(|axis| axis.output)).collect();
        Ok(Some(Box::new(ConvKernel { packed, channels_and_size })))
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
        // Cells at the end that no window reached.
        let output_padding = list(|axis| {
            (axis.input + axis.pad_begin + axis.pad_end).saturating_sub((axis.output - 1) * axis.stride + axis.extent())
        });
        let transpose = ConvTranspose {
            window: Window {
                kernel: list(|axis| axis.kernel),
                strides: list(|axis| axis.stride),
                dilations: list(|axis| axis.dilation),
                pads: Padding::Explicit { begin: list(|axis| axis.pad_begin), end: list(|axis| axis.pad_end) },
                ceil_mode: false,
            },
            groups: self.groups,
            output_padding,
            output_shape: Vec::new(),
        };
        Ok(vec![Some(graph.apply(transpose, &[cotangent, weights])?)])
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = self.window.attributes();
        attributes.push(Attribute::int("group", self.groups as i64));
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

struct ConvKernel {
    packed: PackedConv,
    channels_and_size: Vec<usize>,
}

impl Kernel for ConvKernel {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let input = arguments.f32(0)?;
        let bias = arguments.optional_f32(2)?;
        let shape: Vec<_> = input.shape()[..1].iter().chain(&self.channels_and_size).copied().collect();
        let mut out = pool.take(&shape);
        self.packed.run(input.data(), bias.map(Tensor::data), out.data_mut());
        Ok(vec![out.into()])
    }
}
