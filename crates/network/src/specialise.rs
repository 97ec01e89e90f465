//! From a graph as read to one with concrete shapes: unneeded nodes gone, shape arithmetic folded, every type known.

use std::sync::Arc;

use eyebar_tensor::{ShapeError, element_count};

use crate::error::{NetworkError, OperatorError};
use crate::graph::{Dimension, Graph, Node, ValueId};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{TensorType, Value};

/// Once more elements than this are folded, only small results are; the others are computed by every run, which has a
/// limit of its own. A hostile chain of `Expand` must not fill the memory when the model is merely read.
pub(crate) const MAX_FOLDED_ELEMENTS: usize = 1 << 28;

/// Results up to this size (shapes, indices) are always folded.
const SMALL_RESULT: usize = 1 << 12;

impl Graph {
    /// The part of the graph that `outputs` need, for inputs of the given types.
    ///
    /// Value ids stay valid. A value named in `inputs` is taken as given, be it an input of the network or not, so that
    /// a network can also be entered in the middle.
    ///
    /// # Errors
    /// When a node refuses its inputs, an operator is not supported, or an output needs an input that is not given.
    pub fn specialise(&self, inputs: &[(ValueId, TensorType)], outputs: &[ValueId]) -> Result<Self, NetworkError> {
        let stops: Vec<_> = inputs.iter().map(|(id, _)| *id).collect();
        let mut graph = self.clone();
        for id in graph.value_ids() {
            let info = graph.value_mut(id);
            info.kind = info.constant.as_ref().map(|constant| constant.tensor_type());
        }
        for (id, kind) in inputs {
            let refuse = |error: ShapeError| NetworkError::Input {
                name: self.value(*id).name.clone(),
                reason: format!("{error}; hint: feed a smaller picture"),
            };
            element_count(&kind.shape).map_err(refuse)?;
            graph.check_declared(*id, kind)?;
            let info = graph.value_mut(*id);
            info.kind = Some(kind.clone());
            info.constant = None;
        }
        let mut kept = Vec::new();
        let mut room = MAX_FOLDED_ELEMENTS;
        for index in self.needed_nodes(outputs, &stops) {
            let node = &self.nodes()[index];
            if !graph.settle(node, &mut room)? {
                kept.push(node.clone());
            }
        }
        for &id in outputs {
            let info = graph.value(id);
            if info.kind.is_none() {
                let reason = "it depends on an input that is not given".to_owned();
                return Err(NetworkError::Unreachable { name: info.name.clone(), reason });
            }
        }
        graph.set_nodes(kept);
        graph.set_outputs(outputs.to_vec());
        graph.drop_unused(&stops);
        Ok(graph)
    }

    /// Frees all declared dimensions of an input, so that [`Graph::specialise`] takes any of its rank: for networks that
    /// work with any size but were exported with one. Nodes that really need a size still refuse others.
    pub fn free_dimensions(&mut self, input: ValueId) {
        if let Some(declared) = &mut self.value_mut(input).declared {
            declared.fill(Dimension::Free(String::new()));
        }
    }

    /// Infers the types of a node's outputs and, where its inputs are constant, its values. Says whether it was folded;
    /// `room` is the number of elements that may still be.
    fn settle(&mut self, node: &Node, room: &mut usize) -> Result<bool, NetworkError> {
        for &id in node.inputs.iter().flatten() {
            if self.value(id).kind.is_none() {
                let name = self.value(id).name.clone();
                let reason = format!("no node computes it and it is not given (node {:?} reads it)", node.name);
                return Err(NetworkError::Unreachable { name, reason });
            }
        }
        let (types, folded) = self
            .with_inputs(&node.inputs, |inputs| {
                let types = node.operator.infer(inputs)?;
                let folded = fold(&*node.operator, inputs, &types, room)?;
                Ok::<_, OperatorError>((types, folded))
            })
            .and_then(|result| result)
            .map_err(|source| self.node_error(node, source))?;
        let constants = folded.map(|values| values.into_iter().map(Some).collect());
        let constants: Vec<Option<Value>> = constants.unwrap_or_default();
        let is_folded = !constants.is_empty();
        for (index, (id, kind)) in node.outputs.iter().zip(types).enumerate() {
            let Some(id) = *id else { continue };
            let info = self.value_mut(id);
            info.kind = Some(kind);
            info.constant = constants.get(index).cloned().flatten().map(Arc::new);
        }
        Ok(is_folded)
    }

