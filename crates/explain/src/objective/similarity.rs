//! The likeness of an embedding to a reference.

use eyebar_network::operators::Reduce;
use eyebar_network::{Graph, ValueId};

use super::{Objective, refuse, rows};
use crate::error::ExplainError;
use crate::nodes::Builder;
use crate::plan::f32_type;

/// Keeps an embedding of all zeros from dividing by zero; far below the norm of any other.
const TINY: f32 = 1e-12;

/// The cosine of the angle between each image's embedding, flattened, and a reference: 1 for the same direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Similarity {
    direction: Vec<f32>,
}

impl Similarity {
    /// Similarity to `reference`, an embedding of the same network, of any length.
    ///
    /// # Errors
    /// When it is all zeros or not finite.
    pub fn to(reference: &[f32]) -> Result<Self, ExplainError> {
        let norm = reference.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        if !(norm.is_finite() && norm > 0.0) {
            let reason = format!(
                "the reference embedding has the norm {norm}, so it has no direction; hint: make it again from another \
                 photograph"
            );
            return Err(ExplainError::Parameter(reason));
        }
        Ok(Self { direction: reference.iter().map(|&v| (f64::from(v) / norm) as f32).collect() })
    }
}

impl Objective for Similarity {
    fn add(&self, graph: &mut Graph, value: ValueId) -> Result<ValueId, ExplainError> {
        let (images, count) = rows(graph, value)?;
        if count != self.direction.len() {
            let reason = format!(
                "the reference embedding has {} numbers, this has {count} per image; hint: compare embeddings of one network",
                self.direction.len()
            );
            return Err(refuse(graph, value, &reason));
        }
        let reference = Builder::new(graph, value).constant(&[1, count], self.direction.clone())?;
        cosine(graph, value, [images, count], reference)
    }
}

/// The cosine of the angle between each image's embedding and a reference that is an input of the network, called
/// `reference`, `[1, D]`: for networks that are explained elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimilarityToInput;

impl Objective for SimilarityToInput {
    fn add(&self, graph: &mut Graph, value: ValueId) -> Result<ValueId, ExplainError> {
        let (images, count) = rows(graph, value)?;
        let reference = graph.add_input("reference", f32_type(&[1, count])?);
        let mut nodes = Builder::new(graph, value);
        let tiny = nodes.constant(&[], vec![TINY])?;
        let norm = nodes.reduce(Reduce::l2(true), reference, &[1])?;
        let norm = nodes.add(norm, tiny)?;
        let direction = nodes.div(reference, norm)?;
        cosine(graph, value, [images, count], direction)
    }
}

/// Along a direction of length 1, `[1, D]`.
fn cosine(graph: &mut Graph, value: ValueId, shape: [usize; 2], direction: ValueId) -> Result<ValueId, ExplainError> {
    let mut nodes = Builder::new(graph, value);
    let tiny = nodes.constant(&[], vec![TINY])?;
    let embedding = nodes.reshape(value, &shape)?;
    let along = nodes.mul(embedding, direction)?;
    let along = nodes.reduce(Reduce::sum(false), along, &[1])?;
    let norm = nodes.reduce(Reduce::l2(false), embedding, &[1])?;
    let norm = nodes.add(norm, tiny)?;
    nodes.div(along, norm)
}
