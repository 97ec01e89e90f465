//! Weight-only quantisation: int8 in blocks, written as ONNX's `DequantizeLinear` with `block_size`.
//!
//! A row of weights (all that add up to one output) is cut in blocks. Each block has the scale max|w| / 127, and its
//! values are rounded so that the block's errors add up to nearly nothing: activations after a ReLU have a mean, and an
//! error sum would shift the output by it (the data-free half of the bias correction of Nagel et al. 2019,
//! *Data-Free Quantization Through Weight Equalization and Bias Correction*, section 4.2).

use std::sync::Arc;

use eyebar_tensor::Tensor;

use crate::error::NetworkError;
use crate::graph::{Graph, Node, ValueId, ValueInfo};
use crate::operators::{DequantizeLinear, Reshaping};
use crate::value::Value;

/// What to quantise, and how finely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightQuantisation {
    /// Weights that share a scale.
    pub block: usize,
    /// Tensors with fewer elements stay f32: they save little and often matter much.
    pub smallest: usize,
}

impl Default for WeightQuantisation {
    fn default() -> Self {
        Self { block: 64, smallest: 32_768 }
    }
}

/// What was quantised.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QuantisedWeights {
    /// Tensors quantised.
    pub tensors: usize,
    /// Weights in them.
    pub weights: usize,
    /// ‖ŵ − w‖ / ‖w‖ over all of them.
    pub relative_error: f64,
}

/// How the weights of a node lie in memory.
#[derive(Clone, Copy)]
pub(crate) enum Rows {
    /// One row after the other: `[rows, …]`.
    First,
    /// Side by side: `[depth, rows]`.
    Last,
}

impl Rows {
    /// Number of rows, and of weights in each.
    fn sizes(self, weights: &Tensor) -> (usize, usize) {
        let first = weights.shape()[0];
        let rest = weights.len() / first.max(1);
        match self {
            Self::First => (first, rest),
            Self::Last => (rest, first),
        }
    }
}

impl Graph {
    /// The same network with the large weights of `Conv`, `ConvTranspose`, `Gemm` and `MatMul` in int8.
    ///
    /// # Errors
    /// When the options make no sense, or a weight is NaN or infinite.
    pub fn quantise_weights(&self, options: WeightQuantisation) -> Result<(Self, QuantisedWeights), NetworkError> {
        if options.block == 0 {
            let reason = "a block needs at least one weight; hint: 64 is usual".to_owned();
            return Err(NetworkError::Input { name: "block".to_owned(), reason });
        }
        let mut graph = self.clone();
        let mut report = QuantisedWeights::default();
        let (mut error, mut norm) = (0.0, 0.0);
        let mut nodes = Vec::new();
        for node in self.nodes() {
            let Some((id, rows)) = weights_of(node) else { continue };
            let Some(Value::F32(weights)) = graph.value(id).constant.as_deref().cloned() else { continue };
            if weights.len() < options.smallest.max(1) || weights.shape().len() < 2 {
                continue;
            }
            finite(&graph.value(id).name, &weights)?;
            let dequantised = graph.replace(id, &weights, rows, options.block, &mut nodes);
            report.tensors += 1;
            report.weights += weights.len();
            for (w, q) in weights.data().iter().zip(&dequantised) {
                error += f64::from(w - q).powi(2);
                norm += f64::from(*w).powi(2);
            }
        }
        nodes.extend(graph.nodes().iter().cloned());
        graph.set_nodes(nodes);
        report.relative_error = if norm > 0.0 { (error / norm).sqrt() } else { 0.0 };
        Ok((graph, report))
    }

    /// Replaces a constant by nodes that dequantise it; returns what they will compute.
    fn replace(&mut self, id: ValueId, weights: &Tensor, rows: Rows, block: usize, nodes: &mut Vec<Node>) -> Vec<f32> {
        let name = self.value(id).name.clone();
        let shape = weights.shape().to_vec();
        let (count, depth) = rows.sizes(weights);
        let block = block.min(depth);
        let blocks = depth.div_ceil(block);
        let Quantised { codes: quantised, scales, dequantised } = quantise_rows(weights, rows, block);
        let (matrix, scale_shape, axis) = match rows {
            Rows::First => ([count, depth], [count, blocks], 1),
            Rows::Last => ([depth, count], [blocks, count], 0),
        };
        let tensor = |shape: &[usize], data| Tensor::new(shape, data).expect("the sizes follow from the weights");
        let quantised = Tensor::new(&matrix, quantised).expect("the sizes follow from the weights");
        let q = self.named_constant(format!("{name}_quantized"), Value::I8(quantised));
        let s = self.named_constant(format!("{name}_scales"), tensor(&scale_shape, scales).into());
        self.value_mut(id).constant = None;
        let needs_reshape = shape != matrix;
        let flat = if needs_reshape {
            self.add_value(ValueInfo { name: format!("{name}_dequantized"), ..ValueInfo::default() })
        } else {
            id
        };
        nodes.push(Node {
            name: format!("{name}_dequantize"),
            operator: Arc::new(DequantizeLinear::new(axis, block)),
            inputs: vec![Some(q), Some(s)],
            outputs: vec![Some(flat)],
        });
        if needs_reshape {
            let target = Tensor::vector(shape.iter().map(|&dim| dim as i64).collect());
            let target = self.named_constant(format!("{name}_shape"), target.into());
            nodes.push(Node {
                name: format!("{name}_reshape"),
                operator: Arc::new(Reshaping::reshape()),
                inputs: vec![Some(flat), Some(target)],
                outputs: vec![Some(id)],
            });
        }
        dequantised
    }

