//! `MaxPool` and `AveragePool` over one or two spatial axes, and their gradients.

use std::any::Any;
use std::sync::Arc;

use eyebar_tensor::Tensor;
use eyebar_tensor::blocked::{self, BLOCK};
use eyebar_tensor::conv::Conv2d;
use eyebar_tensor::pool::{self, Axes, WindowAxis};
use eyebar_tensor::simd::Isa;

use super::axes::sizes_constant;
use super::conv::conv_2d;
use super::reshape::reshape;
use super::spatial::{Padding, Window};
use super::unary::is_relu_gradient;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{BlockedKernel, Layout, LocalKernel, LocalWork};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Kernel, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// What a window is reduced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reduction {
    Max,
    Average { include_padding: bool },
}

impl Reduction {
    fn attributes(self) -> Option<Attribute> {
        (self == Self::Average { include_padding: true }).then(|| Attribute::int("count_include_pad", 1))
    }
}

/// A sliding window over the spatial axes of `[N, C, (H,) W]`, reduced to its maximum or mean.
#[derive(Debug, Clone)]
pub(super) struct Pooling {
    reduction: Reduction,
    window: Window,
}

impl Pooling {
    pub(super) fn read_max(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        if node.output_count() > 1 {
            return Err(OperatorError::Unsupported("output Indices of MaxPool".to_owned()));
        }
        Ok(Self { reduction: Reduction::Max, window: Window::read(node)? })
    }

    pub(super) fn read_average(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let include_padding = node.flag("count_include_pad", false);
        Ok(Self { reduction: Reduction::Average { include_padding }, window: Window::read(node)? })
    }
}

/// The window's rows and columns on an input of `shape`, and the shape of the output.
fn resolve(window: &Window, shape: &[usize]) -> Result<(Axes, Vec<usize>), OperatorError> {
    if !matches!(shape.len(), 3 | 4) {
        let message = format!("pooling over {} spatial axes (1 or 2 are)", shape.len().saturating_sub(2));
        return Err(OperatorError::Unsupported(message));
    }
    let spatial = &shape[2..];
    if window.kernel.is_empty() {
        return Err(OperatorError::Attribute("kernel_shape is missing".to_owned()));
    }
    if spatial.contains(&0) {
        return Err(OperatorError::Shape(format!("{shape:?} has no cell to pool")));
    }
    let geometry = window.resolve(spatial, &window.kernel)?;
    if let Some(axis) = geometry.axes.iter().find(|axis| axis.pad_begin.max(axis.pad_end) >= axis.extent()) {
        let (begin, end, extent) = (axis.pad_begin, axis.pad_end, axis.extent());
        return Err(OperatorError::Shape(format!(
            "pads {begin} and {end} must be smaller than the window of {extent}"
        )));
    }
    let axes = match geometry.axes[..] {
        [columns] => [WindowAxis::SINGLE, columns],
        [rows, columns] => [rows, columns],
        _ => return Err(OperatorError::Shape(format!("{shape:?} has no one or two spatial axes"))),
    };
    Ok((axes, [&shape[..2], &geometry.output()].concat()))
}

