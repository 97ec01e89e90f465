//! ONNX file → [`Graph`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::attribute::NodeReader;
use super::proto::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use super::tensor::{data_type_from_proto, value_from_proto};
use super::upgrade::upgrade;
use super::write::WRITTEN_OPSET;
use crate::error::NetworkError;
use crate::graph::{Dimension, Graph, Node, ValueId, ValueInfo};
use crate::operators;
use crate::value::Value;

/// Oldest operator set that is read.
const OLDEST_OPSET: i64 = 7;

/// Largest file that is read: protobuf itself ends at 2 GiB.
const MAX_FILE_BYTES: u64 = 1 << 31;

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
/// When the file cannot be read, or as [`read`].
pub fn read_file(path: &Path) -> Result<OnnxModel, NetworkError> {
    read_beside(read_bytes(path)?.into(), path)
}

/// The bytes of a model file, which must be a regular file of at most 2 GiB.
///
/// # Errors
/// When it cannot be read.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, NetworkError> {
    let io = |source| NetworkError::Io { path: path.display().to_string(), source };
    let about = std::fs::metadata(path).map_err(io)?;
    if about.is_dir() {
        return Err(io(std::io::ErrorKind::IsADirectory.into()));
    }
    if !about.is_file() {
        return Err(NetworkError::NotOnnx("it is no regular file".to_owned()));
    }
    if about.len() > MAX_FILE_BYTES {
        return Err(NetworkError::NotOnnx(format!("{} bytes are more than protobuf allows", about.len())));
    }
    std::fs::read(path).map_err(io)
}

/// Reads the bytes of the model file at `path`, beside which its external data lies.
///
/// # Errors
/// As [`read`].
pub fn read_beside(bytes: Bytes, path: &Path) -> Result<OnnxModel, NetworkError> {
    let folder = path.parent().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
    read_with_folder(bytes, folder)
}

/// Reads a model from memory.
///
/// An operator that is not supported is no error here: only a run that needs it fails, so that the part below a target
/// layer can be used all the same.
///
/// # Errors
/// When the bytes are not an ONNX model, or the model breaks ONNX's rules.
pub fn read(bytes: Bytes) -> Result<OnnxModel, NetworkError> {
    read_with_folder(bytes, None)
}

fn read_with_folder(bytes: Bytes, folder: Option<&Path>) -> Result<OnnxModel, NetworkError> {
    let model = ModelProto::decode(bytes).map_err(|error| NetworkError::NotOnnx(error.to_string()))?;
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
    let graph = GraphReader::new(opset, folder).read(&proto)?;
    Ok(OnnxModel { graph, opset, producer: producer.trim().to_owned(), metadata })
}

struct GraphReader<'a> {
    opset: i64,
    folder: Option<&'a Path>,
    graph: Graph,
    ids: HashMap<String, ValueId>,
}

impl<'a> GraphReader<'a> {
    fn new(opset: i64, folder: Option<&'a Path>) -> Self {
        Self { opset, folder, graph: Graph::new(), ids: HashMap::new() }
    }

    fn read(mut self, proto: &GraphProto) -> Result<Graph, NetworkError> {
        for tensor in &proto.initializer {
            let name = tensor.name.clone().unwrap_or_default();
            let value = value_from_proto(tensor, self.folder)?;
            let id = self.id(&name);
            self.set_constant(id, value);
        }
        let nodes = proto.node.iter().map(|node| self.node(node)).collect::<Result<Vec<_>, _>>()?;
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
