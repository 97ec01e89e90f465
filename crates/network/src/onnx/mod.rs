//! Reading and writing ONNX files.

mod attribute;
mod external;
mod proto;
mod read;
mod stream;
mod tensor;
mod upgrade;
mod write;

pub use attribute::{Attribute, AttributeValue, NodeReader};
pub use read::{OnnxModel, read, read_file, read_file_watched};
pub use tensor::read_tensor;
pub use write::{WRITTEN_OPSET, write};

/// Calls `read` with a node that has these attributes.
#[cfg(test)]
pub(crate) fn with_ints<T>(
    operator: &str,
    attributes: &[(&'static str, &[i64])],
    read: impl FnOnce(&NodeReader<'_>) -> T,
) -> T {
    let attribute = attributes.iter().map(|(name, values)| Attribute::ints(name, values).to_proto()).collect();
    let node = proto::NodeProto { op_type: Some(operator.to_owned()), attribute, ..proto::NodeProto::default() };
    read(&NodeReader::new(&node, WRITTEN_OPSET))
}
