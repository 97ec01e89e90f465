//! The likeness of an embedding to a reference.

use eyebar_network::operators::Reduce;
use eyebar_network::{Graph, ValueId};

use super::{Objective, refuse, rows};
use crate::error::ExplainError;
use crate::nodes::Builder;

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
        let mut nodes = Builder::new(graph, value);
        let reference = nodes.constant(&[1, count], self.direction.clone())?;
        let tiny = nodes.constant(&[], vec![TINY])?;
        let embedding = nodes.reshape(value, &[images, count])?;
        let along = nodes.mul(embedding, reference)?;
        let along = nodes.reduce(Reduce::sum(false), along, &[1])?;
        let norm = nodes.reduce(Reduce::l2(false), embedding, &[1])?;
        let norm = nodes.add(norm, tiny)?;
        nodes.div(along, norm)
    }
}
