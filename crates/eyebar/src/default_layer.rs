//! The layer that explanations use of a file that says nothing about itself.

use std::collections::HashSet;

use eyebar_network::{DataType, Graph, NetworkError, Node, TensorType, ValueId};

/// The last value before `output` that is `[N, C, H, W]` with more than one position: what the global pooling or the
/// flattening reads, after normalisation, activation function and the addition of a residual block. Nothing where
/// there is none.
///
/// The axes are followed from the convolutions and pools on; a transposition or reshaping ends that, so that a layer
/// of tokens or `[N, H, W, C]` is not taken for one.
///
/// # Errors
/// When the network refuses an input of `shape`.
pub(crate) fn last_spatial(
    graph: &Graph,
    input: ValueId,
    shape: &[usize],
    output: ValueId,
) -> Result<Option<ValueId>, NetworkError> {
    let kind = TensorType { dtype: DataType::F32, shape: shape.to_vec() };
    let graph = graph.specialise(&[(input, kind)], &[output])?;
    let mut spatial: HashSet<ValueId> = HashSet::new();
    let mut last = None;
    for node in graph.nodes() {
        let Some(value) = node.outputs.first().copied().flatten() else { continue };
        let [_, _, height, width] = *graph.shape(value) else { continue };
        if keeps_axes(node, &spatial) {
            spatial.insert(value);
            if height * width > 1 && value != output {
                last = Some(value);
            }
        }
    }
    Ok(last)
}

/// Whether the first output is `[N, C, H, W]`: of operators that take and give just that, and of those that keep the axes
/// they are given.
fn keeps_axes(node: &Node, spatial: &HashSet<ValueId>) -> bool {
    match node.operator.name() {
        "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool" => true,
        "Transpose" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Expand" | "Gather" | "MatMul" | "Gemm" => {
            false
        }
        name => !name.starts_with("Reduce") && node.inputs.iter().flatten().any(|input| spatial.contains(input)),
    }
}
