//! Walking back through a graph: from probabilities to logits, from an activation to what was activated.

use std::collections::{HashMap, HashSet};

use eyebar_network::{Graph, Node, ValueId};

/// The scores before softmax behind `output`, which is returned itself where there is no softmax.
///
/// Looks through operators that only rename or reshape, but moves only where a softmax lies behind them.
pub fn logits_of(graph: &Graph, output: ValueId) -> ValueId {
    let producers = Producers::of(graph);
    let (mut logits, mut value) = (output, output);
    while let Some(node) = producers.get(value) {
        let Some(input) = node.inputs.first().copied().flatten() else { break };
        match node.operator.name() {
            "Softmax" | "LogSoftmax" => logits = input,
            "Identity" | "Dropout" | "Cast" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => {}
            _ => break,
        }
        value = input;
    }
    logits
}

/// What goes into the activation function whose output `layer` is; `layer` itself where it is none.
///
/// Knows the operators that are activation functions, and the products that exporters write for SiLU, x · Sigmoid(x),
/// and HardSwish, x · HardSigmoid(x). Where several activated parts are concatenated (SqueezeNet's fire modules), there
/// is no single value before them: name the part.
pub fn pre_activation(graph: &Graph, layer: ValueId) -> ValueId {
    let producers = Producers::of(graph);
    let mut value = layer;
    while let Some(input) = producers.get(value).and_then(|node| activated(&producers, node)) {
        value = input;
    }
    value
}

/// The nodes by what they compute, for walks over many of them.
struct Producers<'a> {
    graph: &'a Graph,
    nodes: HashMap<ValueId, usize>,
}

impl<'a> Producers<'a> {
    fn of(graph: &'a Graph) -> Self {
        Self { graph, nodes: graph.producers() }
    }

    /// The node that computes `value`.
    fn get(&self, value: ValueId) -> Option<&'a Node> {
        self.nodes.get(&value).map(|&index| &self.graph.nodes()[index])
    }
}

/// The node that computes `value`.
pub(crate) fn producer(graph: &Graph, value: ValueId) -> Option<&Node> {
    graph.nodes().iter().find(|node| node.outputs.contains(&Some(value)))
}

/// Whether `value` depends on `on`.
pub(crate) fn depends(graph: &Graph, value: ValueId, on: ValueId) -> bool {
    let mut reached = HashSet::from([on]);
    for node in graph.nodes() {
        if node.inputs.iter().flatten().any(|input| reached.contains(input)) {
            reached.extend(node.outputs.iter().flatten());
        }
    }
    reached.contains(&value)
}

fn activated(producers: &Producers<'_>, node: &Node) -> Option<ValueId> {
    let input = |index: usize| node.inputs.get(index).copied().flatten();
    match node.operator.name() {
        "Relu" | "Clip" | "LeakyRelu" | "PRelu" | "Elu" | "Selu" | "Celu" | "HardSwish" | "HardSigmoid" | "Sigmoid"
        | "Tanh" | "Softplus" | "Gelu" | "Mish" | "Identity" | "Dropout" => input(0),
        "Mul" => gated(producers, input(0)?, input(1)?).or_else(|| gated(producers, input(1)?, input(0)?)),
        _ => None,
    }
}

/// `x`, where `gate` is a squashing function of `x` itself (and not of something else, as in squeeze-and-excite).
fn gated(producers: &Producers<'_>, x: ValueId, gate: ValueId) -> Option<ValueId> {
    let node = producers.get(gate)?;
    let squashes = matches!(node.operator.name(), "Sigmoid" | "HardSigmoid");
    (squashes && node.inputs.first() == Some(&Some(x))).then_some(x)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use eyebar_network::operators::{Mul, Reshaping};
    use eyebar_network::{DataType, Graph, TensorType};
    use eyebar_tensor::Tensor;

    use super::{depends, logits_of, pre_activation};

    /// Quadratic walks over as many nodes take minutes.
    #[test]
    fn long_chains_are_walked_in_seconds() {
        let mut graph = Graph::new();
        let x = graph.add_input("x", TensorType::new(DataType::F32, vec![1]).unwrap());
        let shape = graph.add_constant(Tensor::vector(vec![1i64]));
        let views = (0..50_000).fold(x, |value, _| graph.apply(Reshaping::reshape(), &[value, shape]).unwrap());
        let product = (0..50_000).fold(views, |value, _| graph.apply(Mul, &[value, value]).unwrap());
        let start = Instant::now();
        assert_eq!(logits_of(&graph, views), views, "no softmax lies behind the views");
        assert_eq!(pre_activation(&graph, product), product);
        assert!(depends(&graph, product, x) && !depends(&graph, views, product));
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}
