//! `Range`: the integers from a start to before a limit, which exporters write into index arithmetic.

use eyebar_tensor::Tensor;

use crate::error::OperatorError;
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// out_i = start + i · delta, for as long as it is before the limit. Inputs are start, limit and delta: constant
/// integers, since the shape follows from their values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range;

/// Number of elements, with the start and the step.
fn progression(inputs: Inputs<'_>) -> Result<(usize, i64, i64), OperatorError> {
    let scalar = |index| match inputs.constant_i64(index)?.as_deref() {
        Some(&[value]) => Ok(value),
        _ => Err(OperatorError::Input(format!("{index} must be one integer"))),
    };
    let (start, limit, delta) = (scalar(0)?, scalar(1)?, scalar(2)?);
    if delta == 0 {
        return Err(OperatorError::Input("2 must not be zero".to_owned()));
    }
    let (distance, step) = (i128::from(limit) - i128::from(start), i128::from(delta));
    let count = (distance / step + i128::from(distance % step != 0 && (distance > 0) == (step > 0))).max(0);
    let count = usize::try_from(count).map_err(|_| OperatorError::Shape(format!("{count} elements are too many")))?;
    Ok((count, start, delta))
}

impl Operator for Range {
    fn name(&self) -> &str {
        "Range"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let dtype = inputs.require(0)?.dtype;
        if !matches!(dtype, DataType::I64 | DataType::I32) {
            return Err(OperatorError::Unsupported(format!("a range of {dtype}")));
        }
        Ok(vec![TensorType::new(dtype, vec![progression(inputs)?.0])?])
    }

    fn run(&self, arguments: Arguments<'_>, _pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (count, start, delta) = arguments.with_inputs(progression)?;
        // No element passes the limit, so the sum is right, although the product alone may not fit.
        let elements = (0..count as i64).map(|index| start.wrapping_add(index.wrapping_mul(delta)));
        Ok(vec![match arguments.require(0)? {
            Value::I32(_) => Value::I32(Tensor::vector(elements.map(|element| element as i32).collect())),
            _ => Value::I64(Tensor::vector(elements.collect())),
        }])
    }
}

#[cfg(test)]
mod tests {
    use eyebar_tensor::Tensor;

    use super::Range;
    use crate::operator::{Arguments, Operator};
    use crate::pool::Pool;
    use crate::value::Value;

    fn range(start: i64, limit: i64, delta: i64) -> Option<Vec<i64>> {
        let values = [start, limit, delta].map(|value| Value::from(Tensor::scalar(value)));
        let arguments = [Some(&values[0]), Some(&values[1]), Some(&values[2])];
        let kind = Arguments(&arguments).with_inputs(|inputs| Range.infer(inputs)).ok()?.remove(0);
        let out = Range.run(Arguments(&arguments), &Pool::default()).ok()?.remove(0);
        assert_eq!(out.tensor_type(), kind);
        out.to_i64()
    }

    /// As numpy.arange has it.
    #[test]
    fn the_limit_is_left_out() {
        assert_eq!(range(0, 3, 1), Some(vec![0, 1, 2]));
        assert_eq!(range(2, 9, 3), Some(vec![2, 5, 8]));
        assert_eq!(range(2, 8, 3), Some(vec![2, 5]));
        assert_eq!(range(10, 4, -2), Some(vec![10, 8, 6]));
        assert_eq!(range(10, 5, -2), Some(vec![10, 8, 6]));
        assert_eq!(range(3, 3, 1), Some(vec![]));
        assert_eq!(range(0, 5, -1), Some(vec![]));
        assert_eq!(range(5, 0, 2), Some(vec![]));
        assert_eq!(range(i64::MAX - 2, i64::MAX, 2), Some(vec![i64::MAX - 2]));
    }

    #[test]
    fn the_ends_of_the_integers_are_reached_without_overflow() {
        assert_eq!(range(i64::MIN, i64::MAX, i64::MAX), Some(vec![i64::MIN, -1, i64::MAX - 1]));
        assert_eq!(range(i64::MAX, i64::MIN, i64::MIN), Some(vec![i64::MAX, -1]));
        assert_eq!(range(i64::MAX, i64::MIN, -i64::MAX), Some(vec![i64::MAX, 0, -i64::MAX]));
        assert_eq!(range(i64::MIN, i64::MIN + 1, i64::MAX), Some(vec![i64::MIN]));
        assert_eq!(range(i64::MIN, i64::MAX, i64::MIN), Some(vec![]));
    }

    #[test]
    fn endless_ranges_are_refused() {
        assert_eq!(range(0, 1, 0), None);
        assert_eq!(range(i64::MIN, i64::MAX, 1), None);
    }
}
