//! What detector and embedder ask of a network alike.

use eyebar_network::{Graph, ValueId};

use crate::error::FaceError;

/// The one input that some node reads. Old exporters also list weights that the file no longer has.
pub(crate) fn only_input(graph: &Graph, role: &'static str) -> Result<ValueId, FaceError> {
    let is_read = |id: &ValueId| graph.nodes().iter().any(|node| node.inputs.contains(&Some(*id)));
    let inputs: Vec<ValueId> = graph.inputs().iter().copied().filter(is_read).collect();
    match inputs[..] {
        [input] => Ok(input),
        _ => {
            let reason = format!("it has {} inputs; hint: give a network with one image input", inputs.len());
            Err(FaceError::Model { role, reason })
        }
    }
}
