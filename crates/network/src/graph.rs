//! The graph: values (edges) and nodes in topological order.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{NetworkError, OperatorError};
use crate::fold::{Room, fold};
use crate::operator::{Input, Inputs, Operator};
use crate::operators::Codes;
use crate::plan::Label;
use crate::value::{DataType, TensorType, Value};

/// Identifies a value of one graph and of the graphs specialised from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub(crate) usize);

/// A declared dimension of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Known when the model was exported.
    Fixed(usize),
    /// Free, with the exporter's name for it (may be empty).
    Free(String),
}

/// What the graph knows of a value.
#[derive(Debug, Clone, Default)]
pub struct ValueInfo {
    /// Name of the tensor in the ONNX file.
    pub name: String,
    /// Type, once known: always in a specialised graph.
    pub kind: Option<TensorType>,
    /// The value itself, where it is constant.
    pub constant: Option<Arc<Value>>,
    /// What a constant was dequantised from, where that was int8 with a scale for all or for each index of an axis.
    pub codes: Option<Arc<Codes>>,
    /// Whether a constant of f32 is written as f16, which holds it without loss.
    pub half: bool,
    /// Declared dimensions, for inputs and outputs of the network.
    pub declared: Option<Vec<Dimension>>,
    /// Declared element type, for inputs and outputs of the network.
    pub declared_dtype: Option<DataType>,
}

/// An operator with its place in the graph.
#[derive(Debug, Clone)]
pub struct Node {
    /// Name in the ONNX file, or one made from the operator and its output.
    pub name: String,
    /// What it does.
    pub operator: Arc<dyn Operator>,
    /// Inputs; `None` for an optional input that is left out.
    pub inputs: Vec<Option<ValueId>>,
    /// Outputs; `None` for an output nobody named.
    pub outputs: Vec<Option<ValueId>>,
}

impl Node {
    /// Input `index`, which the operator's `infer` has checked to be there.
    ///
    /// # Errors
    /// When it is missing.
    pub fn input(&self, index: usize) -> Result<ValueId, OperatorError> {
        self.inputs.get(index).copied().flatten().ok_or_else(|| OperatorError::Input(format!("{index} is missing")))
    }

    /// Output `index`.
    ///
    /// # Errors
    /// When nobody named it.
    pub fn output(&self, index: usize) -> Result<ValueId, OperatorError> {
        self.outputs
            .get(index)
            .copied()
            .flatten()
            .ok_or_else(|| OperatorError::Input(format!("output {index} is missing")))
    }
}

