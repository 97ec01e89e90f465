//! From a graph as read to one with concrete shapes: unneeded nodes gone, shape arithmetic folded, every type known.

use std::sync::Arc;

use eyebar_tensor::{ShapeError, element_count};

use crate::error::{NetworkError, OperatorError};
use crate::graph::{Dimension, Graph, Node, ValueId};
use crate::operators::codes;
use crate::value::TensorType;

/// The part of a network whose types are known, where some nodes are not supported.
#[derive(Debug, Clone)]
pub struct Supported {
    /// The nodes whose types are known. Its outputs are those asked for that are among them, and the values that the other
    /// nodes would read.
    pub graph: Graph,
    /// The nodes that are not supported, in topological order.
    pub refused: Vec<RefusedNode>,
    /// Number of nodes of which nothing is known because they depend on those.
    pub unreached: usize,
}

/// A node that is not supported.
#[derive(Debug, Clone, PartialEq)]
pub struct RefusedNode {
    /// Name of the node.
    pub node: String,
    /// ONNX operator.
    pub operator: String,
    /// Why it is refused.
    pub reason: OperatorError,
}

impl Graph {
    /// The part of the graph that `outputs` need, for inputs of the given types.
    ///
    /// Value ids stay valid. A value named in `inputs` is taken as given, be it an input of the network or not, so that
    /// a network can also be entered in the middle.
    ///
    /// # Errors
    /// When a node refuses its inputs, an operator is not supported, or an output needs an input that is not given.
    pub fn specialise(&self, inputs: &[(ValueId, TensorType)], outputs: &[ValueId]) -> Result<Self, NetworkError> {
        let (mut graph, stops) = self.with_given(inputs)?;
        let mut kept = Vec::new();
        for index in self.needed_nodes(outputs, &stops) {
            let node = &self.nodes()[index];
            if !graph.settle(node)? {
                kept.push(node.clone());
            }
        }
        if let Some(&id) = outputs.iter().find(|&&id| graph.value(id).kind.is_none()) {
            return Err(graph.unreachable(id, None));
        }
        graph.keep(kept, outputs.to_vec(), &stops);
        Ok(graph)
    }

    /// As [`Graph::specialise`], but goes on where an operator is not supported: for a look at what is known.
    ///
    /// # Errors
    /// When a node that is supported refuses its inputs, or an output needs an input that is not given.
    pub fn specialise_supported(
        &self,
        inputs: &[(ValueId, TensorType)],
        outputs: &[ValueId],
    ) -> Result<Supported, NetworkError> {
        let (mut graph, stops) = self.with_given(inputs)?;
        let (mut kept, mut refused, mut unreached) = (Vec::new(), Vec::new(), 0);
        // Whether nothing is known of a value, because it depends on a refused node.
        let mut lost = vec![false; self.value_count()];
        let mut ends = vec![false; self.value_count()];
        outputs.iter().for_each(|id| ends[id.0] = true);
        for index in self.needed_nodes(outputs, &stops) {
            let node = &self.nodes()[index];
            if node.inputs.iter().flatten().any(|id| lost[id.0]) {
                unreached += 1;
            } else {
                match graph.settle(node) {
                    Ok(true) => continue,
                    Ok(false) => {
                        kept.push(node.clone());
                        continue;
                    }
                    Err(NetworkError::Node {
                        source: reason @ (OperatorError::Unsupported(_) | OperatorError::Attribute(_)),
                        node,
                        operator,
                        ..
                    }) => refused.push(RefusedNode { node, operator, reason }),
                    Err(error) => return Err(error),
                }
            }
            node.inputs.iter().flatten().for_each(|id| ends[id.0] = true);
            node.outputs.iter().flatten().for_each(|id| lost[id.0] = true);
        }
        let ends: Vec<_> = self.value_ids().filter(|id| ends[id.0] && !lost[id.0]).collect();
        if let Some(&id) = ends.iter().find(|&&id| graph.value(id).kind.is_none()) {
            return Err(graph.unreachable(id, None));
        }
        graph.keep(kept, ends, &stops);
        Ok(Supported { graph, refused, unreached })
    }

    /// The same network with what depends on constants alone computed, as far as there is room.
    #[must_use]
    pub fn fold_constants(&self) -> Self {
        let mut graph = self.clone();
        let mut kept = Vec::with_capacity(self.nodes().len());
        for node in self.nodes() {
            let is_constant = |id: &ValueId| graph.value(*id).constant.is_some();
            let computable = !node.inputs.is_empty() && node.inputs.iter().flatten().all(is_constant);
            // What cannot be computed says so when it is run.
            if !(computable && graph.settle(node).unwrap_or(false)) {
                kept.push(node.clone());
            }
        }
        graph.set_nodes(kept);
        graph
    }

