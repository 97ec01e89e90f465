//! Reverse-mode differentiation: the gradient of a graph is again a graph.
//!
//! Only the nodes on a path from the values asked for to the scalar are differentiated, so nothing is spent on weights
//! or below the layer of interest (Griewank and Walther 2008, *Evaluating Derivatives*, chapter 3).

use std::collections::HashMap;

use crate::error::{NetworkError, OperatorError};
use crate::graph::{Graph, ValueId};
use crate::operators::{Add, filled};

impl Graph {
    /// Adds the nodes that compute ∂(Σ `output`)/∂v for each v of `wrt`, and returns their values (shape of v each).
    ///
    /// The graph must be specialised. Summing over `output` makes a batch of independent scalars (one per image) come
    /// out as a batch of gradients.
    ///
    /// # Errors
    /// When a node on the path has no gradient.
    pub fn add_gradient(&mut self, output: ValueId, wrt: &[ValueId]) -> Result<Vec<ValueId>, NetworkError> {
        let cotangent = self.filled(1.0, output)?;
        self.add_vector_jacobian_product(output, cotangent, wrt)
    }

    /// Adds the nodes that compute Σ cotangent · ∂`output`/∂v for each v of `wrt`; `cotangent` has the shape of
    /// `output`.
    ///
    /// # Errors
    /// When a node on the path has no gradient.
    pub fn add_vector_jacobian_product(
        &mut self,
        output: ValueId,
        cotangent: ValueId,
        wrt: &[ValueId],
    ) -> Result<Vec<ValueId>, NetworkError> {
        if self.shape(output) != self.shape(cotangent) {
            let reason = format!("shape {:?} expected, found {:?}", self.shape(output), self.shape(cotangent));
            return Err(NetworkError::Input { name: self.value(cotangent).name.clone(), reason });
        }
        let path = self.path(output, wrt);
        let mut cotangents: HashMap<ValueId, ValueId> = HashMap::from([(output, cotangent)]);
        for &index in path.nodes.iter().rev() {
            let node = self.nodes()[index].clone();
            let outputs: Vec<_> =
                node.outputs.iter().map(|id| id.and_then(|id| cotangents.get(&id).copied())).collect();
            if outputs.iter().all(Option::is_none) {
                continue;
            }
            let wanted: Vec<_> = node.inputs.iter().map(|id| id.is_some_and(|id| path.active[id.0])).collect();
            let gradients = node
                .operator
                .gradient(self, &node, &outputs, &wanted)
                .map_err(|source| self.node_error(&node, source))?;
            for (id, gradient) in node.inputs.iter().zip(gradients) {
                let (Some(id), Some(gradient)) = (*id, gradient) else { continue };
                if !path.active[id.0] {
                    continue;
                }
                debug_assert_eq!(self.shape(id), self.shape(gradient), "gradient of {}", node.operator.name());
                self.accumulate(&mut cotangents, id, gradient).map_err(|source| self.node_error(&node, source))?;
            }
        }
        wrt.iter()
            .map(|&id| match cotangents.get(&id) {
                Some(&gradient) => Ok(gradient),
                None => self.filled(0.0, id),
            })
            .collect()
    }

    /// A tensor with the shape of `like`, filled with one number.
    fn filled(&mut self, number: f32, like: ValueId) -> Result<ValueId, NetworkError> {
        let (name, shape) = (self.value(like).name.clone(), self.shape(like).to_vec());
        filled(self, number, &shape).map_err(|error| NetworkError::Input { name, reason: error.to_string() })
    }

    fn accumulate(
        &mut self,
        cotangents: &mut HashMap<ValueId, ValueId>,
        id: ValueId,
        gradient: ValueId,
    ) -> Result<(), OperatorError> {
        let total = match cotangents.get(&id) {
            Some(&previous) => self.apply(Add, &[previous, gradient])?,
            None => gradient,
        };
        cotangents.insert(id, total);
        Ok(())
    }

    /// The nodes between `wrt` and `output`, and the values that depend on `wrt`.
    fn path(&self, output: ValueId, wrt: &[ValueId]) -> Path {
        let mut active = vec![false; self.value_count()];
        for id in wrt {
            active[id.0] = true;
        }
        let mut nodes = Vec::new();
        for index in self.needed_nodes(&[output], &[]) {
            let node = &self.nodes()[index];
            if node.inputs.iter().flatten().any(|id| active[id.0]) {
                for id in node.outputs.iter().flatten() {
                    active[id.0] = true;
                }
                nodes.push(index);
            }
        }
        Path { nodes, active }
    }
}

struct Path {
    /// Indices in topological order.
    nodes: Vec<usize>,
    /// For every value, whether it depends on the values asked for.
    active: Vec<bool>,
}
