//! Compares outputs as ONNX's own runner does.

use eyebar_network::Value;

/// ONNX's own relative tolerance.
pub(super) const RELATIVE: f32 = 1e-3;

/// ONNX's own absolute tolerance is 1e-7, which the rounding of a sum of numbers near 1 exceeds.
pub(super) const ABSOLUTE: f32 = 1e-5;

/// Says how two values differ, if they do.
pub(super) fn values(found: &Value, expected: &Value) -> Result<(), String> {
    if found.dtype() != expected.dtype() || found.shape() != expected.shape() {
        return Err(format!("{}, {} expected", found.tensor_type(), expected.tensor_type()));
    }
    let (Some(a), Some(b)) = (found.as_f32(), expected.as_f32()) else {
        return if found == expected { Ok(()) } else { Err("the values differ".to_owned()) };
    };
    let close = |a: f32, b: f32| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= ABSOLUTE + RELATIVE * b.abs();
    match a.data().iter().zip(b.data()).enumerate().find(|(_, (a, b))| !close(**a, **b)) {
        Some((index, (a, b))) => Err(format!("element {index} is {a}, {b} expected")),
        None => Ok(()),
    }
}
