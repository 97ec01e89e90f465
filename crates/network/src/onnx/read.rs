//! ONNX file → [`Graph`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use prost::{DecodeError, Message};

use super::attribute::NodeReader;
use super::external::ExternalData;
use super::proto::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use super::stream::FileStream;
use super::tensor::{data_type_from_proto, value_from_proto};
use super::upgrade::upgrade;
use super::write::WRITTEN_OPSET;
use crate::error::NetworkError;
use crate::graph::{Dimension, Graph, Node, ValueId, ValueInfo};
use crate::operator::Arguments;
use crate::operators;
use crate::pool::Pool;
use crate::value::Value;

/// Oldest operator set that is read.
const OLDEST_OPSET: i64 = 7;

/// A model as read from a file.
#[derive(Debug, Clone)]
pub struct OnnxModel {
    /// The graph; its types are not known yet, see [`Graph::specialise`].
    pub graph: Graph,
    /// Version of ONNX's own operator set.
    pub opset: i64,
    /// Program that wrote the file, with its version.
    pub producer: String,
    /// Metadata properties.
    pub metadata: BTreeMap<String, String>,
}

/// Reads a model file, and the external data beside it.
///
/// # Errors
/// When the file cannot be read (it must be a regular file of at most 2 GiB), or as [`read`].
pub fn read_file(path: &Path) -> Result<OnnxModel, NetworkError> {
    read_file_watched(path, &mut |_| ())
}

/// As [`read_file`]; `watch` sees the bytes of the file, in order, as they are read.
///
/// # Errors
/// As [`read_file`].
pub fn read_file_watched(path: &Path, watch: &mut dyn FnMut(&[u8])) -> Result<OnnxModel, NetworkError> {
    let mut stream = FileStream::open(path, watch)?;
    let decoded = ModelProto::decode(&mut stream);
    stream.finish(path)?;
    let folder = path.parent().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
    from_proto(decoded, folder)
}

/// Reads a model from memory.
///
/// An operator that is not supported is no error here: only a run that needs it fails, so that the part below a target
/// layer can be used all the same.
///
/// # Errors
/// When the bytes are not an ONNX model, or the model breaks ONNX's rules.
pub fn read(bytes: Bytes) -> Result<OnnxModel, NetworkError> {
    from_proto(ModelProto::decode(bytes), None)
}

fn from_proto(decoded: Result<ModelProto, DecodeError>, folder: Option<&Path>) -> Result<OnnxModel, NetworkError> {
    let model = decoded.map_err(|error| NetworkError::NotOnnx(error.to_string()))?;
    let proto = model.graph.ok_or_else(|| NetworkError::NotOnnx("no graph inside".to_owned()))?;
    let versions = model.opset_import.iter().filter(|set| matches!(set.domain.as_deref(), None | Some("" | "ai.onnx")));
    let opset = versions.filter_map(|set| set.version).max().unwrap_or(1);
    if opset < OLDEST_OPSET {
        return Err(NetworkError::Malformed(format!(
            "opset {opset} is older than {OLDEST_OPSET}; hint: convert it with onnx.version_converter"
        )));
    }
    let producer = [model.producer_name, model.producer_version].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let metadata = model.metadata_props.into_iter().filter_map(|entry| Some((entry.key?, entry.value?))).collect();
    let graph = GraphReader::new(opset, folder).read(proto)?;
    Ok(OnnxModel { graph, opset, producer: producer.trim().to_owned(), metadata })
}

struct GraphReader<'a> {
    opset: i64,
    external: ExternalData<'a>,
    graph: Graph,
    ids: HashMap<String, ValueId>,
}

impl<'a> GraphReader<'a> {
    fn new(opset: i64, folder: Option<&'a Path>) -> Self {
        Self { opset, external: ExternalData::new(folder), graph: Graph::new(), ids: HashMap::new() }
    }

