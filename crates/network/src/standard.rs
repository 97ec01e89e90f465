//! A graph in ONNX's own operators alone, so that other runtimes take it: operators of Eyebar's domain (gradients, and forms
//! that ONNX gave up) are replaced by what they stand for.

use std::sync::Arc;

use crate::error::{NetworkError, OperatorError};
use crate::graph::{Graph, Node, ValueId, ValueInfo};
use crate::onnx::Attribute;
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{TensorType, Value};

impl Graph {
    /// The same network in ONNX's own operators. The graph must be specialised where it holds gradients.
    ///
    /// # Errors
    /// When a node has no form in them.
    pub fn in_standard_operators(&self) -> Result<Self, NetworkError> {
        let mut graph = self.clone();
        graph.set_nodes(Vec::with_capacity(self.nodes().len()));
        for node in self.nodes() {
            if node.operator.domain().is_empty() {
                graph.push_node(node.clone());
                continue;
            }
            let found = node.operator.standard(&mut graph, node).map_err(|source| self.node_error(node, source))?;
            let output = node.output(0).map_err(|source| self.node_error(node, source))?;
            graph.stand_in(found, output);
        }
        Ok(graph)
    }

    /// Adds a node of an ONNX operator that is written but not run here, with outputs of these types.
    pub(crate) fn add_foreign(
        &mut self,
        name: &'static str,
        attributes: Vec<Attribute>,
        inputs: &[ValueId],
        types: Vec<TensorType>,
    ) -> Vec<ValueId> {
        let base = format!("{name}_{}", self.value_count());
        let named = |(index, kind): (usize, &TensorType)| ValueInfo {
            name: format!("{base}_output_{index}"),
            kind: Some(kind.clone()),
            ..ValueInfo::default()
        };
        let infos: Vec<_> = types.iter().enumerate().map(named).collect();
        let outputs: Vec<_> = infos.into_iter().map(|info| self.add_value(info)).collect();
        self.push_node(Node {
            name: base,
            operator: Arc::new(Foreign { name, attributes, types }),
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: outputs.iter().copied().map(Some).collect(),
        });
        outputs
    }

    /// Has the last node that computes `found` compute `value` instead.
    pub(crate) fn stand_in(&mut self, found: ValueId, value: ValueId) {
        if let Some(constant) = self.value(found).constant.clone() {
            self.value_mut(value).constant = Some(constant);
            return;
        }
        let mut nodes = self.nodes().to_vec();
        let outputs = nodes.iter_mut().rev().flat_map(|node| node.outputs.iter_mut());
        for output in outputs.filter(|output| **output == Some(found)) {
            *output = Some(value);
        }
        self.set_nodes(nodes);
    }
}

/// An operator of ONNX that other runtimes have.
#[derive(Debug)]
struct Foreign {
    name: &'static str,
    attributes: Vec<Attribute>,
    types: Vec<TensorType>,
}

impl Operator for Foreign {
    fn name(&self) -> &str {
        self.name
    }

    fn infer(&self, _inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        Ok(self.types.clone())
    }

    fn run(&self, _arguments: Arguments<'_>, _pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        Err(OperatorError::Unsupported(format!("operator {}", self.name)))
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.attributes.clone()
    }
}
