//! Walking back through a graph: from probabilities to logits, from an activation to what was activated.

use eyebar_network::{Graph, Node, ValueId};

/// The scores before softmax behind `output`, which is returned itself where there is no softmax.
///
/// Looks through operators that only rename or reshape, but moves only where a softmax lies behind them.
pub fn logits_of(graph: &Graph, output: ValueId) -> ValueId {
    let (mut logits, mut value) = (output, output);
    while let Some(node) = producer(graph, value) {
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
    let mut value = layer;
    while let Some(input) = producer(graph, value).and_then(|node| activated(graph, node)) {
        value = input;
    }
    value
}

/// The node that computes `value`.
pub(crate) fn producer(graph: &Graph, value: ValueId) -> Option<&Node> {
    graph.nodes().iter().find(|node| node.outputs.contains(&Some(value)))
}

/// Whether `value` depends on `on`.
pub(crate) fn depends(graph: &Graph, value: ValueId, on: ValueId) -> bool {
    let mut reached = vec![on];
    for node in graph.nodes() {
        if node.inputs.iter().flatten().any(|input| reached.contains(input)) {
            reached.extend(node.outputs.iter().flatten());
        }
    }
    reached.contains(&value)
}

fn activated(graph: &Graph, node: &Node) -> Option<ValueId> {
    let input = |index: usize| node.inputs.get(index).copied().flatten();
    match node.operator.name() {
        "Relu" | "Clip" | "LeakyRelu" | "PRelu" | "Elu" | "Selu" | "Celu" | "HardSwish" | "HardSigmoid" | "Sigmoid"
        | "Tanh" | "Softplus" | "Gelu" | "Mish" | "Identity" | "Dropout" => input(0),
        "Mul" => gated(graph, input(0)?, input(1)?).or_else(|| gated(graph, input(1)?, input(0)?)),
        _ => None,
    }
}

/// `x`, where `gate` is a squashing function of `x` itself (and not of something else, as in squeeze-and-excite).
fn gated(graph: &Graph, x: ValueId, gate: ValueId) -> Option<ValueId> {
    let node = producer(graph, gate)?;
    let squashes = matches!(node.operator.name(), "Sigmoid" | "HardSigmoid");
    (squashes && node.inputs.first() == Some(&Some(x))).then_some(x)
}