    pub(crate) fn named_constant(&mut self, name: String, value: Value) -> ValueId {
        let id = self.add_constant(value);
        self.value_mut(id).name = name;
        id
    }
}

/// Refuses weights that no code stands for.
pub(crate) fn finite(name: &str, weights: &Tensor) -> Result<(), NetworkError> {
    let Some(index) = weights.data().iter().position(|weight| !weight.is_finite()) else { return Ok(()) };
    let reason = format!(
        "element {index} is {}, which no code stands for; hint: check how the model was trained or exported",
        weights.data()[index]
    );
    Err(NetworkError::Weights { name: name.to_owned(), reason })
}

/// Weights as codes.
pub(crate) struct Quantised {
    /// In the order of the weights.
    pub(crate) codes: Vec<i8>,
    /// One for each block of each row, which lie as the rows do.
    pub(crate) scales: Vec<f32>,
    /// What codes and scales make.
    dequantised: Vec<f32>,
}

/// Quantises rows of weights in blocks of at most `block`.
pub(crate) fn quantise_rows(weights: &Tensor, rows: Rows, block: usize) -> Quantised {
    let (count, depth) = rows.sizes(weights);
    let blocks = depth.div_ceil(block.max(1));
    let at = |row: usize, k: usize| match rows {
        Rows::First => row * depth + k,
        Rows::Last => k * count + row,
    };
    let scale_at = |row: usize, index: usize| match rows {
        Rows::First => row * blocks + index,
        Rows::Last => index * count + row,
    };
    let mut codes = vec![0i8; weights.len()];
    let mut scales = vec![0.0f32; count * blocks];
    let mut dequantised = vec![0.0f32; weights.len()];
    for row in 0..count {
        for index in 0..blocks {
            let span = index * block..depth.min((index + 1) * block);
            let values: Vec<f32> = span.clone().map(|k| weights.data()[at(row, k)]).collect();
            let (scale, rounded) = quantise_block(&values);
            scales[scale_at(row, index)] = scale;
            for (k, q) in span.zip(rounded) {
                codes[at(row, k)] = q;
                dequantised[at(row, k)] = f32::from(q) * scale;
            }
        }
    }
    Quantised { codes, scales, dequantised }
}

/// The weights of a node, and how their rows lie.
pub(crate) fn weights_of(node: &Node) -> Option<(ValueId, Rows)> {
    let rows = match node.operator.name() {
        "Conv" => Rows::First,
        "ConvTranspose" | "MatMul" => Rows::Last,
        "Gemm" if node.operator.attributes().iter().any(|a| a.name == "transB" && a.is_true()) => Rows::First,
        "Gemm" => Rows::Last,
        _ => return None,
    };
    Some((node.input(1).ok()?, rows))
}

/// Scale and values of a block of finite numbers: rounded to nearest, then the values nearest to the other side are moved by one until
/// the errors add up to at most half a step.
fn quantise_block(values: &[f32]) -> (f32, Vec<i8>) {
    const LARGEST: f32 = 127.0;
    let max = values.iter().fold(0.0f32, |max, w| max.max(w.abs()));
    if max == 0.0 {
        return (1.0, vec![0; values.len()]);
    }
    let scale = (max / LARGEST).max(f32::MIN_POSITIVE);
    let mut rounded: Vec<f32> = values.iter().map(|w| (w / scale).round_ties_even().clamp(-LARGEST, LARGEST)).collect();
    let residuals: Vec<f32> = values.iter().zip(&rounded).map(|(w, q)| w / scale - q).collect();
    let drift = residuals.iter().sum::<f32>().round_ties_even();
    let mut order: Vec<usize> = (0..values.len()).collect();
    // Stable: among equals the lower index comes first, whichever way the drift goes.
    order.sort_by(|&a, &b| (residuals[b] * drift.signum()).total_cmp(&(residuals[a] * drift.signum())));
    for &index in order.iter().take(drift.abs() as usize) {
        rounded[index] = (rounded[index] + drift.signum()).clamp(-LARGEST, LARGEST);
    }
    (scale, rounded.into_iter().map(|q| q as i8).collect())
}

#[cfg(test)]
mod tests {
    use super::quantise_block;

    #[test]
    fn errors_of_a_block_add_up_to_half_a_step() {
        let values: Vec<f32> = (0..64).map(|i| ((i * 37 % 101) as f32 / 50.0 - 0.7).powi(3)).collect();
        let (scale, rounded) = quantise_block(&values);
        let error: f32 = values.iter().zip(&rounded).map(|(w, &q)| w - f32::from(q) * scale).sum();
        assert!(error.abs() <= 0.51 * scale, "{error} against a step of {scale}");
        let worst = values.iter().zip(&rounded).map(|(w, &q)| (w - f32::from(q) * scale).abs()).fold(0.0, f32::max);
        assert!(worst <= 1.01 * scale);
    }

    #[test]
    fn zeros_and_tiny_blocks_survive() {
        assert_eq!(quantise_block(&[0.0, 0.0]), (1.0, vec![0, 0]));
        let (scale, rounded) = quantise_block(&[-3.0]);
        assert!((f32::from(rounded[0]) * scale + 3.0).abs() < 1e-6);
    }
}
