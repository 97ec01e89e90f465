//! Checked arithmetic on integers: the shape computations that exporters leave in a graph.

use std::sync::atomic::{AtomicBool, Ordering};

use eyebar_tensor::Tensor;
use eyebar_tensor::elementwise::broadcast;

use super::binary::Binary;
use super::broadcast::common_shape;
use crate::error::OperatorError;
use crate::value::Value;

/// out = a ∘ b.
///
/// # Errors
/// When a result overflows or a divisor is zero.
pub(super) fn run(operation: Binary, a: &Value, b: &Value) -> Result<Value, OperatorError> {
    macro_rules! checked {
        ($a:expr, $b:expr) => {
            match operation {
                Binary::Add => apply($a, $b, |a, b| a.checked_add(b)),
                Binary::Div => apply($a, $b, |a, b| a.checked_div(b)),
                Binary::Mul => apply($a, $b, |a, b| a.checked_mul(b)),
                Binary::Sub => apply($a, $b, |a, b| a.checked_sub(b)),
                Binary::Pow => Err(OperatorError::Unsupported("a power of integers".to_owned())),
            }
        };
    }
    match (a, b) {
        (Value::I64(a), Value::I64(b)) => checked!(a, b).map(Value::I64),
        (Value::I32(a), Value::I32(b)) => checked!(a, b).map(Value::I32),
        (a, b) => Err(OperatorError::Input(format!("types {} and {} do not go together", a.dtype(), b.dtype()))),
    }
}

/// The larger (or smaller) of a and b.
pub(super) fn extremum(largest: bool, a: &Value, b: &Value) -> Result<Value, OperatorError> {
    match (a, b) {
        (Value::I64(a), Value::I64(b)) => {
            apply(a, b, |a, b| Some(if largest { a.max(b) } else { a.min(b) })).map(Value::I64)
        }
        (Value::I32(a), Value::I32(b)) => {
            apply(a, b, |a, b| Some(if largest { a.max(b) } else { a.min(b) })).map(Value::I32)
        }
        (a, b) => Err(OperatorError::Input(format!("types {} and {} do not go together", a.dtype(), b.dtype()))),
    }
}

fn apply<T: Copy + Default + Send + Sync>(
    a: &Tensor<T>,
    b: &Tensor<T>,
    f: impl Fn(T, T) -> Option<T> + Sync,
) -> Result<Tensor<T>, OperatorError> {
    let shape = common_shape(&[a.shape(), b.shape()])?;
    let failed = AtomicBool::new(false);
    let mut out = Tensor::zeros(&shape);
    broadcast((a.data(), a.shape()), (b.data(), b.shape()), out.data_mut(), &shape, |a, b| {
        f(a, b).unwrap_or_else(|| {
            failed.store(true, Ordering::Relaxed);
            T::default()
        })
    });
    if failed.into_inner() {
        return Err(OperatorError::Input("values overflow or divide by zero".to_owned()));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use eyebar_tensor::Tensor;

    use super::{Binary, run};
    use crate::value::Value;

    fn both(operation: Binary, a: i64, b: i64) -> Option<i64> {
        let vector = |v| Value::I64(Tensor::vector(vec![v]));
        run(operation, &vector(a), &vector(b)).ok().and_then(|value| value.to_i64()).map(|values| values[0])
    }

    #[test]
    fn division_truncates_and_nothing_overflows() {
        assert_eq!(both(Binary::Div, -7, 2), Some(-3));
        assert_eq!(both(Binary::Sub, 3, 5), Some(-2));
        for (operation, a, b) in [
            (Binary::Add, i64::MAX, 1),
            (Binary::Sub, i64::MIN, 1),
            (Binary::Mul, i64::MAX, 2),
            (Binary::Div, 1, 0),
            (Binary::Div, i64::MIN, -1),
        ] {
            assert_eq!(both(operation, a, b), None, "{operation:?}");
        }
    }
}
