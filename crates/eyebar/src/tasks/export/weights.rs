//! Weights as safetensors.

use eyebar_network::{Graph, Value};
use safetensors::tensor::{Dtype, TensorView};

use crate::error::Error;

/// All constants of a graph, by the names of their tensors.
pub(super) fn write(graph: &Graph) -> Result<Vec<u8>, Error> {
    let constants = graph.value_ids().filter_map(|id| Some((graph.value(id).name.clone(), graph.constant_value(id)?)));
    let stored: Vec<_> = constants.map(|(name, value)| (name, bytes(value), value)).collect();
    let refuse = |error: safetensors::SafeTensorError| {
        Error::Usage(format!("the weights cannot be written as safetensors: {error}; hint: export ONNX"))
    };
    let views = stored.iter().map(|(name, (dtype, bytes), value)| {
        Ok((name.as_str(), TensorView::new(*dtype, value.shape().to_vec(), bytes).map_err(refuse)?))
    });
    safetensors::serialize(views.collect::<Result<Vec<_>, Error>>()?, None).map_err(refuse)
}

/// Elements as they lie in a file, little-endian.
fn bytes(value: &Value) -> (Dtype, Vec<u8>) {
    match value {
        Value::F32(t) => (Dtype::F32, t.data().iter().flat_map(|v| v.to_le_bytes()).collect()),
        Value::I64(t) => (Dtype::I64, t.data().iter().flat_map(|v| v.to_le_bytes()).collect()),
        Value::I32(t) => (Dtype::I32, t.data().iter().flat_map(|v| v.to_le_bytes()).collect()),
        Value::I8(t) => (Dtype::I8, t.data().iter().flat_map(|v| v.to_le_bytes()).collect()),
        Value::U8(t) => (Dtype::U8, t.data().to_vec()),
        Value::Bool(t) => (Dtype::BOOL, t.data().iter().map(|&v| u8::from(v)).collect()),
    }
}
