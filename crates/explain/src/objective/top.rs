//! The score of whichever class is highest.

use eyebar_network::operators::Reduce;
use eyebar_network::{Graph, ValueId};

use super::{Objective, rows};
use crate::error::ExplainError;
use crate::nodes::Builder;
use crate::trace::logits_of;

/// The highest of all scores before softmax: that of the class which the network names. Where two tie, both are explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopScore;

impl Objective for TopScore {
    fn add(&self, graph: &mut Graph, value: ValueId) -> Result<ValueId, ExplainError> {
        let logits = logits_of(graph, value);
        let (images, count) = rows(graph, logits)?;
        let mut nodes = Builder::new(graph, value);
        let scores = nodes.reshape(logits, &[images, count])?;
        nodes.reduce(Reduce::max(false), scores, &[1])
    }
}