    /// Refuses a type that contradicts the declared dimensions of an input.
    fn check_declared(&self, id: ValueId, kind: &TensorType) -> Result<(), NetworkError> {
        let info = self.value(id);
        let Some(declared) = &info.declared else { return Ok(()) };
        let fits = declared.len() == kind.shape.len()
            && declared.iter().zip(&kind.shape).all(|(d, &n)| !matches!(d, Dimension::Fixed(m) if *m != n));
        if fits {
            return Ok(());
        }
        let wanted: Vec<_> = declared
            .iter()
            .map(|d| match d {
                Dimension::Fixed(n) => n.to_string(),
                Dimension::Free(name) if name.is_empty() => "?".to_owned(),
                Dimension::Free(name) => name.clone(),
            })
            .collect();
        let reason = format!("the model takes [{}], this is {:?}", wanted.join(", "), kind.shape);
        Err(NetworkError::Input { name: info.name.clone(), reason })
    }

    /// Forgets nodes whose results nobody reads, constants nobody reads, and inputs nobody reads.
    fn drop_unused(&mut self, given: &[ValueId]) {
        let outputs = self.outputs().to_vec();
        let needed = self.needed_nodes(&outputs, given);
        let nodes: Vec<Node> = needed.into_iter().map(|index| self.nodes()[index].clone()).collect();
        let mut read = vec![false; self.value_count()];
        for id in nodes.iter().flat_map(|node| node.inputs.iter().flatten()).chain(&outputs) {
            read[id.0] = true;
        }
        for id in self.value_ids() {
            if !read[id.0] {
                self.value_mut(id).constant = None;
            }
        }
        self.set_nodes(nodes);
        self.set_inputs(given.iter().copied().filter(|id| read[id.0]).collect());
    }
}

/// The outputs of an operator that needs nothing but constants or types, where there is room for them.
pub(crate) fn fold(
    operator: &dyn Operator,
    inputs: Inputs<'_>,
    types: &[TensorType],
    room: &mut usize,
) -> Result<Option<Vec<Value>>, OperatorError> {
    if let Some(value) = operator.fold(inputs) {
        return Ok(Some(vec![value]));
    }
    let size = types.iter().map(TensorType::len).fold(0, usize::saturating_add);
    if (size > SMALL_RESULT && size > *room) || !inputs.0.iter().flatten().all(|input| input.constant.is_some()) {
        return Ok(None);
    }
    *room = room.saturating_sub(size);
    let arguments: Vec<_> = inputs.0.iter().map(|input| input.and_then(|input| input.constant)).collect();
    operator.run(Arguments(&arguments), &Pool::default()).map(Some)
}

#[cfg(test)]
mod tests {
    use crate::graph::Graph;
    use crate::value::{DataType, TensorType};

    #[test]
    fn freed_inputs_take_any_size() {
        let kind = |shape: &[usize]| TensorType { dtype: DataType::F32, shape: shape.to_vec() };
        let mut graph = Graph::new();
        let input = graph.add_input("input", kind(&[1, 3, 640, 640]));
        let other = [(input, kind(&[1, 3, 32, 64]))];
        assert!(graph.specialise(&other, &[input]).unwrap_err().to_string().contains("the model takes"));
        graph.free_dimensions(input);
        assert_eq!(graph.specialise(&other, &[input]).unwrap().shape(input), [1, 3, 32, 64]);
        assert!(graph.specialise(&[(input, kind(&[3, 32, 64]))], &[input]).is_err(), "the rank stays");
    }
}
