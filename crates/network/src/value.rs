//! Values that flow along the edges of a graph: tensors of a few element types.

use eyebar_tensor::{ShapeError, Tensor, element_count};

/// Element type of a [`Value`].
///
/// Half and double precision are widened or narrowed to [`DataType::F32`] when a file is read; the integer types that
/// are not listed become [`DataType::I64`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// 32-bit float: all activations and weights.
    F32,
    /// 64-bit integer: shapes, indices.
    I64,
    /// 32-bit integer: biases of quantised layers, indices.
    I32,
    /// 8-bit signed integer: quantised weights.
    I8,
    /// 8-bit unsigned integer: quantised activations.
    U8,
    /// Truth value.
    Bool,
}

impl DataType {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::Bool => "bool",
        })
    }
}

/// Element type and shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorType {
    /// Element type.
    pub dtype: DataType,
    /// Dimensions.
    pub shape: Vec<usize>,
}

impl TensorType {
    /// A type whose element count is within limits.
    ///
    /// # Errors
    /// When the shape is too large.
    pub fn new(dtype: DataType, shape: Vec<usize>) -> Result<Self, ShapeError> {
        element_count(&shape)?;
        Ok(Self { dtype, shape })
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().fold(1, |count, &dim| count.saturating_mul(dim))
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for TensorType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{:?}", self.dtype, self.shape)
    }
}

/// A tensor of any supported element type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// See [`DataType::F32`].
    F32(Tensor<f32>),
    /// See [`DataType::I64`].
    I64(Tensor<i64>),
    /// See [`DataType::I32`].
    I32(Tensor<i32>),
    /// See [`DataType::I8`].
    I8(Tensor<i8>),
    /// See [`DataType::U8`].
    U8(Tensor<u8>),
    /// See [`DataType::Bool`].
    Bool(Tensor<bool>),
}

/// Runs `$body` with `$tensor` bound to the typed tensor inside `$value`, whatever its element type.
#[macro_export]
macro_rules! with_tensor {
    ($value:expr, $tensor:ident => $body:expr) => {
        match $value {
            $crate::Value::F32($tensor) => $body,
            $crate::Value::I64($tensor) => $body,
            $crate::Value::I32($tensor) => $body,
            $crate::Value::I8($tensor) => $body,
            $crate::Value::U8($tensor) => $body,
            $crate::Value::Bool($tensor) => $body,
        }
    };
}

/// As [`with_tensor!`], wrapping the tensor that `$body` makes in the same variant of [`Value`].
#[macro_export]
macro_rules! map_tensor {
    ($value:expr, $tensor:ident => $body:expr) => {
        match $value {
            $crate::Value::F32($tensor) => $crate::Value::F32($body),
            $crate::Value::I64($tensor) => $crate::Value::I64($body),
            $crate::Value::I32($tensor) => $crate::Value::I32($body),
            $crate::Value::I8($tensor) => $crate::Value::I8($body),
            $crate::Value::U8($tensor) => $crate::Value::U8($body),
            $crate::Value::Bool($tensor) => $crate::Value::Bool($body),
        }
    };
}

impl Value {
    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        with_tensor!(self, t => t.shape())
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        with_tensor!(self, t => t.len())
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element type.
    pub fn dtype(&self) -> DataType {
        match self {
            Self::F32(_) => DataType::F32,
            Self::I64(_) => DataType::I64,
            Self::I32(_) => DataType::I32,
            Self::I8(_) => DataType::I8,
            Self::U8(_) => DataType::U8,
            Self::Bool(_) => DataType::Bool,
        }
    }

    /// Element type and shape.
    pub fn tensor_type(&self) -> TensorType {
        TensorType { dtype: self.dtype(), shape: self.shape().to_vec() }
    }

    /// The f32 tensor, if it is one.
    pub fn as_f32(&self) -> Option<&Tensor<f32>> {
        match self {
            Self::F32(t) => Some(t),
            _ => None,
        }
    }

    /// The f32 tensor, if it is one.
    pub fn into_f32(self) -> Option<Tensor<f32>> {
        match self {
            Self::F32(t) => Some(t),
            _ => None,
        }
    }

    /// The elements as i64 (shapes, axes, indices), if they are integers.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        match self {
            Self::I64(t) => Some(t.data().to_vec()),
            Self::I32(t) => Some(t.data().iter().map(|&v| v.into()).collect()),
            Self::I8(t) => Some(t.data().iter().map(|&v| v.into()).collect()),
            Self::U8(t) => Some(t.data().iter().map(|&v| v.into()).collect()),
            Self::F32(_) | Self::Bool(_) => None,
        }
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    /// When `shape` does not hold as many elements.
    pub fn reshape(self, shape: &[usize]) -> Result<Self, ShapeError> {
        Ok(map_tensor!(self, t => t.reshape(shape)?))
    }
}

impl From<Tensor<f32>> for Value {
    fn from(tensor: Tensor<f32>) -> Self {
        Self::F32(tensor)
    }
}

impl From<Tensor<i64>> for Value {
    fn from(tensor: Tensor<i64>) -> Self {
        Self::I64(tensor)
    }
}
