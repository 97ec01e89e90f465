//! Reading and writing ONNX files.

mod attribute;
mod proto;
mod read;
mod tensor;
mod upgrade;
mod write;

pub use attribute::{Attribute, AttributeValue, NodeReader};
pub use read::{OnnxModel, read, read_beside, read_bytes, read_file};
pub use tensor::read_tensor;
pub use write::{WRITTEN_OPSET, write};
