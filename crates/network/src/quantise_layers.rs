//! Int8 for weights and activations: a product's input rounded to codes of 8 bits and back, and weights as int8 with a scale
//! for each filter, written as ONNX's `QuantizeLinear` and `DequantizeLinear` around each layer (Jacob and others 2018,
//! *Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference*, section 2).
//!
//! A plan makes products of codes of them; any other runtime computes the same in f32.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use eyebar_tensor::Tensor;

use crate::error::NetworkError;
use crate::graph::{Graph, Node, ValueId, ValueInfo};
use crate::onnx::AttributeValue;
use crate::operators::{DequantizeLinear, QuantizeLinear};
use crate::quantise::{Quantised, Rows, finite, quantise_rows, weights_of};
use crate::value::Value;

/// The least and the largest value that an activation takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The least.
    pub low: f32,
    /// The largest.
    pub high: f32,
}

impl Range {
    /// Step and code of 0 so that the range, widened to hold 0, becomes the codes from 0 to 255.
    fn parameters(self) -> (f32, u8) {
        const STEPS: f32 = 255.0;
        let (low, high) = (self.low.min(0.0), self.high.max(0.0));
        let step = ((high - low) / STEPS).max(f32::MIN_POSITIVE * 4.0);
        (step, (-low / step).round_ties_even().clamp(0.0, STEPS) as u8)
    }
}

/// A layer that can be computed with int8.
struct Layer {
    input: ValueId,
    weights: ValueId,
    /// Axis of the filters in the weights.
    axis: usize,
}

/// Fewest channels that are worth it: less is the picture itself, whose every step counts.
const FEWEST_CHANNELS: usize = 16;

impl Layer {
    /// All of them, by the node that computes them. What reads rounded values already is left as it is.
    fn all(graph: &Graph) -> HashMap<usize, Self> {
        let rounded: HashSet<ValueId> = graph
            .nodes()
            .iter()
            .filter(|node| node.operator.name() == "DequantizeLinear")
            .flat_map(|node| node.outputs.iter().flatten().copied())
            .collect();
        let layers = graph.nodes().iter().enumerate().filter_map(|(index, node)| Some((index, Self::of(graph, node)?)));
        layers.filter(|(_, layer)| !rounded.contains(&layer.input)).collect()
    }

    fn of(graph: &Graph, node: &Node) -> Option<Self> {
        let one = AttributeValue::Int(1);
        let is_one_group = node.operator.attributes().iter().all(|own| own.name != "group" || own.value == one);
        let (input, (weights, rows)) = (node.input(0).ok()?, weights_of(node)?);
        let shape = graph.constant_value(weights)?.as_f32()?.shape();
        let (axis, channels) = match (node.operator.name(), shape.len(), rows) {
            ("Conv", 4, _) if is_one_group => (0, shape[1]),
            ("Gemm" | "MatMul", 2, Rows::First) => (0, shape[1]),
            ("Gemm" | "MatMul", 2, Rows::Last) => (1, shape[0]),
            _ => return None,
        };
        (graph.constant_value(input).is_none() && channels >= FEWEST_CHANNELS).then_some(Self { input, weights, axis })
    }
}

impl Graph {
    /// The activations that are rounded where layers are computed with int8: their ranges are to be measured.
    pub fn inputs_of_layers(&self) -> Vec<ValueId> {
        let layers = Layer::all(self);
        let mut seen = HashSet::new();
        let inputs = (0..self.nodes().len()).filter_map(|index| Some(layers.get(&index)?.input));
        inputs.filter(|id| seen.insert(*id)).collect()
    }

