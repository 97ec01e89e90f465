//! Planning of batches: types of inputs, and the batch sizes that a network takes.

use eyebar_network::{DataType, Dimension, Graph, NetworkError, OperatorError, TensorType, ValueId};

use crate::error::ExplainError;
use crate::objective::Objective;

/// The type of an f32 input.
pub(crate) fn f32_type(shape: &[usize]) -> Result<TensorType, ExplainError> {
    TensorType::new(DataType::F32, shape.to_vec())
        .map_err(|source| ExplainError::Build { value: "input".to_owned(), source: OperatorError::from(source) })
}

/// Adds the objective and checks that it gives one number per image of the input.
pub(crate) fn score_of(
    graph: &mut Graph,
    value: ValueId,
    objective: &dyn Objective,
    input: &[usize],
) -> Result<ValueId, ExplainError> {
    let score = objective.add(graph, value)?;
    check_score(graph, value, score, input)?;
    Ok(score)
}

/// Refuses a score of `value` that is not one number per image of the input.
pub(crate) fn check_score(graph: &Graph, value: ValueId, score: ValueId, input: &[usize]) -> Result<(), ExplainError> {
    let images = input.first().copied().unwrap_or(1);
    if graph.shape(score) == [images] {
        return Ok(());
    }
    let reason = format!(
        "its score has the shape {:?}, not one number for each of {images} images; hint: choose a value whose first axis \
         is the batch",
        graph.shape(score)
    );
    Err(ExplainError::Objective { value: graph.value(value).name.clone(), shape: graph.shape(value).to_vec(), reason })
}

/// The network, ready for batches of images even where it was exported with one.
pub(crate) fn for_batches(graph: &Graph, input: ValueId) -> Graph {
    let mut graph = graph.clone();
    graph.free_batch(input);
    graph
}

/// The largest batch up to `wanted` that the network declares to take.
pub(crate) fn batch_size(graph: &Graph, input: ValueId, wanted: usize) -> usize {
    match graph.value(input).declared.as_deref() {
        Some([Dimension::Fixed(batch), ..]) => (*batch).max(1),
        _ => wanted.max(1),
    }
}

/// Whether an error may be due to a batch size written into the network (into a `Reshape`, say).
pub(crate) fn may_be_batch(error: &ExplainError) -> bool {
    matches!(
        error,
        ExplainError::Network(NetworkError::Node { .. })
            | ExplainError::Objective { .. }
            | ExplainError::ClassOutOfRange { .. }
            | ExplainError::Build { .. }
    )
}