    fn read(mut self, proto: GraphProto) -> Result<Graph, NetworkError> {
        for tensor in proto.initializer {
            let id = self.id(tensor.name.as_deref().unwrap_or(""));
            let value = value_from_proto(tensor, &mut self.external)?;
            self.set_constant(id, value);
        }
        let nodes = proto.node.iter().map(|node| self.node(node)).collect::<Result<Vec<_>, _>>()?;
        let nodes = self.without_constants(nodes)?;
        let nodes = sort(nodes, &self.graph)?;
        let read: HashSet<ValueId> = nodes.iter().flat_map(|node| node.inputs.iter().copied().flatten()).collect();
        let computed: HashSet<ValueId> = nodes.iter().flat_map(|node| node.outputs.iter().copied().flatten()).collect();
        for input in &proto.input {
            let id = self.id(input.name.as_deref().unwrap_or(""));
            // Older files list their initialisers as inputs too, some even values that nodes compute or nobody reads.
            if self.graph.value(id).constant.is_none() && !computed.contains(&id) && read.contains(&id) {
                self.declare(id, input)?;
                self.graph.push_input(id);
            }
        }
        let mut outputs = Vec::new();
        for output in &proto.output {
            let name = output.name.as_deref().unwrap_or("");
            let id = self.ids.get(name).copied();
            let id = id.ok_or_else(|| NetworkError::Malformed(format!("no node computes output {name:?}")))?;
            self.declare(id, output)?;
            outputs.push(id);
        }
        self.graph.set_nodes(nodes);
        self.graph.set_outputs(outputs);
        Ok(self.graph)
    }

    /// Turns the nodes of `Constant` into constants, so that nothing need look for both.
    fn without_constants(&mut self, nodes: Vec<Node>) -> Result<Vec<Node>, NetworkError> {
        let mut kept = Vec::with_capacity(nodes.len());
        for node in nodes {
            if node.operator.name() != "Constant" || !node.operator.domain().is_empty() {
                kept.push(node);
                continue;
            }
            // One that is not supported stays, and refuses when it is needed.
            match (node.outputs.as_slice(), node.operator.run(Arguments(&[]), &Pool::default())) {
                (&[Some(id)], Ok(values)) => {
                    if self.graph.value(id).constant.is_some() {
                        let name = &self.graph.value(id).name;
                        return Err(NetworkError::Malformed(format!("the constant {name:?} is there twice")));
                    }
                    values.into_iter().for_each(|value| self.set_constant(id, value));
                }
                _ => kept.push(node),
            }
        }
        Ok(kept)
    }

    fn node(&mut self, proto: &NodeProto) -> Result<Node, NetworkError> {
        let standard = matches!(proto.domain.as_deref(), None | Some("" | "ai.onnx"));
        let Some(upgraded) = upgrade(proto, self.opset).filter(|_| standard) else {
            return self.node_of_opset(proto, self.opset);
        };
        for (name, value) in upgraded.constants {
            let id = self.id(&name);
            self.set_constant(id, value);
        }
        self.node_of_opset(&upgraded.node, WRITTEN_OPSET)
    }

    fn node_of_opset(&mut self, proto: &NodeProto, opset: i64) -> Result<Node, NetworkError> {
        let operator = proto.op_type.as_deref().unwrap_or("");
        let first_output = proto.output.iter().find(|name| !name.is_empty()).map_or("", String::as_str);
        let name = match proto.name.as_deref() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => format!("{operator}:{first_output}"),
        };
        let mut seen = HashSet::new();
        for output in proto.output.iter().filter(|name| !name.is_empty()) {
            if !seen.insert(output) {
                return Err(NetworkError::Malformed(format!("node {name:?} names the output {output:?} twice")));
            }
        }
        let reader = NodeReader::new(proto, opset);
        let operator = operators::read(proto.domain.as_deref().unwrap_or(""), &reader);
        let inputs = proto.input.iter().map(|name| self.optional_id(name)).collect();
        let outputs = proto.output.iter().map(|name| self.optional_id(name)).collect();
        Ok(Node { name, operator, inputs, outputs })
    }

    fn optional_id(&mut self, name: &str) -> Option<ValueId> {
        (!name.is_empty()).then(|| self.id(name))
    }

    fn id(&mut self, name: &str) -> ValueId {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let id = self.graph.add_value(ValueInfo { name: name.to_owned(), ..ValueInfo::default() });
        self.ids.insert(name.to_owned(), id);
        id
    }

    fn declare(&mut self, id: ValueId, proto: &ValueInfoProto) -> Result<(), NetworkError> {
        let element = proto.kind.as_ref().and_then(|kind| kind.tensor_type.as_ref()).and_then(|kind| kind.elem_type);
        let info = self.graph.value_mut(id);
        info.declared = dimensions(proto)?;
        // A type that is not supported is no error before a run needs it.
        info.declared_dtype = element.and_then(|code| data_type_from_proto(code).ok());
        Ok(())
    }

    fn set_constant(&mut self, id: ValueId, value: Value) {
        let info = self.graph.value_mut(id);
        info.kind = Some(value.tensor_type());
        info.constant = Some(Arc::new(value));
    }
}

