//! Attributes of a node, as read and as written.

use super::external::ExternalData;
use super::proto::{AttributeProto, NodeProto, attribute_type};
use super::tensor::{data_type_from_proto, data_type_to_proto, value_from_proto, value_to_proto};
use crate::error::OperatorError;
use crate::value::{DataType, Value};

/// An attribute to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// ONNX's name.
    pub name: &'static str,
    /// Its value.
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f32),
    /// A string.
    String(String),
    /// A list of integers.
    Ints(Vec<i64>),
    /// A list of floats.
    Floats(Vec<f32>),
    /// A tensor.
    Tensor(Value),
}

impl Attribute {
    /// An integer attribute.
    pub fn int(name: &'static str, value: i64) -> Self {
        Self { name, value: AttributeValue::Int(value) }
    }

    /// A float attribute.
    pub fn float(name: &'static str, value: f32) -> Self {
        Self { name, value: AttributeValue::Float(value) }
    }

    /// A string attribute.
    pub fn string(name: &'static str, value: &str) -> Self {
        Self { name, value: AttributeValue::String(value.to_owned()) }
    }

    /// An attribute that lists integers.
    pub fn ints<T: Copy + TryInto<i64>>(name: &'static str, values: &[T]) -> Self {
        let values = values.iter().map(|&v| v.try_into().unwrap_or(i64::MAX)).collect();
        Self { name, value: AttributeValue::Ints(values) }
    }

    /// An attribute that names an element type.
    pub fn data_type(name: &'static str, value: DataType) -> Self {
        Self::int(name, data_type_to_proto(value).into())
    }

    /// Whether it is an integer other than zero.
    pub fn is_true(&self) -> bool {
        matches!(self.value, AttributeValue::Int(value) if value != 0)
    }

    pub(super) fn to_proto(&self) -> AttributeProto {
        let mut proto = AttributeProto { name: Some(self.name.to_owned()), ..AttributeProto::default() };
        proto.kind = Some(match &self.value {
            AttributeValue::Int(v) => {
                proto.i = Some(*v);
                attribute_type::INT
            }
            AttributeValue::Float(v) => {
                proto.f = Some(*v);
                attribute_type::FLOAT
            }
            AttributeValue::String(v) => {
                proto.s = Some(v.clone().into_bytes().into());
                attribute_type::STRING
            }
            AttributeValue::Ints(v) => {
                proto.ints.clone_from(v);
                attribute_type::INTS
            }
            AttributeValue::Floats(v) => {
                proto.floats.clone_from(v);
                attribute_type::FLOATS
            }
            AttributeValue::Tensor(v) => {
                proto.t = Some(value_to_proto("", v));
                attribute_type::TENSOR
            }
        });
        proto
    }
}

/// A node as an operator's `read` sees it.
pub struct NodeReader<'a> {
    node: &'a NodeProto,
    opset: i64,
}

impl<'a> NodeReader<'a> {
    pub(super) fn new(node: &'a NodeProto, opset: i64) -> Self {
        Self { node, opset }
    }

    /// Version of the operator set the model was written for.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    /// Name of the operator.
    pub fn operator(&self) -> &'a str {
        self.node.op_type.as_deref().unwrap_or("")
    }

    /// Number of inputs, those left out included.
    pub fn input_count(&self) -> usize {
        self.node.input.len()
    }

    /// Number of outputs.
    pub fn output_count(&self) -> usize {
        self.node.output.len()
    }

    fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
    }

    /// Whether the attribute is given.
    pub fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    /// An integer.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name).and_then(|attribute| attribute.i)
    }

    /// An integer used as a truth value.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.int(name).map_or(default, |value| value != 0)
    }

    /// A float.
    pub fn float(&self, name: &str) -> Option<f32> {
        self.attribute(name).and_then(|attribute| attribute.f)
    }

    /// A string.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn string(&self, name: &str) -> Result<Option<&'a str>, OperatorError> {
        let Some(bytes) = self.attribute(name).and_then(|attribute| attribute.s.as_ref()) else { return Ok(None) };
        let text = std::str::from_utf8(bytes);
        text.map(Some).map_err(|_| OperatorError::Attribute(format!("{name} is not text")))
    }

    /// A list of integers.
    pub fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    /// A list of integers that must not be negative (sizes, strides, pads).
    ///
    /// # Errors
    /// When one is negative, or beyond 2³¹.
    pub fn sizes(&self, name: &str) -> Result<Option<Vec<usize>>, OperatorError> {
        let Some(values) = self.ints(name) else { return Ok(None) };
        let sizes = values.iter().map(|&v| usize::try_from(v).ok().filter(|&v| v <= 1 << 31));
        let sizes = sizes.collect::<Option<Vec<_>>>();
        sizes
            .map(Some)
            .ok_or_else(|| OperatorError::Attribute(format!("{name} {values:?} must not be negative or huge")))
    }

    /// A list of floats.
    pub fn floats(&self, name: &str) -> Option<&'a [f32]> {
        self.attribute(name).map(|attribute| attribute.floats.as_slice())
    }

    /// An element type, as it is held in memory.
    ///
    /// # Errors
    /// When the type is not supported.
    pub fn data_type(&self, name: &str) -> Result<Option<DataType>, OperatorError> {
        let Some(code) = self.int(name) else { return Ok(None) };
        let dtype = i32::try_from(code).ok().and_then(|code| data_type_from_proto(code).ok());
        dtype.map(Some).ok_or_else(|| OperatorError::Unsupported(format!("{name} of element type {code}")))
    }

    /// A tensor.
    ///
    /// # Errors
    /// When the tensor is malformed.
    pub fn tensor(&self, name: &str) -> Result<Option<Value>, OperatorError> {
        let Some(proto) = self.attribute(name).and_then(|attribute| attribute.t.as_ref()) else { return Ok(None) };
        let value = value_from_proto(proto.clone(), &mut ExternalData::none());
        value.map(Some).map_err(|error| OperatorError::Attribute(format!("{name}: {error}")))
    }
}