/// A network: nodes in topological order over values.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    values: Vec<ValueInfo>,
    nodes: Vec<Node>,
    inputs: Vec<ValueId>,
    outputs: Vec<ValueId>,
    /// Whether convolutions are direct sums only.
    strict: bool,
    /// What may still be folded: kept here, so that many nodes together stay within the limit.
    pub(crate) room: Room,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether plans keep to direct sums: slower than Winograd's algorithm, with a tenth of its rounding.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Sets [`Graph::is_strict`], false at first; graphs specialised from this one keep it.
    pub fn set_strict(&mut self, strict: bool) {
        self.strict = strict;
    }

    /// All nodes, in topological order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The inputs of the network, without constants.
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// The outputs of the network.
    pub fn outputs(&self) -> &[ValueId] {
        &self.outputs
    }

    /// Number of values; ids run below it.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// All value ids.
    pub fn value_ids(&self) -> impl Iterator<Item = ValueId> + use<> {
        (0..self.values.len()).map(ValueId)
    }

    /// What is known of a value.
    pub fn value(&self, id: ValueId) -> &ValueInfo {
        &self.values[id.0]
    }

    pub(crate) fn value_mut(&mut self, id: ValueId) -> &mut ValueInfo {
        &mut self.values[id.0]
    }

    /// The constant behind a value, if it is one.
    pub fn constant_value(&self, id: ValueId) -> Option<&Value> {
        self.values[id.0].constant.as_deref()
    }

    /// Dimensions of a value whose type is known (every value of a specialised graph).
    ///
    /// # Panics
    /// When the type is not known.
    pub fn shape(&self, id: ValueId) -> &[usize] {
        &self.values[id.0].kind.as_ref().expect("types are known in a specialised graph").shape
    }

    /// Adds a value without a producer.
    pub fn add_value(&mut self, info: ValueInfo) -> ValueId {
        self.values.push(info);
        ValueId(self.values.len() - 1)
    }

    /// Adds a constant.
    pub fn add_constant(&mut self, value: impl Into<Value>) -> ValueId {
        let value = value.into();
        let name = format!("constant_{}", self.values.len());
        self.add_value(ValueInfo {
            name,
            kind: Some(value.tensor_type()),
            constant: Some(Arc::new(value)),
            ..ValueInfo::default()
        })
    }

    /// Adds an input of the network.
    pub fn add_input(&mut self, name: &str, kind: TensorType) -> ValueId {
        let declared = kind.shape.iter().map(|&dim| Dimension::Fixed(dim)).collect();
        let id = self.add_value(ValueInfo {
            name: name.to_owned(),
            declared_dtype: Some(kind.dtype),
            kind: Some(kind),
            declared: Some(declared),
            ..ValueInfo::default()
        });
        self.inputs.push(id);
        id
    }

    pub(crate) fn push_input(&mut self, id: ValueId) {
        self.inputs.push(id);
    }

    pub(crate) fn set_inputs(&mut self, inputs: Vec<ValueId>) {
        self.inputs = inputs;
    }

    /// Names the outputs of the network.
    pub fn set_outputs(&mut self, outputs: Vec<ValueId>) {
        self.outputs = outputs;
    }

    pub(crate) fn push_node(&mut self, node: Node) {
        self.nodes.push(node);
    }

    pub(crate) fn set_nodes(&mut self, nodes: Vec<Node>) {
        self.nodes = nodes;
    }

    /// Adds a node whose inputs are already computed by earlier nodes; infers and records the types of its outputs. Where
    /// all its inputs are constant, it is computed at once and its outputs are constants.
    ///
    /// # Errors
    /// When the operator refuses its inputs, or an input's type is not known.
    pub fn add_node(
        &mut self,
        operator: Arc<dyn Operator>,
        inputs: &[Option<ValueId>],
    ) -> Result<Vec<ValueId>, OperatorError> {
        let (types, constants) = self.infer(&*operator, inputs)?;
        let base = format!("{}_{}", operator.name(), self.values.len());
        let outputs: Vec<_> = types
            .into_iter()
            .enumerate()
            .map(|(index, kind)| {
                let name = if index == 0 { format!("{base}_output") } else { format!("{base}_output_{index}") };
                self.add_value(ValueInfo { name, kind: Some(kind), ..ValueInfo::default() })
            })
            .collect();
        if let Some(constants) = constants {
            for (&id, value) in outputs.iter().zip(constants) {
                self.value_mut(id).constant = Some(Arc::new(value));
            }
        } else {
            self.nodes.push(Node {
                name: base,
                operator,
                inputs: inputs.to_vec(),
                outputs: outputs.iter().copied().map(Some).collect(),
            });
        }
        Ok(outputs)
    }

    /// The types of an operator's outputs and, where its inputs are constant and there is room, their values.
    pub(crate) fn infer(
        &mut self,
        operator: &dyn Operator,
        inputs: &[Option<ValueId>],
    ) -> Result<(Vec<TensorType>, Option<Vec<Value>>), OperatorError> {
        let mut room = self.room.clone();
        let result = self.with_inputs(inputs, |inputs| {
            let types = operator.infer(inputs)?;
            let constants = fold(operator, inputs, &types, &mut room)?;
            Ok::<_, OperatorError>((types, constants))
        })??;
        self.room = room;
        Ok(result)
    }

    /// As [`Graph::add_node`] for an operator with one output and no input left out.
    ///
    /// # Errors
    /// As [`Graph::add_node`].
    pub fn apply(&mut self, operator: impl Operator, inputs: &[ValueId]) -> Result<ValueId, OperatorError> {
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        Ok(self.add_node(Arc::new(operator), &inputs)?[0])
    }

    /// Calls `f` with the types of `ids`, all of which must be known (they are in a specialised graph).
    ///
    /// # Panics
    /// When a type is not known.
    pub fn with_types<R>(&self, ids: &[Option<ValueId>], f: impl FnOnce(Inputs<'_>) -> R) -> R {
        self.with_inputs(ids, f).expect("types are known in a specialised graph")
    }

    /// Calls `f` with what is known of `ids`.
    pub(crate) fn with_inputs<R>(
        &self,
        ids: &[Option<ValueId>],
        f: impl FnOnce(Inputs<'_>) -> R,
    ) -> Result<R, OperatorError> {
        let inputs =
            ids.iter().map(|id| id.map(|id| self.input(id)).transpose()).collect::<Result<Vec<_>, OperatorError>>()?;
        Ok(f(Inputs(&inputs)))
    }

    fn input(&self, id: ValueId) -> Result<Input<'_>, OperatorError> {
        let info = self.value(id);
        let kind = info.kind.as_ref().ok_or_else(|| OperatorError::Input(format!("{:?} has no type", info.name)))?;
        Ok(Input { dtype: kind.dtype, shape: &kind.shape, constant: info.constant.as_deref() })
    }

    /// Turns an operator's refusal into an error that names the node and its inputs.
    pub(crate) fn node_error(&self, node: &Node, source: OperatorError) -> NetworkError {
        Label::new(self, node).error(source)
    }

    /// For every value, the index of the node that computes it.
    pub fn producers(&self) -> HashMap<ValueId, usize> {
        let mut producers = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            producers.extend(node.outputs.iter().flatten().map(|&id| (id, index)));
        }
        producers
    }

    /// Indices (in topological order) of the nodes that `outputs` need, stopping at `stops` and at constants.
    pub(crate) fn needed_nodes(&self, outputs: &[ValueId], stops: &[ValueId]) -> Vec<usize> {
        let producers = self.producers();
        let mut needed = vec![false; self.nodes.len()];
        let mut stopped = vec![false; self.values.len()];
        stops.iter().for_each(|id| stopped[id.0] = true);
        let mut open: Vec<ValueId> = outputs.to_vec();
        while let Some(id) = open.pop() {
            if stopped[id.0] || self.value(id).constant.is_some() {
                continue;
            }
            if let Some(&index) = producers.get(&id)
                && !needed[index]
            {
                needed[index] = true;
                open.extend(self.nodes[index].inputs.iter().flatten());
            }
        }
        (0..self.nodes.len()).filter(|&index| needed[index]).collect()
    }

    /// Finds a value by the name of its tensor, or by the name of the node that computes it.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchLayer`] with the nearest names.
    pub fn find(&self, name: &str) -> Result<ValueId, NetworkError> {
        if let Some(id) = self.value_ids().find(|&id| self.value(id).name == name) {
            return Ok(id);
        }
        if let Some(id) = self.nodes.iter().find(|n| n.name == name).and_then(|n| n.outputs.first().copied().flatten())
        {
            return Ok(id);
        }
        let names = self.nodes.iter().flat_map(|node| {
            let outputs = node.outputs.iter().flatten().map(|&id| self.value(id).name.as_str());
            std::iter::once(node.name.as_str()).chain(outputs)
        });
        Err(NetworkError::NoSuchLayer { name: name.to_owned(), nearest: crate::names::nearest(name, names) })
    }
}