    /// The same network with int8 layers wherever the range of the input is known; answers also how many
    /// became so, and the weights in them.
    ///
    /// # Errors
    /// When a weight is NaN or infinite.
    pub fn quantise_layers(&self, ranges: &HashMap<ValueId, Range>) -> Result<(Self, usize, usize), NetworkError> {
        let mut graph = self.clone();
        let mut nodes = Vec::with_capacity(self.nodes().len());
        let mut rounded: HashMap<ValueId, ValueId> = HashMap::new();
        let mut dequantised: HashMap<ValueId, ValueId> = HashMap::new();
        let (mut layers, mut count) = (0, 0);
        let all = Layer::all(self);
        for (index, node) in self.nodes().iter().enumerate() {
            let found = all.get(&index).and_then(|layer| Some((*ranges.get(&layer.input)?, layer)));
            let Some((range, layer)) = found else {
                nodes.push(node.clone());
                continue;
            };
            let input = *rounded.entry(layer.input).or_insert_with(|| graph.round(layer.input, range, &mut nodes));
            let weights = match dequantised.entry(layer.weights) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => *new.insert(graph.codes_of(layer.weights, layer.axis, &mut nodes)?),
            };
            let mut node = node.clone();
            (node.inputs[0], node.inputs[1]) = (Some(input), Some(weights));
            nodes.push(node);
            layers += 1;
            count += self.constant_value(layer.weights).map_or(0, Value::len);
        }
        graph.set_nodes(nodes);
        Ok((graph, layers, count))
    }

    /// Adds nodes that round a value to codes and back.
    fn round(&mut self, id: ValueId, range: Range, nodes: &mut Vec<Node>) -> ValueId {
        let name = self.value(id).name.clone();
        let (step, zero) = range.parameters();
        let scale = self.named_constant(format!("{name}_scale"), Tensor::scalar(step).into());
        let zero = self.named_constant(format!("{name}_zero_point"), Value::U8(Tensor::scalar(zero)));
        let quantised = self.own_value(format!("{name}_quantized"));
        let back = self.own_value(format!("{name}_rounded"));
        let inputs = |first| vec![Some(first), Some(scale), Some(zero)];
        nodes.push(Node {
            name: format!("{name}_quantize"),
            operator: Arc::new(QuantizeLinear::new(1, 0)),
            inputs: inputs(id),
            outputs: vec![Some(quantised)],
        });
        nodes.push(Node {
            name: format!("{name}_dequantize"),
            operator: Arc::new(DequantizeLinear::new(1, 0)),
            inputs: inputs(quantised),
            outputs: vec![Some(back)],
        });
        back
    }

    /// Adds a node that dequantises weights, one scale for each index of `axis`.
    fn codes_of(&mut self, id: ValueId, axis: usize, nodes: &mut Vec<Node>) -> Result<ValueId, NetworkError> {
        let name = self.value(id).name.clone();
        let Some(Value::F32(weights)) = self.constant_value(id).cloned() else { return Ok(id) };
        finite(&name, &weights)?;
        let rows = if axis == 0 { Rows::First } else { Rows::Last };
        // One block holds all of a row.
        let Quantised { codes, scales, .. } = quantise_rows(&weights, rows, weights.len().max(1));
        let codes = Tensor::new(weights.shape(), codes).expect("the sizes follow from the weights");
        let codes = self.named_constant(format!("{name}_quantized"), Value::I8(codes));
        let scales = self.named_constant(format!("{name}_scales"), Tensor::vector(scales).into());
        let back = self.own_value(format!("{name}_dequantized"));
        nodes.push(Node {
            name: format!("{name}_dequantize"),
            operator: Arc::new(DequantizeLinear::new(axis as i64, 0)),
            inputs: vec![Some(codes), Some(scales)],
            outputs: vec![Some(back)],
        });
        Ok(back)
    }

    fn own_value(&mut self, name: String) -> ValueId {
        self.add_value(ValueInfo { name, ..ValueInfo::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::Range;

    #[test]
    fn zero_is_a_code() {
        for (low, high) in [(0.5, 2.0), (-3.0, -1.0), (0.0, 0.0), (-1e-30, 1e-30), (-1.0, 6.0)] {
            let (step, zero) = Range { low, high }.parameters();
            assert!(step.is_normal() && (1.0 / step).is_finite());
            let ends = (-f32::from(zero) * step, (255.0 - f32::from(zero)) * step);
            assert!(ends.0 <= low.max(ends.0) && ends.1 + step >= high && ends.0 - step <= low);
        }
    }
}
