//! Constant folding, within limits: a hostile chain of `Expand` must not fill the memory when a model is merely read.

use crate::error::OperatorError;
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{TensorType, Value};

/// Results up to this size (shapes, indices) have a limit of their own, so that large ones do not use up the room of
/// those that types depend on.
const SMALL_RESULT: usize = 1 << 12;

/// The elements that may still be folded into a graph. What there is no room for is computed by every run, which has a
/// limit of its own.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    large: usize,
    small: usize,
}

impl Default for Room {
    /// 2²⁸ elements in large results and 2²⁶ in small ones.
    fn default() -> Self {
        Self { large: 1 << 28, small: 1 << 26 }
    }
}

impl Room {
    /// Takes the room for a result of `size` elements, if there is enough.
    fn take(&mut self, size: usize) -> bool {
        let room = if size > SMALL_RESULT { &mut self.large } else { &mut self.small };
        match room.checked_sub(size) {
            Some(left) => {
                *room = left;
                true
            }
            None => false,
        }
    }
}

/// The outputs of an operator that needs nothing but constants or types, where there is room for them.
pub(crate) fn fold(
    operator: &dyn Operator,
    inputs: Inputs<'_>,
    types: &[TensorType],
    room: &mut Room,
) -> Result<Option<Vec<Value>>, OperatorError> {
    if let Some(value) = operator.fold(inputs) {
        return Ok(Some(vec![value]));
    }
    let size = types.iter().map(TensorType::len).fold(0, usize::saturating_add);
    if !inputs.0.iter().flatten().all(|input| input.constant.is_some()) || !room.take(size) {
        return Ok(None);
    }
    let arguments: Vec<_> = inputs.0.iter().map(|input| input.and_then(|input| input.constant)).collect();
    operator.run(Arguments(&arguments), &Pool::default()).map(Some)
}
