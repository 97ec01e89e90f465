//! Convolutions joined with what follows them, for a plan.
//!
//! A convolution with constant weights takes in the batch normalisation behind it, an addition and an activation
//! function or the gradient of a ReLU, as long as nobody else reads what lies between. A transposed convolution of stride 1
//! becomes a convolution. The gradient of a maximum takes in that of the ReLU before the pool.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::graph::{Graph, Node, ValueId};
use crate::operators::{
    BatchNormalization, Binary, Extras, FusedConv, activation, convolution, gated_max_gradient, is_relu_gradient,
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
    let outputs: HashSet<ValueId> = outputs.iter().copied().collect();
    // What the last node of a chain is replaced with, and the nodes that vanish into it.
    let mut replaced: HashMap<usize, Node> = HashMap::new();
    let mut gone: HashSet<usize> = HashSet::new();
    for index in 0..nodes.len() {
        let Some(mut chain) = Chain::start(graph, nodes[index]) else { continue };
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
    (0..nodes.len())
        .filter(|index| !gone.contains(index))
        .map(|index| replaced.remove(&index).unwrap_or_else(|| nodes[index].clone()))
        .collect()
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
    fn start(graph: &Graph, node: &Node) -> Option<Self> {
        let (input, value) = (node.input(0).ok()?, node.output(0).ok()?);
        if graph.shape(value).len() != 4 || graph.constant_value(input).is_some() {
            return None;
        }
        let mut conv = graph.with_inputs(&node.inputs, |inputs| convolution(&*node.operator, inputs)).ok()??;
        conv.strict = graph.is_strict();
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
