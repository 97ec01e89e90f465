//! Convolutions joined with what follows them, for a plan.
//!
//! A convolution with constant weights takes in the batch normalisation behind it, an addition and an activation
//! function or the gradient of a ReLU, as long as nobody else reads what lies between. A transposed convolution of stride 1
//! becomes a convolution. A product whose input is rounded to 8-bit codes and back, with weights that are such codes, becomes
//! one of codes. The gradient of a maximum takes in that of the ReLU before the pool.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::graph::{Graph, Node, ValueId};
use crate::operators::{
    BatchNormalization, Binary, Extras, FusedConv, Quantised, activation, convolution, gated_max_gradient,
    is_relu_gradient, quantisation_of, quantised_product,
};

/// The nodes that compute `outputs`, in order, with convolutions fused.
pub(crate) fn fused_nodes(graph: &Graph, outputs: &[ValueId]) -> Vec<Node> {
    let nodes: Vec<&Node> = graph.needed_nodes(outputs, &[]).into_iter().map(|index| &graph.nodes()[index]).collect();
    let mut readers: HashMap<ValueId, Vec<usize>> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for id in node.inputs.iter().flatten() {
            readers.entry(*id).or_default().push(index);
        }
    }
    let producers: HashMap<ValueId, &Node> =
        nodes.iter().flat_map(|&node| node.outputs.iter().flatten().map(move |&id| (id, node))).collect();
    let producer = |id: ValueId| producers.get(&id).copied();
    let wanted = outputs;
    let outputs: HashSet<ValueId> = outputs.iter().copied().collect();
    // What the last node of a chain is replaced with, and the nodes that vanish into it.
    let mut replaced: HashMap<usize, Node> = HashMap::new();
    let mut gone: HashSet<usize> = HashSet::new();
    for index in 0..nodes.len() {
        if let Some(product) = product_of_codes(graph, nodes[index], producer) {
            replaced.insert(index, product);
            continue;
        }
        let Some(mut chain) = Chain::start(graph, nodes[index], producer) else { continue };
        let mut last = index;
        // The only reader, where nobody else sees the value.
        while let Some(&[reader]) = readers.get(&chain.value).map(Vec::as_slice)
            && !outputs.contains(&chain.value)
            && !gone.contains(&reader)
            && !replaced.contains_key(&reader)
            && chain.take_in(graph, nodes[reader])
        {
            gone.insert(last);
            last = reader;
        }
        replaced.insert(last, chain.node(nodes[index], nodes[last]));
    }
    for index in 0..nodes.len() {
        let Some(value) = nodes[index].outputs.first().copied().flatten() else { continue };
        if let Some(&[reader]) = readers.get(&value).map(Vec::as_slice)
            && !outputs.contains(&value)
            && let Some(fused) = gated_max_gradient(nodes[index], nodes[reader])
        {
            gone.insert(index);
            replaced.insert(reader, fused);
        }
    }
    let fused: Vec<Node> = (0..nodes.len())
        .filter(|index| !gone.contains(index))
        .map(|index| replaced.remove(&index).unwrap_or_else(|| nodes[index].clone()))
        .collect();
    still_needed(fused, wanted)
}

/// The nodes that outputs need, in order: what products of codes have taken in may have no reader left.
fn still_needed(nodes: Vec<Node>, outputs: &[ValueId]) -> Vec<Node> {
    let mut read: HashSet<ValueId> = outputs.iter().copied().collect();
    let mut needed: Vec<Node> = Vec::with_capacity(nodes.len());
    for node in nodes.into_iter().rev() {
        if node.outputs.iter().flatten().any(|id| read.contains(id)) {
            read.extend(node.inputs.iter().flatten());
            needed.push(node);
        }
    }
    needed.reverse();
    needed
}

/// The product of codes that `node` computes, if it is one of matrices.
fn product_of_codes<'a>(graph: &Graph, node: &Node, producer: impl Fn(ValueId) -> Option<&'a Node>) -> Option<Node> {
    let codes = graph.value(node.input(1).ok()?).codes.as_deref()?;
    let (input, quantisation) = quantisation_of(graph, node.input(0).ok()?, producer)?;
    let product = graph
        .with_inputs(&node.inputs, |inputs| quantised_product(&*node.operator, inputs, codes, quantisation))
        .ok()??;
    Some(Node { operator: Arc::new(product), inputs: vec![Some(input)], ..node.clone() })
}