impl Operator for Pooling {
    fn name(&self) -> &str {
        match self.reduction {
            Reduction::Max => "MaxPool",
            Reduction::Average { .. } => "AveragePool",
        }
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let input = inputs.require(0)?;
        let quantised = matches!(input.dtype, DataType::U8 | DataType::I8);
        if !(input.dtype == DataType::F32 || (quantised && self.reduction == Reduction::Max)) {
            return Err(OperatorError::Input(format!("0 must be f32, not {}", input.dtype)));
        }
        let (_, shape) = resolve(&self.window, input.shape)?;
        Ok(vec![TensorType::new(input.dtype, shape)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        // f32 holds all 8-bit numbers, and a maximum makes no new ones.
        let widened = match arguments.require(0)? {
            Value::U8(x) => Some(Value::F32(x.map(|&v| v.into()))),
            Value::I8(x) => Some(Value::F32(x.map(|&v| v.into()))),
            _ => None,
        };
        if let Some(widened) = widened {
            let y = self.run(Arguments(&[Some(&widened)]), pool)?.remove(0);
            let y = y.as_f32().ok_or_else(|| OperatorError::Input("0 must be f32".to_owned()))?;
            return Ok(vec![match arguments.require(0)? {
                Value::U8(_) => Value::U8(y.map(|&v| v as u8)),
                _ => Value::I8(y.map(|&v| v as i8)),
            }]);
        }
        let x = arguments.f32(0)?;
        let (axes, shape) = resolve(&self.window, x.shape())?;
        let mut y = pool.take(&shape);
        match self.reduction {
            Reduction::Max => pool::max_pool(x.data(), &axes, y.data_mut()),
            Reduction::Average { include_padding } => {
                pool::average_pool(x.data(), &axes, include_padding, y.data_mut());
            }
        }
        Ok(vec![y.into()])
    }

    fn prepare_local(&self, inputs: Inputs<'_>, _: usize) -> Result<Option<LocalKernel>, OperatorError> {
        let input = inputs.f32(0)?;
        if input.shape.len() != 4 {
            return Ok(None);
        }
        let (axes, _) = resolve(&self.window, input.shape)?;
        let padded =
            axes.iter().any(|axis| axis.pad_begin > 0 || (axis.output - 1) * axis.stride + axis.extent() > axis.input);
        let work = match self.reduction {
            Reduction::Max if axes.iter().all(WindowAxis::always_reaches) => LocalPooling { average: false },
            // In the padding, an average divides by other numbers.
            Reduction::Average { .. } if !padded => LocalPooling { average: true },
            _ => return Ok(None),
        };
        let (windows, outside) = (conv_2d(&axes, BLOCK, BLOCK, BLOCK), f32::NEG_INFINITY);
        Ok(Some(LocalKernel { windows: Some(windows), outside, work: Box::new(work) }))
    }

    fn prepare_blocked(&self, inputs: Inputs<'_>, layouts: &[Layout]) -> Result<Option<BlockedKernel>, OperatorError> {
        if layouts[0] != Layout::Blocked {
            return Ok(None);
        }
        let (axes, _) = resolve(&self.window, inputs.f32(0)?.shape)?;
        let counts = match self.reduction {
            Reduction::Max if !axes.iter().all(WindowAxis::always_reaches) => return Ok(None),
            Reduction::Max => None,
            Reduction::Average { include_padding } => Some(axes.map(|axis| axis.counts(include_padding))),
        };
        let kernel = BlockedPooling { windows: conv_2d(&axes, BLOCK, BLOCK, BLOCK), counts };
        Ok(Some(BlockedKernel { kernel: Box::new(kernel), inputs: vec![Some(Layout::Blocked)] }))
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
        let gradient = PoolingGrad { reduction: self.reduction, window: self.window.clone(), shape, gated: false };
        let inputs = if self.reduction == Reduction::Max { vec![cotangent, x] } else { vec![cotangent] };
        Ok(vec![Some(graph.apply(gradient, &inputs)?)])
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.window.attributes().into_iter().chain(self.reduction.attributes()).collect()
    }
}

/// Gradient of [`Pooling`]. The inputs are the cotangent and, for a maximum, the pooled tensor: each window passes its
/// cotangent to its first maximum, as in PyTorch, or shares it among its cells.
#[derive(Debug, Clone)]
pub(super) struct PoolingGrad {
    reduction: Reduction,
    window: Window,
    shape: Vec<usize>,
    /// Whether a maximum that is not above 0 gets nothing: with the gradient of the ReLU whose output was pooled.
    gated: bool,
}

/// The gradient of a maximum `pool` together with that of the ReLU behind which it pooled, if `relu` is that.
pub(crate) fn gated_max_gradient(pool: &Node, relu: &Node) -> Option<Node> {
    let operator: &dyn Any = &*pool.operator;
    let gradient: &PoolingGrad = operator.downcast_ref()?;
    let fits = gradient.reduction == Reduction::Max
        && is_relu_gradient(&*relu.operator)
        && relu.inputs.first() == Some(&pool.output(0).ok())
        && relu.inputs.get(1) == pool.inputs.get(1);
    fits.then(|| Node {
        name: pool.name.clone(),
        operator: Arc::new(PoolingGrad { gated: true, ..gradient.clone() }),
        inputs: pool.inputs.clone(),
        outputs: relu.outputs.clone(),
    })
}

impl PoolingGrad {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let include_padding = node.flag("count_include_pad", false);
        let is_max = node.operator() == "MaxPoolGrad";
        let reduction = if is_max { Reduction::Max } else { Reduction::Average { include_padding } };
        Ok(Self {
            reduction,
            window: Window::read(node)?,
            shape: node.sizes("shape")?.unwrap_or_default(),
            gated: false,
        })
    }

    /// Gradient of the maximum over all cells of the lines of `[N, C, cells]`.
    pub(super) fn of_max_of_line(shape: &[usize]) -> Self {
        let pads = Padding::Explicit { begin: Vec::new(), end: Vec::new() };
        let kernel = vec![shape[2]];
        let window = Window { kernel, strides: Vec::new(), pads, dilations: Vec::new(), ceil_mode: false };
        Self { reduction: Reduction::Max, window, shape: shape.to_vec(), gated: false }
    }
}

impl Operator for PoolingGrad {
    fn name(&self) -> &str {
        match self.reduction {
            Reduction::Max => "MaxPoolGrad",
            Reduction::Average { .. } => "AveragePoolGrad",
        }
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (_, pooled) = resolve(&self.window, &self.shape)?;
        let cotangent = inputs.f32(0)?;
        if cotangent.shape != pooled {
            return Err(OperatorError::Shape(format!("{:?} is not {pooled:?}", cotangent.shape)));
        }
        if self.reduction == Reduction::Max && inputs.f32(1)?.shape != self.shape {
            return Err(OperatorError::Shape(format!("input 1 must have the shape {:?}", self.shape)));
        }
        Ok(vec![TensorType::new(DataType::F32, self.shape.clone())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (axes, _) = resolve(&self.window, &self.shape)?;
        let cotangent = arguments.f32(0)?.data();
        let mut dx = pool.take(&self.shape);
        match self.reduction {
            Reduction::Max => {
                let x = arguments.f32(1)?.data();
                pool::max_pool_gradient(x, cotangent, &axes, dx.data_mut());
                if self.gated {
                    dx.data_mut().iter_mut().zip(x).for_each(|(dx, x)| *dx = if *x > 0.0 { *dx } else { 0.0 });
                }
            }
            Reduction::Average { include_padding } => {
                pool::average_pool_gradient(cotangent, &axes, include_padding, dx.data_mut());
            }
        }
        Ok(vec![dx.into()])
    }

    fn prepare_blocked(&self, _: Inputs<'_>, layouts: &[Layout]) -> Result<Option<BlockedKernel>, OperatorError> {
        if self.reduction != Reduction::Max || self.shape.len() != 4 || !layouts.contains(&Layout::Blocked) {
            return Ok(None);
        }
        let (axes, _) = resolve(&self.window, &self.shape)?;
        let kernel = BlockedMaxGrad { windows: conv_2d(&axes, BLOCK, BLOCK, BLOCK), gated: self.gated };
        let reaches = axes.iter().all(WindowAxis::always_reaches);
        Ok(reaches.then(|| BlockedKernel { kernel: Box::new(kernel), inputs: vec![Some(Layout::Blocked); 2] }))
    }

    /// The places of the maxima are what ONNX's `MaxPool` gives beside them.
    fn standard(&self, graph: &mut Graph, node: &Node) -> Result<ValueId, OperatorError> {
        if self.reduction != Reduction::Max {
            return Err(OperatorError::NotStandard);
        }
        let (cotangent, x) = (node.input(0)?, node.input(1)?);
        let pooled = graph.shape(cotangent).to_vec();
        let count = |shape: &[usize]| shape.iter().product::<usize>();
        let types =
            vec![TensorType::new(DataType::F32, pooled.clone())?, TensorType::new(DataType::I64, pooled.clone())?];
        let places = graph.add_foreign("MaxPool", self.window.attributes(), &[x], types)[1];
        let places = reshape(graph, places, &[count(&pooled)])?;
        let cotangent = reshape(graph, cotangent, &[count(&pooled)])?;
        let zero = graph.add_constant(Tensor::vector(vec![0.0f32]));
        let total = count(&self.shape);
        let size = graph.add_constant(sizes_constant(&[total]));
        // Not `Expand`, which would be computed at once and written whole.
        let line = vec![TensorType::new(DataType::F32, vec![total])?];
        let zeros = graph.add_foreign("Expand", Vec::new(), &[zero, size], line.clone())[0];
        let add = vec![Attribute::int("axis", 0), Attribute::string("reduction", "add")];
        let sums = graph.add_foreign("ScatterElements", add, &[zeros, places, cotangent], line)[0];
        reshape(graph, sums, &self.shape)
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = self.window.attributes();
        attributes.extend(self.reduction.attributes());
        attributes.push(Attribute::ints("shape", &self.shape));
        attributes
    }
}

/// Pools a blocked activation; an average divides by `counts`.
struct BlockedPooling {
    windows: Conv2d,
    counts: Option<[Vec<f32>; 2]>,
}

impl Kernel for BlockedPooling {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let x = arguments.f32(0)?;
        let mut shape = x.shape().to_vec();
        (shape[2], shape[3]) = self.windows.output;
        let mut y = pool.take(&shape);
        match &self.counts {
            None => blocked::pool_max(Isa::detect(), &self.windows, x.data(), y.data_mut()),
            Some([down, along]) => {
                blocked::pool_average(Isa::detect(), &self.windows, (down, along), x.data(), y.data_mut());
            }
        }
        Ok(vec![y.into()])
    }
}

/// The gradient of a maximum; inputs are the cotangent and the pooled activation.
struct BlockedMaxGrad {
    windows: Conv2d,
    gated: bool,
}

impl Kernel for BlockedMaxGrad {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (cotangent, x) = (arguments.f32(0)?, arguments.f32(1)?);
        let mut dx = pool.take(x.shape());
        let (isa, conv) = (Isa::detect(), &self.windows);
        blocked::pool_max_gradient(isa, conv, x.data(), cotangent.data(), self.gated, dx.data_mut());
        Ok(vec![dx.into()])
    }
}

/// Pools parts of images; an average is that of all cells of a window.
struct LocalPooling {
    average: bool,
}

impl LocalWork for LocalPooling {
    fn run(&self, windows: Option<&Conv2d>, arguments: Arguments<'_>, pool: &Pool) -> Result<Value, OperatorError> {
        let windows = *windows.ok_or_else(|| OperatorError::Attribute("kernel_shape is missing".to_owned()))?;
        let (kernel, output) = (windows.kernel, windows.output);
        let counts = || [vec![kernel.0 as f32; output.0], vec![kernel.1 as f32; output.1]];
        let counts = self.average.then(counts);
        Ok(BlockedPooling { windows, counts }.run(arguments, pool)?.remove(0))
    }
}
