//! Makes an input of a serialised model constant.

/// Field numbers of `onnx.proto`.
const MODEL_GRAPH: u8 = 7;
const GRAPH_INITIALIZER: u8 = 5;
const TENSOR_NAME: u8 = 8;

/// Gives the graph of `model` one more initialiser, called `name`, with the serialised `tensor`.
///
/// Protobuf merges a message that appears twice: what is appended is added to the graph.
pub(super) fn append_initializer(model: &mut Vec<u8>, name: &str, tensor: &[u8]) {
    let mut named = tensor.to_vec();
    // The last of several names counts.
    append_field(&mut named, TENSOR_NAME, name.as_bytes());
    let mut graph = Vec::new();
    append_field(&mut graph, GRAPH_INITIALIZER, &named);
    append_field(model, MODEL_GRAPH, &graph);
}

/// A length-delimited field.
fn append_field(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = content.len();
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(content);
}
