//! What is explained: one number per image, computed by nodes that are added to the network's graph.

mod channel;
mod class;
mod similarity;
mod top;

use eyebar_network::{Graph, ValueId};

pub use channel::ChannelMean;
pub(crate) use channel::plane_means;
pub use class::ClassScore;
pub use similarity::{Similarity, SimilarityToInput};
pub use top::TopScore;

use crate::error::ExplainError;

/// A scalar per image of the batch.
pub trait Objective: Send + Sync {
    /// Adds the nodes that compute the scalar from `value` to a specialised graph; the result has the shape `[N]` for a
    /// batch of N images, and depends on each image alone.
    ///
    /// # Errors
    /// When the shape of `value` does not fit.
    fn add(&self, graph: &mut Graph, value: ValueId) -> Result<ValueId, ExplainError>;
}

/// An error about `value`'s shape.
fn refuse(graph: &Graph, value: ValueId, reason: &str) -> ExplainError {
    ExplainError::Objective {
        value: graph.value(value).name.clone(),
        shape: graph.shape(value).to_vec(),
        reason: reason.to_owned(),
    }
}

/// Images and numbers per image of `[N, …]`; a lone vector is one image.
fn rows(graph: &Graph, value: ValueId) -> Result<(usize, usize), ExplainError> {
    match graph.shape(value) {
        [] => Err(refuse(
            graph,
            value,
            "it is a single number; hint: choose an output of the shape [N, …], one row per image",
        )),
        &[count] => Ok((1, count)),
        [images, rest @ ..] => Ok((*images, rest.iter().product())),
    }
}
