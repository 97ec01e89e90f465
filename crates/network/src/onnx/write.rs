//! [`Graph`] → ONNX file.

use std::collections::HashSet;

use prost::Message;

use super::attribute::Attribute;
use super::proto::{
    DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};
use super::tensor::{data_type_to_proto, value_to_proto};
use crate::graph::{Dimension, Graph, ValueId};
use crate::value::DataType;

/// The operator set that [`write()`] declares: the first with blocked `DequantizeLinear`.
pub const WRITTEN_OPSET: i64 = 21;

/// IR version that goes with [`WRITTEN_OPSET`].
const IR_VERSION: i64 = 10;

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
    let nodes = graph.nodes().iter().map(|node| NodeProto {
        input: names(&node.inputs),
        output: names(&node.outputs),
        name: Some(node.name.clone()),
        op_type: Some(node.operator.name().to_owned()),
        attribute: node.operator.attributes().iter().map(Attribute::to_proto).collect(),
        domain: Some(node.operator.domain().to_owned()).filter(|domain| !domain.is_empty()),
    });
    let mut initializers = Vec::new();
    for id in graph.value_ids().filter(|id| read.contains(id)) {
        if let Some(value) = graph.constant_value(id) {
            initializers.push(value_to_proto(&graph.value(id).name, value));
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
            node: nodes.collect(),
            name: Some(name.to_owned()),
            initializer: initializers,
            input: graph.inputs().iter().map(|&id| value_info(graph, id)).collect(),
            output: graph.outputs().iter().map(|&id| value_info(graph, id)).collect(),
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

fn value_info(graph: &Graph, id: ValueId) -> ValueInfoProto {
    let info = graph.value(id);
    let fixed = |n: usize| DimensionProto { dim_value: Some(n as i64), dim_param: None };
    let dims = match (&info.declared, &info.kind) {
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
    let dtype = info.kind.as_ref().map(|kind| kind.dtype).or(info.declared_dtype).unwrap_or(DataType::F32);
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
