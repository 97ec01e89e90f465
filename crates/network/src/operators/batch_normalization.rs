//! `BatchNormalization` with fixed statistics (Ioffe and Szegedy 2015).

use eyebar_tensor::Tensor;
use eyebar_tensor::blocked::BLOCK;
use eyebar_tensor::elementwise::map;
use eyebar_tensor::team;

use super::binary::Binary;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{BlockedKernel, Layout};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Kernel, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// out = (x − mean) / √(variance + ε) · scale + bias per channel; x is `[N, C, …]`, inputs 1 to 4 are scale, bias, mean
/// and variance, `[C]` each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchNormalization {
    epsilon: f32,
}

impl BatchNormalization {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        if node.flag("training_mode", false) {
            return Err(OperatorError::Unsupported("BatchNormalization in training mode".to_owned()));
        }
        if !node.flag("spatial", true) {
            return Err(OperatorError::Unsupported("BatchNormalization per element (spatial = 0)".to_owned()));
        }
        Ok(Self { epsilon: node.float("epsilon").unwrap_or(1e-5) })
    }

    /// Factor and summand of each channel of `node`, where its parameters are constant.
    pub(crate) fn constants(self, graph: &Graph, node: &Node) -> Option<(Vec<f32>, Vec<f32>)> {
        let constant = |index: usize| graph.constant_value(node.input(index).ok()?)?.as_f32();
        let [scale, bias, mean, variance] = [constant(1)?, constant(2)?, constant(3)?, constant(4)?].map(Tensor::data);
        let factors: Vec<_> = scale.iter().zip(variance).map(|(&scale, &v)| self.factor(scale, v)).collect();
        let shifts = bias.iter().zip(mean).zip(&factors).map(|((bias, mean), factor)| bias - mean * factor).collect();
        Some((factors, shifts))
    }

    fn factor(self, scale: f32, variance: f32) -> f32 {
        (f64::from(scale) / (f64::from(variance) + f64::from(self.epsilon)).sqrt()) as f32
    }
}

/// Number of channels of `[N, C, …]`.
pub(super) fn channels(shape: &[usize]) -> Result<usize, OperatorError> {
    shape.get(1).copied().ok_or_else(|| OperatorError::Shape(format!("{shape:?} has no channel axis")))
}

impl Operator for BatchNormalization {
    fn name(&self) -> &str {
        "BatchNormalization"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let shape = inputs.f32(0)?.shape;
        let channels = channels(shape)?;
        for index in 1..5 {
            let found = inputs.f32(index)?.shape;
            if found != [channels] {
                return Err(OperatorError::Shape(format!("input {index} is {found:?}, [{channels}] expected")));
            }
        }
        Ok(vec![TensorType::new(DataType::F32, shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let x = arguments.f32(0)?;
        let [scale, bias, mean, variance] =
            [arguments.f32(1)?, arguments.f32(2)?, arguments.f32(3)?, arguments.f32(4)?].map(Tensor::data);
        let mut out = pool.take(x.shape());
        let channels = channels(x.shape())?;
        let inner: usize = x.shape()[2..].iter().product();
        if x.is_empty() {
            return Ok(vec![out.into()]);
        }
        team::each_chunk(out.data_mut(), inner, (1 << 14) / inner + 1, |plane, out| {
            let x = &x.data()[plane * inner..][..inner];
            let channel = plane % channels;
            let factor = self.factor(scale[channel], variance[channel]);
            let (mean, bias) = (mean[channel], bias[channel]);
            map(x, out, |x| (x - mean) * factor + bias);
        });
        Ok(vec![out.into()])
    }

    fn prepare_blocked(&self, inputs: Inputs<'_>, layouts: &[Layout]) -> Result<Option<BlockedKernel>, OperatorError> {
        let constant = |index: usize| inputs.get(index).and_then(|input| input.constant).and_then(Value::as_f32);
        let parameters = [constant(1), constant(2), constant(3), constant(4)];
        let ([Some(scale), Some(bias), Some(mean), Some(variance)], Layout::Blocked) = (parameters, layouts[0]) else {
            return Ok(None);
        };
        let lanes = |channel: usize| match scale.data().get(channel) {
            Some(&scale) => (mean.data()[channel], self.factor(scale, variance.data()[channel]), bias.data()[channel]),
            None => (0.0, 0.0, 0.0),
        };
        let lanes = (0..scale.len().next_multiple_of(BLOCK)).map(lanes).collect();
        let inputs =
            std::iter::once(Some(Layout::Blocked)).chain(std::iter::repeat_n(None, inputs.len() - 1)).collect();
        Ok(Some(BlockedKernel { kernel: Box::new(BlockedNormalization { lanes }), inputs }))
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let mut gradients = vec![None; node.inputs.len()];
        let Some(dy) = cotangents[0] else { return Ok(gradients) };
        if wanted[1..].contains(&true) {
            return Err(OperatorError::Unsupported("the gradient of parameters computed from the data".to_owned()));
        }
        let (scale, variance) = (node.input(1)?, node.input(4)?);
        let constant = |id| graph.constant_value(id).and_then(Value::as_f32);
        let (Some(scale), Some(variance)) = (constant(scale), constant(variance)) else {
            return Err(OperatorError::Unsupported("a gradient where scale and variance are not constant".to_owned()));
        };
        let factors = scale.data().iter().zip(variance.data()).map(|(&scale, &v)| self.factor(scale, v)).collect();
        let mut shape = vec![1; graph.shape(node.input(0)?).len() - 1];
        shape[0] = scale.len();
        let factors = graph.add_constant(Tensor::new(&shape, factors)?);
        gradients[0] = Some(graph.apply(Binary::Mul, &[dy, factors])?);
        Ok(gradients)
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::float("epsilon", self.epsilon)]
    }
}

/// Mean, factor and bias of each lane.
struct BlockedNormalization {
    lanes: Vec<(f32, f32, f32)>,
}

impl Kernel for BlockedNormalization {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let x = arguments.f32(0)?;
        let mut out = pool.take(x.shape());
        let plane = (x.shape()[2] * x.shape()[3] * BLOCK).max(1);
        let blocks = self.lanes.len() / BLOCK;
        team::each_chunk(out.data_mut(), plane, (1 << 14) / plane + 1, |index, out| {
            let x = &x.data()[index * plane..][..plane];
            let lanes = &self.lanes[index % blocks * BLOCK..][..BLOCK];
            let pixels = x.as_chunks::<BLOCK>().0.iter().zip(out.as_chunks_mut::<BLOCK>().0);
            for (x, out) in pixels {
                for (lane, (mean, factor, bias)) in lanes.iter().enumerate() {
                    out[lane] = (x[lane] - mean) * factor + bias;
                }
            }
        });
        Ok(vec![out.into()])
    }
}