/// A convolution and what it has taken in so far.
struct Chain {
    conv: FusedConv,
    input: ValueId,
    residual: Option<ValueId>,
    gate: Option<ValueId>,
    value: ValueId,
    ended: bool,
}

impl Chain {
    fn start<'a>(graph: &Graph, node: &Node, producer: impl Fn(ValueId) -> Option<&'a Node>) -> Option<Self> {
        let (mut input, value) = (node.input(0).ok()?, node.output(0).ok()?);
        if graph.shape(value).len() != 4 || graph.constant_value(input).is_some() {
            return None;
        }
        let mut conv = graph.with_inputs(&node.inputs, |inputs| convolution(&*node.operator, inputs)).ok()??;
        conv.strict = graph.is_strict();
        if node.operator.name() == "Conv"
            && conv.conv.groups == 1
            && let Some(codes) = node.input(1).ok().and_then(|id| graph.value(id).codes.as_deref())
            && let Some(scales) = codes.scales_of(0)
            && let Some((before, quantisation)) = quantisation_of(graph, input, producer)
        {
            conv.quantised = Some(Quantised { input: quantisation, codes: codes.codes.clone(), scales });
            input = before;
        }
        Some(Self { conv, input, residual: None, gate: None, value, ended: false })
    }

    /// Takes in `node`, which reads the chain's value, if it can.
    fn take_in(&mut self, graph: &Graph, node: &Node) -> bool {
        if self.ended {
            return false;
        }
        let Ok(output) = node.output(0) else { return false };
        let operator: &dyn Any = &*node.operator;
        let taken = if let Some(normalization) = operator.downcast_ref::<BatchNormalization>() {
            self.residual.is_none() && self.normalise(graph, node, *normalization).is_some()
        } else if operator.downcast_ref() == Some(&Binary::Add) {
            self.add(graph, node)
        } else if is_relu_gradient(operator) {
            self.gate(graph, node)
        } else if let Some(activation) = graph
            .with_inputs(&node.inputs, |inputs| activation(&*node.operator, inputs, self.conv.conv.filters))
            .ok()
            .flatten()
            && node.inputs.first() == Some(&Some(self.value))
        {
            self.conv.activation = activation;
            self.ended = true;
            true
        } else {
            false
        };
        if taken {
            self.value = output;
        }
        taken
    }

    fn normalise(&mut self, graph: &Graph, node: &Node, normalization: BatchNormalization) -> Option<()> {
        if node.inputs.first() != Some(&Some(self.value)) {
            return None;
        }
        let (factors, shifts) = normalization.constants(graph, node)?;
        let per_filter = self.conv.weights.len() / factors.len().max(1);
        for (index, weight) in self.conv.weights.data_mut().iter_mut().enumerate() {
            *weight *= factors[index / per_filter];
        }
        if let Some(quantised) = &mut self.conv.quantised {
            quantised.scales.iter_mut().zip(&factors).for_each(|(scale, factor)| *scale *= factor);
        }
        for (filter, bias) in self.conv.bias.iter_mut().enumerate() {
            *bias = bias.mul_add(factors[filter], shifts[filter]);
        }
        Some(())
    }

    fn add(&mut self, graph: &Graph, node: &Node) -> bool {
        let [Some(a), Some(b)] = node.inputs[..] else { return false };
        let other = if a == self.value { b } else { a };
        let fits = other != self.value
            && self.residual.is_none()
            && graph.constant_value(other).is_none()
            && graph.shape(other) == graph.shape(self.value);
        if fits {
            self.residual = Some(other);
        }
        fits
    }

    /// The gradient of a ReLU that the chain's value is the cotangent of.
    fn gate(&mut self, graph: &Graph, node: &Node) -> bool {
        let [Some(cotangent), Some(seen)] = node.inputs[..] else { return false };
        let fits = cotangent == self.value && seen != self.value && graph.constant_value(seen).is_none();
        if fits {
            self.gate = Some(seen);
            self.ended = true;
        }
        fits
    }

    /// The fused node; it goes by the name of the convolution.
    fn node(mut self, first: &Node, last: &Node) -> Node {
        self.conv.extras = Extras { residual: self.residual.is_some(), gate: self.gate.is_some() };
        let inputs = [self.input].into_iter().chain(self.residual).chain(self.gate).map(Some).collect();
        Node { name: first.name.clone(), operator: Arc::new(self.conv), inputs, outputs: last.outputs.clone() }
    }
}
