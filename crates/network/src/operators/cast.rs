//! `Cast`: another element type.

use eyebar_tensor::Tensor;
use eyebar_tensor::elementwise::map;

use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};
use crate::with_tensor;

/// The numbers of the input in another type: floats are cut towards zero and held within an integer's range (NaN
/// becomes 0), integers wrap, whatever is not zero is true.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cast {
    to: DataType,
}

impl Cast {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let to = node.data_type("to")?;
        Ok(Self { to: to.ok_or_else(|| OperatorError::Attribute("to is missing".to_owned()))? })
    }
}

/// A number that becomes any other by `as`.
trait Number: Copy + Sync {
    fn f32(self) -> f32;
    fn i64(self) -> i64;
    fn i32(self) -> i32;
    fn i8(self) -> i8;
    fn u8(self) -> u8;
    fn bool(self) -> bool;
}

macro_rules! number {
    ($($kind:ty: $value:ident => $number:expr, $truth:expr;)*) => {$(
        impl Number for $kind {
            fn f32(self) -> f32 { let $value = self; $number as f32 }
            fn i64(self) -> i64 { let $value = self; $number as i64 }
            fn i32(self) -> i32 { let $value = self; $number as i32 }
            fn i8(self) -> i8 { let $value = self; $number as i8 }
            fn u8(self) -> u8 { let $value = self; $number as u8 }
            fn bool(self) -> bool { let $value = self; $truth }
        }
    )*};
}

number! {
    f32: v => v, v != 0.0;
    i64: v => v, v != 0;
    i32: v => v, v != 0;
    i8: v => v, v != 0;
    u8: v => v, v != 0;
    bool: v => u8::from(v), v;
}

fn cast<T: Number, U: Clone + Default + Send>(input: &Tensor<T>, convert: impl Fn(T) -> U + Sync) -> Tensor<U> {
    let mut out = Tensor::zeros(input.shape());
    map(input.data(), out.data_mut(), convert);
    out
}

impl Operator for Cast {
    fn name(&self) -> &str {
        "Cast"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        Ok(vec![TensorType::new(self.to, inputs.require(0)?.shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let input = arguments.require(0)?;
        Ok(vec![with_tensor!(input, x => match self.to {
            DataType::F32 => {
                let mut out = pool.take(x.shape());
                map(x.data(), out.data_mut(), Number::f32);
                Value::F32(out)
            }
            DataType::I64 => Value::I64(cast(x, Number::i64)),
            DataType::I32 => Value::I32(cast(x, Number::i32)),
            DataType::I8 => Value::I8(cast(x, Number::i8)),
            DataType::U8 => Value::U8(cast(x, Number::u8)),
            DataType::Bool => Value::Bool(cast(x, Number::bool)),
        })])
    }

    /// From f32 to f32 the identity; a step function, from f32 to anything else, has gradient zero.
    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let input = graph.value(node.input(0)?).kind.as_ref().map(|kind| kind.dtype);
        let is_identity = self.to == DataType::F32 && input == Some(DataType::F32);
        Ok(vec![cotangents[0].filter(|_| is_identity && wanted[0])])
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::data_type("to", self.to)]
    }
}
