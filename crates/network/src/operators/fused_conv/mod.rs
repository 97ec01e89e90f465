//! A convolution with what follows it: batch normalisation, a second summand, an activation function or the gradient of
//! one.
//!
//! [`crate::fuse`] makes it for a plan; no file has it, and it has no gradient.

use std::any::Any;

use eyebar_tensor::Tensor;
use eyebar_tensor::blocked::{
    self, Activation, BLOCK, DepthwiseConv, DirectConv, Epilogue, Quantisation, QuantisedConv, WinogradConv,
};
use eyebar_tensor::conv::{Conv2d, PackedConv, turned};
use eyebar_tensor::elementwise::map;
use eyebar_tensor::simd::Isa;

use super::clip::Clip;
use super::conv::Conv;
use super::conv_transpose::ConvTranspose;
use super::function::Function;
use super::prelu::PRelu;
use super::quantised::Quantised;
use super::unary::Unary;
use crate::error::OperatorError;
use crate::layout::{BlockedKernel, Layout, LocalKernel, LocalWork, blocked_channels, blocked_shape};
use crate::operator::{Arguments, Inputs, Kernel, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// out = activation(conv(input 0) + bias + residual), and 0 where the gate is not above 0. Input 1 is the residual, the
/// next one the gate; either may be left out.
#[derive(Debug, Clone)]
pub(crate) struct FusedConv {
    pub(crate) conv: Conv2d,
    /// `[filters, channels / groups, kH, kW]`
    pub(crate) weights: Tensor,
    /// One number for each filter.
    pub(crate) bias: Vec<f32>,
    pub(crate) activation: Activation,
    pub(crate) extras: Extras,
    /// Codes of the input and of the weights, where the product is one of codes.
    pub(crate) quantised: Option<Quantised>,
    /// Whether it must be a direct sum ([`crate::Graph::is_strict`]).
    pub(crate) strict: bool,
}

impl FusedConv {
    fn output(&self, images: usize) -> [usize; 4] {
        [images, self.conv.filters, self.conv.output.0, self.conv.output.1]
    }
}

/// The convolution that a node of `operator` computes, where its weights and its bias are constant.
pub(crate) fn convolution(operator: &dyn Operator, inputs: Inputs<'_>) -> Option<FusedConv> {
    let operator: &dyn Any = operator;
    let constant = |index: usize| inputs.get(index)?.constant;
    let (input, weights) = (inputs.f32(0).ok()?, constant(1)?.as_f32()?);
    let (conv, weights) = if let Some(conv) = operator.downcast_ref::<Conv>() {
        (conv.geometry(input.shape, weights.shape()).ok()?.0, weights.clone())
    } else {
        let transpose = operator.downcast_ref::<ConvTranspose>()?;
        let (conv, _) = transpose.geometry(input.shape, weights.shape()).ok()?;
        let (conv, turned) = turned(&conv, weights.data())?;
        let shape = [conv.filters, conv.group_channels(), conv.kernel.0, conv.kernel.1];
        (conv, Tensor::new(&shape, turned).ok()?)
    };
    let bias = match inputs.get(2) {
        Some(_) => constant(2)?.as_f32()?.data().to_vec(),
        None => vec![0.0; conv.filters],
    };
    let (activation, extras) = (Activation::Identity, Extras::default());
    Some(FusedConv { conv, weights, bias, activation, extras, quantised: None, strict: false })
}

/// The activation function that a node of `operator` applies to input 0, of `channels` channels.
pub(crate) fn activation(operator: &dyn Operator, inputs: Inputs<'_>, channels: usize) -> Option<Activation> {
    let any: &dyn Any = operator;
    if any.downcast_ref::<PRelu>().is_some() {
        let slopes = inputs.get(1)?.constant?.as_f32()?;
        return match slopes.len() {
            1 => Some(Activation::Leaky(vec![slopes.data()[0]; channels])),
            _ => Some(Activation::Leaky(blocked_channels(slopes, channels)?.into_data())),
        };
    }
    let function = match any.downcast_ref::<Unary>() {
        Some(unary) => unary.function(),
        None => any.downcast_ref::<Clip>()?.function(inputs)?,
    };
    match function {
        Function::Relu => Some(Activation::Relu),
        Function::Clip { min, max } => Some(Activation::Clip { low: min, high: max }),
        Function::LeakyRelu { alpha } => Some(Activation::Leaky(vec![alpha; channels])),
        _ => None,
    }
}

/// Whether Winograd's algorithm is expected to be faster than the direct sum for `images` at a time. Costs are in multiply-adds; the constants are
/// measured on two cores with AVX-512 and hold for any number of threads, so that results do.
fn winograd_pays(conv: &Conv2d, images: usize) -> bool {
    // Below, its rounding, ten times that of the direct sum, buys little.
    const FEWEST_CHANNELS: usize = 32;
    // The transform of a tile's 16 channels.
    const TRANSFORM: usize = 8_000;
    // Reading a weight from memory.
    const READ: usize = 20;
    if !WinogradConv::fits(conv) || conv.channels < FEWEST_CHANNELS {
        return false;
    }
    let (blocks, filters) = (blocked::blocks(conv.channels), blocked::blocks(conv.filters));
    let tiles = conv.output.0.div_ceil(4).saturating_mul(conv.output.1.div_ceil(4)).saturating_mul(images);
    let weights = blocks * BLOCK * filters * BLOCK;
    let direct = conv.positions().saturating_mul(images).max(READ).saturating_mul(9 * weights);
    let products = tiles.max(READ).saturating_mul(36 * weights);
    products.saturating_add(tiles.saturating_mul((blocks + filters) * TRANSFORM)) < direct
}

impl Operator for FusedConv {
    fn name(&self) -> &str {
        "Conv"
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let images = inputs.f32(0)?.shape.first().copied().unwrap_or(0);
        Ok(vec![TensorType::new(DataType::F32, self.output(images).to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        self.dense()?.run(arguments, pool)
    }

    fn prepare(&self, _inputs: Inputs<'_>) -> Result<Option<Box<dyn Kernel>>, OperatorError> {
        Ok(Some(Box::new(self.dense()?)))
    }

    fn prepare_blocked(&self, inputs: Inputs<'_>, layouts: &[Layout]) -> Result<Option<BlockedKernel>, OperatorError> {
        let images = inputs.f32(0)?.shape.first().copied().unwrap_or(1);
        let Some(kernel) = self.blocked(images, layouts[0] == Layout::Dense) else { return Ok(None) };
        let dense = matches!(&kernel.method, Method::Direct(direct) if direct.is_dense());
        let input = if dense { Layout::Dense } else { Layout::Blocked };
        let others = usize::from(self.extras.residual) + usize::from(self.extras.gate);
        let inputs = [Some(input)].into_iter().chain(std::iter::repeat_n(Some(Layout::Blocked), others)).collect();
        Ok(Some(BlockedKernel { kernel: Box::new(kernel), inputs }))
    }

    fn prepare_local(&self, _: Inputs<'_>, images: usize) -> Result<Option<LocalKernel>, OperatorError> {
        Ok(self.blocked(images, false).map(|kernel| LocalKernel {
            windows: Some(self.conv),
            outside: 0.0,
            work: Box::new(kernel),
        }))
    }

    fn weight_bytes(&self) -> u64 {
        size_of_val(self.weights.data()) as u64
    }

    fn multiply_adds(&self, inputs: Inputs<'_>) -> u64 {
        let images = inputs.get(0).and_then(|input| input.shape.first().copied()).unwrap_or(1);
        self.conv.multiply_adds().saturating_mul(images as u64)
    }
}

impl FusedConv {
    /// The kernel on blocks that suits `images` at a time; its input may be dense where it has few channels.
    fn blocked(&self, images: usize, may_be_dense: bool) -> Option<BlockedConv> {
        let (conv, isa, weights) = (self.conv, Isa::detect(), self.weights.data());
        let codes = self.quantised.as_ref().filter(|_| QuantisedConv::fits(&conv));
        let method = if let Some(Quantised { input, codes, scales }) = codes {
            Method::Quantised(QuantisedConv::new(isa, conv, *input, codes.data(), scales))
        } else if self.quantised.is_some() {
            // The dense kernel rounds the input itself.
            return None;
        } else if !self.strict && winograd_pays(&conv, images) {
            Method::Winograd(WinogradConv::new(isa, conv, weights))
        } else if DirectConv::fits(&conv) {
            Method::Direct(DirectConv::new(isa, conv, weights, may_be_dense))
        } else if DepthwiseConv::fits(&conv) {
            Method::Depthwise(DepthwiseConv::new(isa, conv, weights))
        } else {
            return None;
        };
        let mut bias = self.bias.clone();
        bias.resize(conv.filters.next_multiple_of(BLOCK), 0.0);
        let mut activation = self.activation.clone();
        if let Activation::Leaky(slopes) = &mut activation {
            slopes.resize(conv.filters.next_multiple_of(BLOCK), 0.0);
        }
        Some(BlockedConv { method, shape: self.output(1).to_vec(), bias, activation, extras: self.extras })
    }

    fn dense(&self) -> Result<DenseConv, OperatorError> {
        let packed = PackedConv::new(Isa::detect(), self.conv, self.weights.data());
        let (bias, activation) = (self.bias.clone(), self.activation.clone());
        let rounds = self.quantised.as_ref().map(|quantised| quantised.input);
        Ok(DenseConv { packed, shape: self.output(1).to_vec(), bias, activation, extras: self.extras, rounds })
    }
}

enum Method {
    Direct(DirectConv),
    Winograd(WinogradConv),
    Depthwise(DepthwiseConv),
    Quantised(QuantisedConv),
}

/// Which inputs there are behind the image.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extras {
    pub(crate) residual: bool,
    pub(crate) gate: bool,
}

impl Extras {
    /// Residual and gate.
    fn find(self, arguments: Arguments<'_>) -> Result<[Option<&'_ [f32]>; 2], OperatorError> {
        let input = |wanted: bool, index| match wanted {
            true => arguments.f32(index).map(|tensor| Some(tensor.data())),
            false => Ok(None),
        };
        Ok([input(self.residual, 1)?, input(self.gate, 1 + usize::from(self.residual))?])
    }
}

struct BlockedConv {
    method: Method,
    /// Of one image, dense.
    shape: Vec<usize>,
    bias: Vec<f32>,
    activation: Activation,
    extras: Extras,
}

impl Kernel for BlockedConv {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        self.convolve(&self.method, &self.shape, arguments, pool).map(|value| vec![value])
    }

    fn algorithm(&self) -> &'static str {
        match self.method {
            Method::Direct(_) => "direct",
            Method::Winograd(_) => "Winograd F(4×4, 3×3)",
            Method::Depthwise(_) => "depthwise",
            Method::Quantised(_) => "int8",
        }
    }
}

impl LocalWork for BlockedConv {
    fn run(&self, windows: Option<&Conv2d>, arguments: Arguments<'_>, pool: &Pool) -> Result<Value, OperatorError> {
        let conv = *windows.ok_or_else(|| OperatorError::Input("0 has no windows".to_owned()))?;
        let method = match &self.method {
            Method::Direct(method) => Method::Direct(method.resized(conv)),
            Method::Winograd(method) => Method::Winograd(method.resized(conv)),
            Method::Depthwise(method) => Method::Depthwise(method.resized(conv)),
            Method::Quantised(method) => Method::Quantised(method.resized(conv)),
        };
        self.convolve(&method, &[1, conv.filters, conv.output.0, conv.output.1], arguments, pool)
    }
}

impl BlockedConv {
    /// `shape` is that of one image's output, dense.
    fn convolve(
        &self,
        method: &Method,
        shape: &[usize],
        arguments: Arguments<'_>,
        pool: &Pool,
    ) -> Result<Value, OperatorError> {
        let input = arguments.f32(0)?;
        let [residual, gate] = self.extras.find(arguments)?;
        let epilogue = Epilogue { bias: &self.bias, residual, activation: &self.activation, gate };
        let mut shape = blocked_shape(shape);
        shape[0] = input.shape()[0];
        let mut out = pool.take(&shape);
        match method {
            Method::Direct(conv) => conv.run(input.data(), epilogue, out.data_mut()),
            Method::Winograd(conv) => conv.run(input.data(), epilogue, out.data_mut()),
            Method::Depthwise(conv) => conv.run(input.data(), epilogue, out.data_mut()),
            Method::Quantised(conv) => conv.run(input.data(), epilogue, out.data_mut()),
        }
        Ok(out.into())
    }
}

struct DenseConv {
    packed: PackedConv,
    shape: Vec<usize>,
    bias: Vec<f32>,
    activation: Activation,
    extras: Extras,
    /// To what the input is rounded first.
    rounds: Option<Quantisation>,
}

impl Kernel for DenseConv {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let input = arguments.f32(0)?;
        let mut shape = self.shape.clone();
        shape[0] = input.shape()[0];
        let pixels = shape[2] * shape[3];
        let mut out = pool.take(&shape);
        match self.rounds {
            None => self.packed.run(input.data(), Some(&self.bias), out.data_mut()),
            Some(rounds) => {
                let mut rounded = pool.take(input.shape());
                map(input.data(), rounded.data_mut(), |x| rounds.rounded(x));
                self.packed.run(rounded.data(), Some(&self.bias), out.data_mut());
                pool.give(rounded.into());
            }
        }
        let [residual, gate] = self.extras.find(arguments)?;
        if let Some(residual) = residual {
            out.data_mut().iter_mut().zip(residual).for_each(|(out, value)| *out += value);
        }
        for (plane, out) in out.data_mut().chunks_exact_mut(pixels.max(1)).enumerate() {
            let channel = plane % self.shape[1];
            match &self.activation {
                Activation::Identity => {}
                Activation::Relu => out.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x }),
                Activation::Clip { low, high } => out.iter_mut().for_each(|x| {
                    let raised = if *x < *low { *low } else { *x };
                    *x = if raised > *high { *high } else { raised };
                }),
                Activation::Leaky(slopes) => {
                    out.iter_mut().for_each(|x| *x = if *x < 0.0 { slopes[channel] * *x } else { *x });
                }
            }
        }
        if let Some(gate) = gate {
            out.data_mut().iter_mut().zip(gate).for_each(|(out, gate)| *out = if *gate > 0.0 { *out } else { 0.0 });
        }
        Ok(vec![out.into()])
    }

    fn algorithm(&self) -> &'static str {
        "im2col"
    }
}

#[cfg(test)]
mod tests;
