//! What the operators that move elements need of an element type.

use eyebar_tensor::Tensor;

use crate::pool::Pool;
use crate::value::Value;

/// An element type of [`Value`].
pub(super) trait Element: Copy + Default + Send + Sync {
    /// A tensor whose elements the caller writes, all of them.
    fn take(pool: &Pool, shape: &[usize]) -> Tensor<Self>;

    /// The tensor inside a value of this element type.
    fn of(value: &Value) -> Option<&Tensor<Self>>;
}

impl Element for f32 {
    fn take(pool: &Pool, shape: &[usize]) -> Tensor {
        pool.take(shape)
    }

    fn of(value: &Value) -> Option<&Tensor> {
        value.as_f32()
    }
}

macro_rules! without_pool {
    ($($kind:ty => $variant:ident),*) => {$(
        impl Element for $kind {
            fn take(_pool: &Pool, shape: &[usize]) -> Tensor<Self> {
                Tensor::zeros(shape)
            }

            fn of(value: &Value) -> Option<&Tensor<Self>> {
                match value {
                    Value::$variant(tensor) => Some(tensor),
                    _ => None,
                }
            }
        }
    )*};
}

without_pool!(i64 => I64, i32 => I32, i8 => I8, u8 => U8, bool => Bool);