fn dimensions(input: &ValueInfoProto) -> Result<Option<Vec<Dimension>>, NetworkError> {
    let Some(shape) = input.kind.as_ref().and_then(|kind| kind.tensor_type.as_ref()).and_then(|t| t.shape.as_ref())
    else {
        return Ok(None);
    };
    let dims = shape.dim.iter().map(|dim| match (dim.dim_value, &dim.dim_param) {
        // Exporters write 0 or -1 for "any".
        (Some(0 | -1), _) | (None, None) => Ok(Dimension::Free(String::new())),
        (Some(value), _) => usize::try_from(value).map(Dimension::Fixed).map_err(|_| {
            NetworkError::Malformed(format!(
                "input {:?} has a dimension of {value}",
                input.name.as_deref().unwrap_or("")
            ))
        }),
        (None, Some(name)) => Ok(Dimension::Free(name.clone())),
    });
    dims.collect::<Result<Vec<_>, _>>().map(Some)
}

/// Sorts nodes topologically, keeping the file's order where it is one (Kahn 1962).
fn sort(nodes: Vec<Node>, graph: &Graph) -> Result<Vec<Node>, NetworkError> {
    let mut producer: HashMap<ValueId, usize> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for &id in node.outputs.iter().flatten() {
            let name = &graph.value(id).name;
            if graph.value(id).constant.is_some() {
                return Err(NetworkError::Malformed(format!("{name:?} is both a constant and computed")));
            }
            if producer.insert(id, index).is_some() {
                return Err(NetworkError::Malformed(format!("{name:?} is computed by two nodes")));
            }
        }
    }
    let mut waiting = vec![0usize; nodes.len()];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for source in node.inputs.iter().flatten().filter_map(|id| producer.get(id)) {
            waiting[index] += 1;
            readers[*source].push(index);
        }
    }
    let mut ready: std::collections::BTreeSet<usize> = (0..nodes.len()).filter(|&index| waiting[index] == 0).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(index) = ready.pop_first() {
        order.push(index);
        for &reader in &readers[index] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.insert(reader);
            }
        }
    }
    if let Some(stuck) = (0..nodes.len()).find(|&index| waiting[index] > 0) {
        return Err(NetworkError::Cycle { node: nodes[stuck].name.clone() });
    }
    let mut slots: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|index| slots[index].take()).collect())
}

#[cfg(test)]
mod tests {
    use eyebar_tensor::Tensor;
    use prost::Message;

