//! The score of a class.

use eyebar_network::operators::Reduce;
use eyebar_network::{Graph, ValueId};

use super::{Objective, rows};
use crate::error::ExplainError;
use crate::nodes::Builder;
use crate::trace::logits_of;

/// The score of one class **before** softmax (Selvaraju et al. 2017, section 3): what follows a softmax also falls when
/// other classes rise.
///
/// Applied to probabilities it finds the logits behind them ([`logits_of`]). Scores of the shape `[N, C]`, `[N, C, 1, 1]`
/// or the like; the class counts in row-major order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassScore {
    /// Index of the class.
    pub class: usize,
}

impl Objective for ClassScore {
    fn add(&self, graph: &mut Graph, value: ValueId) -> Result<ValueId, ExplainError> {
        let logits = logits_of(graph, value);
        let (images, count) = rows(graph, logits)?;
        if self.class >= count {
            let output = graph.value(value).name.clone();
            return Err(ExplainError::ClassOutOfRange { class: self.class, output, count });
        }
        let mut nodes = Builder::new(graph, value);
        let mut chosen = vec![0.0; count];
        chosen[self.class] = 1.0;
        let chosen = nodes.constant(&[1, count], chosen)?;
        let scores = nodes.reshape(logits, &[images, count])?;
        let scores = nodes.mul(scores, chosen)?;
        nodes.reduce(Reduce::sum(false), scores, &[1])
    }
}
