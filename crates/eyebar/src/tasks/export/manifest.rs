//! What is written beside an exported model, so that it can be used without a look into this program.

use eyebar_imaging::input::Colour;
use eyebar_imaging::{InputSpec, Layout};
use eyebar_network::onnx::AttributeValue;
use eyebar_network::{Dimension, Graph, Value, ValueId};
use serde::Serialize;
use serde_json::{Value as Json, json};

/// An exported model.
#[derive(Debug, Clone, Serialize)]
pub struct Manifest {
    /// The file.
    pub file: String,
    /// Its hash.
    pub sha256: String,
    /// The model that it was made of.
    pub model: String,
    /// Hash of that model's file.
    pub model_sha256: String,
    /// The licence, where the model is a bundled one.
    pub licence: Option<String>,
    /// Whom to name.
    pub attribution: Option<String>,
    /// The input with the picture.
    pub input: Input,
    /// Other inputs.
    pub references: Vec<Output>,
    /// The outputs.
    pub outputs: Vec<Output>,
    /// Names of the classes, in the order of the scores.
    pub labels: Vec<String>,
    /// The explanation inside.
    pub explanation: Option<Explained>,
    /// The program.
    pub exported_by: &'static str,
    /// What the weights of safetensors are weights of: the nodes, in the order in which they are computed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeEntry>,
}

/// How a picture is fed.
#[derive(Debug, Clone, Serialize)]
pub struct Input {
    /// Name of the input.
    pub name: String,
    /// Its dimensions; one that is free is named.
    pub shape: Vec<String>,
    /// `NCHW` or `NHWC`.
    pub layout: &'static str,
    /// `RGB`, `BGR` or `grey`.
    pub colour: &'static str,
    /// Subtracted from values of 0 to 255, for each channel.
    pub mean: Vec<f32>,
    /// What the difference is multiplied by, for each channel.
    pub scale: Vec<f32>,
}

/// An output, or an input that is no picture.
#[derive(Debug, Clone, Serialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its dimensions, where they are known.
    pub shape: Vec<String>,
    /// What it is.
    pub what: &'static str,
}

/// How the heat map comes about.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// The method.
    pub method: &'static str,
    /// The layer.
    pub layer: String,
    /// What is explained.
    pub target: String,
    /// Where the method is described.
    pub source: &'static str,
}

/// A node of a graph.
#[derive(Debug, Clone, Serialize)]
pub struct NodeEntry {
    name: String,
    operator: String,
    attributes: serde_json::Map<String, Json>,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

impl Input {
    pub(super) fn of(graph: &Graph, id: ValueId, spec: &InputSpec) -> Self {
        let channels = spec.colour.channels();
        Self {
            name: graph.value(id).name.clone(),
            shape: shape(graph, id),
            layout: match spec.layout {
                Layout::Nchw => "NCHW",
                Layout::Nhwc => "NHWC",
            },
            colour: match spec.colour {
                Colour::Rgb => "RGB",
                Colour::Bgr => "BGR",
                Colour::Grey => "grey",
            },
            mean: spec.mean[..channels].to_vec(),
            scale: spec.scale[..channels].to_vec(),
        }
    }
}

impl Output {
    pub(super) fn of(graph: &Graph, id: ValueId, what: &'static str) -> Self {
        Self { name: graph.value(id).name.clone(), shape: shape(graph, id), what }
    }
}

/// The dimensions that are declared, or known.
fn shape(graph: &Graph, id: ValueId) -> Vec<String> {
    let info = graph.value(id);
    let written = |dim: &Dimension| match dim {
        Dimension::Fixed(size) => size.to_string(),
        Dimension::Free(name) if name.is_empty() => "?".to_owned(),
        Dimension::Free(name) => name.clone(),
    };
    match (&info.declared, &info.kind) {
        (Some(declared), _) => declared.iter().map(written).collect(),
        (None, Some(kind)) => kind.shape.iter().map(ToString::to_string).collect(),
        (None, None) => Vec::new(),
    }
}

/// All nodes of a graph.
pub(super) fn nodes(graph: &Graph) -> Vec<NodeEntry> {
    let names = |ids: &[Option<ValueId>]| {
        ids.iter().map(|id| id.map_or_else(String::new, |id| graph.value(id).name.clone())).collect()
    };
    let entry = |node: &eyebar_network::Node| NodeEntry {
        name: node.name.clone(),
        operator: node.operator.name().to_owned(),
        attributes: node.operator.attributes().iter().map(|own| (own.name.to_owned(), attribute(&own.value))).collect(),
        inputs: names(&node.inputs),
        outputs: names(&node.outputs),
    };
    graph.nodes().iter().map(entry).collect()
}

fn attribute(value: &AttributeValue) -> Json {
    match value {
        AttributeValue::Int(value) => json!(value),
        AttributeValue::Float(value) => json!(value),
        AttributeValue::String(value) => json!(value),
        AttributeValue::Ints(values) => json!(values),
        AttributeValue::Floats(values) => json!(values),
        AttributeValue::Tensor(Value::F32(tensor)) => json!({"shape": tensor.shape(), "values": tensor.data()}),
        AttributeValue::Tensor(Value::I64(tensor)) => json!({"shape": tensor.shape(), "values": tensor.data()}),
        AttributeValue::Tensor(value) => json!({"shape": value.shape(), "type": value.dtype().to_string()}),
    }
}