    /// The graph with the types of what is given and of constants only, and the values that are given.
    fn with_given(&self, inputs: &[(ValueId, TensorType)]) -> Result<(Self, Vec<ValueId>), NetworkError> {
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
        Ok((graph, inputs.iter().map(|(id, _)| *id).collect()))
    }

    /// Keeps `nodes`, as far as `outputs` need them.
    pub(crate) fn keep(&mut self, nodes: Vec<Node>, outputs: Vec<ValueId>, given: &[ValueId]) {
        self.set_nodes(nodes);
        self.set_outputs(outputs);
        self.drop_unused(given);
    }

    /// Why nothing is known of a value, although the nodes before it were looked at.
    fn unreachable(&self, id: ValueId, reader: Option<&Node>) -> NetworkError {
        let place = |node: &Node| node.outputs.iter().position(|output| *output == Some(id));
        let producer = self.nodes().iter().find_map(|node| place(node).map(|index| (node, index)));
        let reader = reader.map_or_else(String::new, |node| format!(" (node {:?} reads it)", node.name));
        let reason = match producer {
            Some((node, index)) => format!(
                "it is output {index} of node {:?}, and that output of {} is not supported{reader}; hint: name a layer that \
                 does not need it, or export the model without it",
                node.name,
                node.operator.name()
            ),
            None if self.inputs().contains(&id) => {
                format!(
                    "it is an input that is not given{reader}; hint: give it, or name a layer that does not need it"
                )
            }
            None => format!(
                "no node computes it and it is not given{reader}; hint: export the model again, its file lacks a part"
            ),
        };
        NetworkError::Unreachable { name: self.value(id).name.clone(), reason }
    }

    /// Frees all declared dimensions of an input, so that [`Graph::specialise`] takes any of its rank: for networks that
    /// work with any size but were exported with one. Nodes that really need a size still refuse others.
    pub fn free_dimensions(&mut self, input: ValueId) {
        if let Some(declared) = &mut self.value_mut(input).declared {
            declared.fill(Dimension::Free(String::new()));
        }
    }

    /// Frees the first declared dimension of an input, where it is a batch of one image: exporters write the shape of the
    /// example that they were given. Nodes that really need one image still refuse more.
    pub fn free_batch(&mut self, input: ValueId) {
        if let Some([first @ Dimension::Fixed(1), ..]) = self.value_mut(input).declared.as_deref_mut() {
            *first = Dimension::Free(String::new());
        }
    }

    /// Infers the types of a node's outputs and, where its inputs are constant and there is room, its values. Says whether
    /// it was folded.
    fn settle(&mut self, node: &Node) -> Result<bool, NetworkError> {
        if let Some(id) = node.inputs.iter().flatten().find(|&&id| self.value(id).kind.is_none()) {
            return Err(self.unreachable(*id, Some(node)));
        }
        let (types, folded) =
            self.infer(&*node.operator, &node.inputs).map_err(|source| self.node_error(node, source))?;
        let is_folded = folded.is_some();
        let codes =
            if is_folded { self.with_inputs(&node.inputs, |inputs| codes(&*node.operator, inputs)).ok() } else { None };
        let mut constants = folded.into_iter().flatten();
        for (id, kind) in node.outputs.iter().zip(types) {
            let constant = constants.next();
            let Some(id) = *id else { continue };
            let info = self.value_mut(id);
            info.kind = Some(kind);
            info.constant = constant.map(Arc::new);
            info.codes = codes.clone().flatten();
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
        let reason = format!(
            "the model takes [{}], this is {:?}; hint: feed that shape, or export the model with free dimensions",
            wanted.join(", "),
            kind.shape
        );
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
                let info = self.value_mut(id);
                (info.constant, info.codes) = (None, None);
            }
        }
        self.set_nodes(nodes);
        self.set_inputs(given.iter().copied().filter(|id| read[id.0]).collect());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::error::{NetworkError, OperatorError};
    use crate::graph::{Graph, Node, ValueId, ValueInfo};
    use crate::operator::{Arguments, Inputs, Operator};
    use crate::operators::{Mul, Variadic};
    use crate::pool::Pool;
    use crate::value::{DataType, TensorType, Value};

    fn kind(shape: &[usize]) -> TensorType {
        TensorType { dtype: DataType::F32, shape: shape.to_vec() }
    }

    /// An operator that nobody supports.
    #[derive(Debug)]
    struct Strange;

    impl Operator for Strange {
        fn name(&self) -> &str {
            "Strange"
        }

        fn infer(&self, _inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
            Err(OperatorError::Unsupported("operator Strange".to_owned()))
        }

        fn run(&self, _arguments: Arguments<'_>, _pool: &Pool) -> Result<Vec<Value>, OperatorError> {
            Err(OperatorError::NotDifferentiable)
        }
    }

