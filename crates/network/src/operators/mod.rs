//! The operators, one file each (a family of the same shape shares one): reading, shape, execution, gradient, writing.
//!
//! To add an operator, write its file and add it to `read`; see *How to add an operator* in `CONTRIBUTING.md`.

use std::sync::Arc;

use crate::error::OperatorError;
use crate::onnx::NodeReader;
use crate::operator::Operator;

mod axes;
mod batch_normalization;
mod binary;
mod blocked;
mod broadcast;
mod cast;
mod clip;
mod concat;
mod constant;
mod conv;
mod conv_transpose;
mod derivative;
mod element;
mod expand;
mod forms;
mod function;
mod fused_conv;
mod gather;
mod gemm;
mod global_pool;
mod integer;
mod lrn;
mod matmul;
mod normalization;
mod pad;
mod pooling;
mod prelu;
mod quantised;
mod quantised_product;
mod quantization;
mod range;
mod reduce;
mod refused;
mod reshape;
mod resize;
mod slice;
mod softmax;
mod spatial;
mod straight_through;
mod transpose;
mod unary;
mod variadic;

pub(crate) use batch_normalization::BatchNormalization;
pub use binary::Binary;
pub use binary::Binary::{Add, Div, Mul, Pow, Sub};
pub(crate) use broadcast::filled;
pub use concat::Concat;
pub use expand::Expand;
pub(crate) use fused_conv::{Extras, FusedConv, activation, convolution};
pub use gather::Gather;
pub use global_pool::GlobalPool;
pub use pad::Pad;
pub(crate) use pooling::gated_max_gradient;
pub use quantised::Codes;
pub(crate) use quantised::{Quantised, codes, quantisation_of};
pub(crate) use quantised_product::quantised_product;
pub use quantization::{DequantizeLinear, QuantizeLinear};
pub use reduce::Reduce;
use refused::Refused;
pub use reshape::Reshaping;
pub use slice::Slice;
pub use transpose::Transpose;
pub(crate) use unary::is_relu_gradient;
pub use variadic::Variadic;

/// The domain of the operators that ONNX does not have, gradients above all.
pub(crate) const OWN_DOMAIN: &str = "eyebar";

/// The operator a node of an ONNX file names. One that is not supported, or whose attributes make no sense, becomes a
/// node that refuses to run.
pub(crate) fn read(domain: &str, node: &NodeReader<'_>) -> Arc<dyn Operator> {
    let result = match domain {
        "" | "ai.onnx" => read_standard(node),
        OWN_DOMAIN => read_own(node),
        _ => Err(OperatorError::Unsupported(format!("operator {} of domain {domain:?}", node.operator()))),
    };
    result.unwrap_or_else(|error| Arc::new(Refused::new(node.operator(), error)))
}

fn read_standard(node: &NodeReader<'_>) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(match node.operator() {
        "Abs" | "Ceil" | "Elu" | "Erf" | "Exp" | "Floor" | "Gelu" | "HardSigmoid" | "HardSwish" | "LeakyRelu"
        | "Log" | "Neg" | "Reciprocal" | "Relu" | "Sigmoid" | "Softplus" | "Sqrt" | "Tanh" => {
            Arc::new(unary::Unary::read(node)?)
        }
        "Add" => Arc::new(Add),
        "AveragePool" => Arc::new(pooling::Pooling::read_average(node)?),
        "BatchNormalization" => Arc::new(BatchNormalization::read(node)?),
        "Cast" => Arc::new(cast::Cast::read(node)?),
        "Clip" => Arc::new(clip::Clip),
        "Concat" => Arc::new(Concat::read(node)?),
        "Constant" => Arc::new(constant::Constant::read(node)?),
        "ConstantOfShape" => Arc::new(constant::ConstantOfShape::read(node)?),
        "Conv" => Arc::new(conv::Conv::read(node)?),
        "ConvTranspose" => Arc::new(conv_transpose::ConvTranspose::read(node)?),
        "DequantizeLinear" => Arc::new(DequantizeLinear::read(node)?),
        "Div" => Arc::new(Div),
        "Dropout" | "Flatten" | "Identity" | "Reshape" | "Squeeze" | "Unsqueeze" => Arc::new(Reshaping::read(node)?),
        "Expand" => Arc::new(Expand),
        "Gather" => Arc::new(Gather::read(node)),
        "Gemm" => Arc::new(gemm::Gemm::read(node)?),
        "GlobalAveragePool" => Arc::new(GlobalPool::Average),
        "GlobalMaxPool" => Arc::new(GlobalPool::Max),
        "InstanceNormalization" | "LayerNormalization" => Arc::new(normalization::Normalization::read(node)?),
        "LRN" => Arc::new(lrn::Lrn::read(node)?),
        "LogSoftmax" | "Softmax" => Arc::new(softmax::Softmax::read(node)),
        "MatMul" => Arc::new(matmul::MatMul),
        "Max" => Arc::new(Variadic::Max),
        "MaxPool" => Arc::new(pooling::Pooling::read_max(node)?),
        "Min" => Arc::new(Variadic::Min),
        "Mul" => Arc::new(Mul),
        "PRelu" => Arc::new(prelu::PRelu),
        "Pad" => Arc::new(Pad::read(node)?),
        "Pow" => Arc::new(Pow),
        "QuantizeLinear" => Arc::new(QuantizeLinear::read(node)?),
        "Range" => Arc::new(range::Range),
        "ReduceL2" | "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceSum" => Arc::new(Reduce::read(node)?),
        "Resize" => Arc::new(resize::Resize::read(node)?),
        "Shape" => Arc::new(constant::Shape::read(node)),
        "Slice" => Arc::new(Slice),
        "Split" => Arc::new(concat::Split::read(node)?),
        "Sub" => Arc::new(Sub),
        "Sum" => Arc::new(Variadic::Sum),
        "Transpose" => Arc::new(Transpose::read(node)),
        other => return Err(OperatorError::Unsupported(format!("operator {other}"))),
    })
}

fn read_own(node: &NodeReader<'_>) -> Result<Arc<dyn Operator>, OperatorError> {
    if let Some(derivative) = derivative::Derivative::named(node.operator()) {
        return Ok(Arc::new(derivative));
    }
    Ok(match node.operator() {
        "AveragePoolGrad" | "MaxPoolGrad" => Arc::new(pooling::PoolingGrad::read(node)?),
        "GatherGrad" => Arc::new(gather::GatherGrad::read(node)?),
        "PadGrad" => Arc::new(pad::PadGrad::read(node)?),
        "ResizeGrad" => Arc::new(resize::ResizeGrad::read(node)?),
        "SliceGrad" => Arc::new(slice::SliceGrad::read(node)?),
        "InstanceNormalizationGrad" | "LayerNormalizationGrad" => {
            Arc::new(normalization::NormalizationGrad::read(node)?)
        }
        "LRNGrad" => Arc::new(lrn::LrnGrad::read(node)?),
        "LogSoftmax" | "Softmax" => Arc::new(softmax::Softmax::read_flattened(node)),
        "DequantizeLinearDerivative" | "QuantizeLinearDerivative" => {
            Arc::new(straight_through::StraightThrough::read(node)?)
        }
        "SoftmaxGrad" => Arc::new(softmax::SoftmaxGrad::read(node)),
        "ReduceExtremumGrad" => Arc::new(reduce::ExtremumGrad),
        name if name.ends_with("Grad") => Arc::new(unary::UnaryGrad::read(node)?),
        other => return Err(OperatorError::Unsupported(format!("operator {other} of domain {OWN_DOMAIN:?}"))),
    })
}
