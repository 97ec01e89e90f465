//! [`Graph`] → ONNX file.

use std::collections::{HashMap, HashSet};

use prost::Message;

use super::attribute::Attribute;
use super::proto::{
    DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use super::tensor::{data_type_to_proto, half_to_proto, value_to_proto};
use crate::graph::{Dimension, Graph, ValueId};
use crate::value::{DataType, TensorType, Value};

/// The operator set that [`write()`] declares: the first with blocked `DequantizeLinear`.
pub const WRITTEN_OPSET: i64 = 21;

/// IR version that goes with [`WRITTEN_OPSET`].
const IR_VERSION: i64 = 10;

/// Types by value, with dimensions that may be free.
type Inferred = HashMap<ValueId, (DataType, Vec<Dimension>)>;

/// Serialises a graph as an ONNX model with the given metadata properties.
///
/// Operators are written as [`WRITTEN_OPSET`] defines them, so a graph read from an older file comes out newer.
pub fn write(graph: &Graph, name: &str, metadata: &[(&str, &str)]) -> Vec<u8> {
    let read: HashSet<ValueId> = graph
        .nodes()
        .iter()
        .flat_map(|node| node.inputs.iter().flatten().copied())
        .chain(graph.outputs().iter().copied())
        .collect();
    let names = |ids: &[Option<ValueId>]| {
        ids.iter().map(|id| id.map_or_else(String::new, |id| graph.value(id).name.clone())).collect::<Vec<_>>()
    };
    let widened = graph.value_ids().filter(|id| read.contains(id) && graph.value(*id).half);
    let widened = widened.map(|id| widening(&graph.value(id).name));
    let nodes = graph.nodes().iter().map(|node| NodeProto {
        input: names(&node.inputs),
        output: names(&node.outputs),
        name: Some(node.name.clone()),
        op_type: Some(node.operator.name().to_owned()),
        attribute: node.operator.attributes().iter().map(Attribute::to_proto).collect(),
        domain: Some(node.operator.domain().to_owned()).filter(|domain| !domain.is_empty()),
    });
    let inferred = inferred_outputs(graph);
    let mut initializers = Vec::new();
    for id in graph.value_ids().filter(|id| read.contains(id)) {
        if let Some(value) = graph.constant_value(id) {
            let info = graph.value(id);
            initializers.push(match value {
                Value::F32(tensor) if info.half => half_to_proto(&half_name(&info.name), tensor),
                _ => value_to_proto(&info.name, value),
            });
        }
    }
    let mut domains: Vec<&str> = graph.nodes().iter().map(|node| node.operator.domain()).collect();
    domains.retain(|domain| !domain.is_empty());
    domains.sort_unstable();
    domains.dedup();
    let mut opset_import = vec![OperatorSetIdProto { domain: None, version: Some(WRITTEN_OPSET) }];
    opset_import.extend(
        domains.iter().map(|domain| OperatorSetIdProto { domain: Some((*domain).to_owned()), version: Some(1) }),
    );
    let model = ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("eyebar".to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        graph: Some(GraphProto {
            node: widened.chain(nodes).collect(),
            name: Some(name.to_owned()),
            initializer: initializers,
            input: graph.inputs().iter().map(|&id| value_info(graph, id, &inferred)).collect(),
            output: graph.outputs().iter().map(|&id| value_info(graph, id, &inferred)).collect(),
        }),
        opset_import,
        metadata_props: metadata
            .iter()
            .map(|(key, value)| StringStringEntryProto {
                key: Some((*key).to_owned()),
                value: Some((*value).to_owned()),
            })
            .collect(),
    };
    model.encode_to_vec()
}

/// What the f16 form of a constant is called.
fn half_name(name: &str) -> String {
    format!("{name}_half")
}

/// The node that makes f32 of a constant's f16 form.
fn widening(name: &str) -> NodeProto {
    NodeProto {
        input: vec![half_name(name)],
        output: vec![name.to_owned()],
        name: Some(format!("{name}_widen")),
        op_type: Some("Cast".to_owned()),
        attribute: vec![Attribute::int("to", data_type::FLOAT.into()).to_proto()],
        domain: None,
    }
}

/// The types of outputs whose shape neither the file nor the graph knows, where the inputs declare theirs. A dimension that
/// is not the same for two sizes of the inputs' free ones is free.
fn inferred_outputs(graph: &Graph) -> Inferred {
    let unknown = |id: &&ValueId| graph.value(**id).declared.is_none() && graph.value(**id).kind.is_none();
    let outputs: Vec<_> = graph.outputs().iter().filter(unknown).copied().collect();
    if outputs.is_empty() {
        return HashMap::new();
    }
    // The first axis is the batch; the others suit networks that halve the size up to six times.
    let (Some(small), Some(large)) = (trial(graph, &outputs, 2, 192), trial(graph, &outputs, 3, 320)) else {
        return HashMap::new();
    };
    let agree = |(&small, &large): (&usize, &usize)| {
        if small == large { Dimension::Fixed(small) } else { Dimension::Free(String::new()) }
    };
    let both = outputs.iter().zip(small.into_iter().zip(large));
    let alike = both.filter(|(_, (small, large))| small.shape.len() == large.shape.len());
    alike
        .map(|(&id, (small, large))| (id, (small.dtype, small.shape.iter().zip(&large.shape).map(agree).collect())))
        .collect()
}

/// The types of `outputs` where the free dimensions of the inputs have these sizes.
fn trial(graph: &Graph, outputs: &[ValueId], batch: usize, side: usize) -> Option<Vec<TensorType>> {
    let given = graph.inputs().iter().map(|&id| {
        let info = graph.value(id);
        let size = |(axis, dim): (usize, &Dimension)| match dim {
            Dimension::Fixed(size) => *size,
            Dimension::Free(_) if axis == 0 => batch,
            Dimension::Free(_) => side,
        };
        let shape = info.declared.as_ref()?.iter().enumerate().map(size).collect();
        Some((id, TensorType { dtype: info.declared_dtype?, shape }))
    });
    let graph = graph.specialise(&given.collect::<Option<Vec<_>>>()?, outputs).ok()?;
    outputs.iter().map(|&id| graph.value(id).kind.clone()).collect()
}

fn value_info(graph: &Graph, id: ValueId, inferred: &Inferred) -> ValueInfoProto {
    let inferred = inferred.get(&id);
    let info = graph.value(id);
    let fixed = |n: usize| DimensionProto { dim_value: Some(n as i64), dim_param: None };
    let dims = match (info.declared.as_ref().or(inferred.map(|(_, dims)| dims)), &info.kind) {
        (Some(declared), _) => Some(
            declared
                .iter()
                .map(|d| match d {
                    Dimension::Fixed(n) => fixed(*n),
                    Dimension::Free(name) => {
                        DimensionProto { dim_value: None, dim_param: Some(name.clone()).filter(|n| !n.is_empty()) }
                    }
                })
                .collect(),
        ),
        (None, Some(kind)) => Some(kind.shape.iter().map(|&n| fixed(n)).collect()),
        (None, None) => None,
    };
    let dtype = info.kind.as_ref().map(|kind| kind.dtype).or(info.declared_dtype);
    let dtype = dtype.or(inferred.map(|(dtype, _)| *dtype)).unwrap_or(DataType::F32);
    ValueInfoProto {
        name: Some(info.name.clone()),
        kind: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: Some(data_type_to_proto(dtype)),
                shape: dims.map(|dim| TensorShapeProto { dim }),
            }),
        }),
    }
}