    fn add(graph: &mut Graph, operator: impl Operator, inputs: &[ValueId], outputs: &[&str]) -> Vec<ValueId> {
        let value = |name: &&str| ValueInfo { name: (*name).to_owned(), ..ValueInfo::default() };
        let ids: Vec<_> = outputs.iter().map(|name| graph.add_value(value(name))).collect();
        let mut nodes = graph.nodes().to_vec();
        nodes.push(Node {
            name: format!("node_{}", outputs[0]),
            operator: Arc::new(operator),
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: ids.iter().copied().map(Some).collect(),
        });
        graph.set_nodes(nodes);
        ids
    }

    #[test]
    fn freed_inputs_take_any_size() {
        let mut graph = Graph::new();
        let input = graph.add_input("input", kind(&[1, 3, 640, 640]));
        let other = [(input, kind(&[1, 3, 32, 64]))];
        let error = graph.specialise(&other, &[input]).unwrap_err().to_string();
        assert!(error.contains("the model takes") && error.contains("hint:"), "{error}");
        graph.free_dimensions(input);
        assert_eq!(graph.specialise(&other, &[input]).unwrap().shape(input), [1, 3, 32, 64]);
        assert!(graph.specialise(&[(input, kind(&[3, 32, 64]))], &[input]).is_err(), "the rank stays");
    }

    #[test]
    fn what_does_not_need_a_strange_operator_is_known() {
        let mut graph = Graph::new();
        let x = graph.add_input("x", kind(&[2, 3]));
        let known = add(&mut graph, Mul, &[x, x], &["known"])[0];
        let beside = add(&mut graph, Mul, &[x, x], &["beside"])[0];
        let strange = add(&mut graph, Strange, &[known], &["strange", "second"]);
        let behind = add(&mut graph, Mul, &[strange[1], beside], &["behind"])[0];
        let again = add(&mut graph, Strange, &[behind], &["again"])[0];
        let given = [(x, kind(&[2, 3]))];
        assert!(matches!(graph.specialise(&given, &[again]), Err(NetworkError::Node { .. })));
        let part = graph.specialise_supported(&given, &[again]).unwrap();
        assert_eq!(part.refused.len(), 1);
        assert_eq!((part.refused[0].node.as_str(), part.refused[0].operator.as_str()), ("node_strange", "Strange"));
        assert_eq!(part.unreached, 2);
        let names: Vec<_> = part.graph.nodes().iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["node_known", "node_beside"]);
        assert_eq!(part.graph.outputs(), [known, beside]);
        assert_eq!(part.graph.shape(beside), [2, 3]);
        let whole = graph.specialise_supported(&given, &[beside]).unwrap();
        assert!(whole.refused.is_empty() && whole.unreached == 0 && whole.graph.outputs() == [beside]);
    }

    /// Shapes that do not fit are no matter of support.
    #[test]
    fn wrong_shapes_stay_errors() {
        let mut graph = Graph::new();
        let (x, y) = (graph.add_input("x", kind(&[2])), graph.add_input("y", kind(&[3])));
        let product = add(&mut graph, Mul, &[x, y], &["product"])[0];
        let given = [(x, kind(&[2])), (y, kind(&[3]))];
        let error = graph.specialise_supported(&given, &[product]).unwrap_err().to_string();
        assert!(error.contains("node_product") && error.contains("hint:"), "{error}");
    }

    #[test]
    fn the_reason_why_a_value_is_unknown_is_the_true_one() {
        let mut graph = Graph::new();
        let (x, y) = (graph.add_input("x", kind(&[2])), graph.add_input("y", kind(&[2])));
        let extra = add(&mut graph, Variadic::Sum, &[x], &["sum", "extra"]);
        let reader = add(&mut graph, Mul, &[extra[1], x], &["reader"])[0];
        let both = add(&mut graph, Mul, &[x, y], &["both"])[0];
        let nobody = graph.add_value(ValueInfo { name: "nobody".to_owned(), ..ValueInfo::default() });
        let given = [(x, kind(&[2]))];
        let reason = |outputs: &[ValueId]| graph.specialise(&given, outputs).unwrap_err().to_string();
        for (outputs, text) in [
            (extra[1], "it is output 1 of node \"node_sum\", and that output of Sum is not supported"),
            (reader, "that output of Sum is not supported (node \"node_reader\" reads it)"),
            (both, "it is an input that is not given (node \"node_both\" reads it)"),
            (y, "it is an input that is not given"),
            (nobody, "no node computes it"),
        ] {
            let error = reason(&[outputs]);
            assert!(error.contains(text) && error.contains("hint:"), "{error}");
        }
        assert!(graph.specialise(&given, &[extra[0]]).is_ok(), "the other output is there");
    }
}
