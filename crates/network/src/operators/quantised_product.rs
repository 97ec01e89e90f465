//! The product of rows with constant weights, both 8-bit codes.
//!
//! [`crate::fuse`] makes it of a `Gemm` or `MatMul` for a plan; no file has it, and it has no gradient.

use std::any::Any;

use eyebar_tensor::Tensor;
use eyebar_tensor::blocked::{Activation, BLOCK, Epilogue, QuantisedConv};
use eyebar_tensor::conv::Conv2d;
use eyebar_tensor::simd::Isa;

use super::gemm::Gemm;
use super::matmul::MatMul;
use super::quantised::{Codes, Quantised};
use crate::error::OperatorError;
use crate::operator::{Arguments, Inputs, Kernel, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// out = rounded(input 0) · weights + bias, `[rows, channels]` → `[rows, filters]`: a convolution of images of one pixel.
#[derive(Debug, Clone)]
pub(crate) struct QuantisedProduct {
    weights: Quantised,
    conv: Conv2d,
    bias: Vec<f32>,
}

/// The product that a node of `operator` computes, where its weights were dequantised from `codes` and its bias is constant;
/// the input is rounded as `input` says.
pub(crate) fn quantised_product(
    operator: &dyn Operator,
    inputs: Inputs<'_>,
    codes: &Codes,
    input: eyebar_tensor::blocked::Quantisation,
) -> Option<QuantisedProduct> {
    let any: &dyn Any = operator;
    let transposed = match (any.downcast_ref::<Gemm>(), any.downcast_ref::<MatMul>()) {
        (Some(gemm), _) if !gemm.transpose_a && gemm.alpha == 1.0 && gemm.beta == 1.0 => gemm.transpose_b,
        (_, Some(_)) => false,
        _ => return None,
    };
    let (&[_, channels], &[rows, columns]) = (inputs.f32(0).ok()?.shape, codes.codes.shape()) else { return None };
    let filters = if transposed { rows } else { columns };
    let scales = codes.scales_of(usize::from(!transposed))?;
    // Rows are blocks only where they are full.
    if channels == 0 || filters == 0 || channels % BLOCK != 0 || filters % BLOCK != 0 {
        return None;
    }
    let codes = match transposed {
        true => codes.codes.clone(),
        false => {
            Tensor::from_fn(&[filters, channels], |at| codes.codes.data()[at % channels * filters + at / channels])
        }
    };
    let bias = match inputs.get(2) {
        None => vec![0.0; filters],
        Some(bias) => {
            let bias = bias.constant?.as_f32()?;
            match bias.len() {
                1 => vec![bias.data()[0]; filters],
                len if len == filters => bias.data().to_vec(),
                _ => return None,
            }
        }
    };
    let one = (1, 1);
    let conv = Conv2d {
        channels,
        input: one,
        filters,
        groups: 1,
        kernel: one,
        stride: one,
        dilation: one,
        pad: (0, 0),
        output: one,
    };
    QuantisedConv::fits(&conv).then_some(QuantisedProduct { weights: Quantised { input, codes, scales }, conv, bias })
}

impl QuantisedProduct {
    fn kernel(&self) -> Product {
        let Quantised { input, codes, scales } = &self.weights;
        let layer = QuantisedConv::new(Isa::detect(), self.conv, *input, codes.data(), scales);
        Product { layer, filters: self.conv.filters, bias: self.bias.clone() }
    }
}

impl Operator for QuantisedProduct {
    fn name(&self) -> &str {
        "Gemm"
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let rows = inputs.f32(0)?.shape.first().copied().unwrap_or(0);
        Ok(vec![TensorType::new(DataType::F32, vec![rows, self.conv.filters])?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        self.kernel().run(arguments, pool)
    }

    fn prepare(&self, _: Inputs<'_>) -> Result<Option<Box<dyn Kernel>>, OperatorError> {
        Ok(Some(Box::new(self.kernel())))
    }

    fn weight_bytes(&self) -> u64 {
        self.weights.codes.len() as u64
    }

    fn multiply_adds(&self, inputs: Inputs<'_>) -> u64 {
        let rows = inputs.get(0).and_then(|input| input.shape.first().copied()).unwrap_or(1);
        self.conv.multiply_adds().saturating_mul(rows as u64)
    }
}

struct Product {
    layer: QuantisedConv,
    filters: usize,
    bias: Vec<f32>,
}

impl Kernel for Product {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let input = arguments.f32(0)?;
        let mut out = pool.take(&[input.shape()[0], self.filters]);
        let epilogue = Epilogue { bias: &self.bias, residual: None, activation: &Activation::Identity, gate: None };
        self.layer.run(input.data(), epilogue, out.data_mut());
        Ok(vec![out.into()])
    }

    fn algorithm(&self) -> &'static str {
        "int8"
    }
}