    use super::super::proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto};
    use super::super::tensor::value_to_proto;
    use super::super::{Attribute, AttributeValue};
    use crate::error::NetworkError;
    use crate::graph::{Dimension, Graph};
    use crate::quantise::WeightQuantisation;
    use crate::value::{DataType, Value};

    fn node(operator: &str, input: &[&str], output: &str, value: Option<Value>) -> NodeProto {
        let attribute = |value| Attribute { name: "value", value: AttributeValue::Tensor(value) }.to_proto();
        NodeProto {
            op_type: Some(operator.to_owned()),
            input: input.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: value.into_iter().map(attribute).collect(),
            ..NodeProto::default()
        }
    }

    fn read(nodes: Vec<NodeProto>, weights: Option<&Value>) -> Result<Graph, NetworkError> {
        let named = |name: &str| ValueInfoProto { name: Some(name.to_owned()), kind: None };
        let graph = GraphProto {
            node: nodes,
            initializer: weights.map(|value| value_to_proto("w", value)).into_iter().collect(),
            input: vec![named("x")],
            output: vec![named("y")],
            ..GraphProto::default()
        };
        let opset_import = vec![OperatorSetIdProto { domain: None, version: Some(21) }];
        let model = ModelProto { graph: Some(graph), opset_import, ..ModelProto::default() };
        super::read(model.encode_to_vec().into()).map(|model| model.graph)
    }

    fn weights() -> Value {
        Tensor::from_fn(&[8, 8], |index| (index % 11) as f32 - 5.0).into()
    }

    #[test]
    fn constants_of_nodes_are_quantised_like_initialisers() {
        let options = WeightQuantisation { smallest: 1, ..WeightQuantisation::default() };
        let product = node("MatMul", &["x", "w"], "y", None);
        let by_node = read(vec![node("Constant", &[], "w", Some(weights())), product.clone()], None).unwrap();
        assert_eq!(by_node.nodes().len(), 1);
        let as_initialiser = read(vec![product], Some(&weights())).unwrap();
        let (_, report) = by_node.quantise_weights(options).unwrap();
        assert_eq!((report.tensors, report.weights), (1, 64));
        assert_eq!(report, as_initialiser.quantise_weights(options).unwrap().1);
    }

    #[test]
    fn weights_that_are_no_numbers_are_not_quantised() {
        let options = WeightQuantisation { smallest: 1, ..WeightQuantisation::default() };
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut weights = Tensor::full(&[8, 8], 0.5f32);
            weights.data_mut()[9] = bad;
            let graph = read(vec![node("MatMul", &["x", "w"], "y", None)], Some(&weights.into())).unwrap();
            let error = graph.quantise_weights(options).unwrap_err().to_string();
            assert!(error.contains("\"w\"") && error.contains("element 9") && error.contains("hint:"), "{error}");
        }
    }

    /// As a file declares it that states the shape of its input, but not that of its output.
    #[test]
    fn written_outputs_have_shapes_also_where_the_file_had_none() {
        for (batch, side) in [(Dimension::Fixed(1), Dimension::Fixed(8)), (free(), free())] {
            let mut graph = read(vec![node("MatMul", &["w", "x"], "y", None)], Some(&weights())).unwrap();
            let input = graph.inputs()[0];
            graph.value_mut(input).declared = Some(vec![batch.clone(), Dimension::Fixed(8), side.clone()]);
            graph.value_mut(input).declared_dtype = Some(DataType::F32);
            let again = super::read(super::super::write(&graph, "m", &[]).into()).unwrap().graph;
            let output = again.value(again.outputs()[0]);
            assert_eq!(output.declared, Some(vec![batch, Dimension::Fixed(8), side]));
            assert_eq!(output.declared_dtype, Some(DataType::F32));
        }
        let unknown = read(vec![node("MatMul", &["x", "w"], "y", None)], Some(&weights())).unwrap();
        let again = super::read(super::super::write(&unknown, "m", &[]).into()).unwrap().graph;
        assert_eq!(again.value(again.outputs()[0]).declared, None, "nothing is known of the input either");
    }

    fn free() -> Dimension {
        Dimension::Free(String::new())
    }

    #[test]
    fn a_constant_that_is_there_twice_is_refused() {
        let constant = node("Constant", &[], "w", Some(weights()));
        let product = node("MatMul", &["x", "w"], "y", None);
        assert!(read(vec![constant.clone(), constant.clone(), product.clone()], None).is_err());
        assert!(read(vec![constant, product], Some(&weights())).is_err());
    }

    #[test]
    fn errors_of_broken_files_say_what_to_do() {
        let cycle = [node("Relu", &["z"], "y", None), node("Relu", &["y"], "z", None)];
        let twice = [node("Relu", &["x"], "y", None), node("Neg", &["x"], "y", None)];
        let nowhere = [node("Relu", &["x"], "z", None)];
        for nodes in [cycle.to_vec(), twice.to_vec(), nowhere.to_vec()] {
            let error = read(nodes, None).unwrap_err().to_string();
            assert_eq!(error.matches("hint:").count(), 1, "{error}");
        }
    }
}
