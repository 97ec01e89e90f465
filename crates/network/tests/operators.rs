//! Every operator against ONNX Runtime (values) and PyTorch (gradients): see `fixtures/reference/README.md`.
//!
//! `EYEBAR_CASES=Conv/ cargo test -p eyebar-network --test operators` runs the cases whose name contains `Conv/`.

mod reference;

use std::panic::{AssertUnwindSafe, catch_unwind};

use eyebar_network::{Executor, Graph, Value, ValueId, onnx};
use eyebar_testkit::{Array, Elements, Mismatch, Tolerance, compare};
use reference::{Case, Specialised};

#[test]
fn values_gradients_and_round_trips_agree_with_the_reference() {
    let cases = reference::cases();
    let mut failures = Vec::new();
    for case in &cases {
        let result = catch_unwind(AssertUnwindSafe(|| check(case)));
        let result = result.unwrap_or_else(|_| Err("panicked".to_owned()));
        failures.extend(result.err().map(|reason| format!("{}: {reason}", case.name)));
    }
    let count = failures.len();
    assert!(failures.is_empty(), "{count} of {} cases failed:\n{}", cases.len(), failures.join("\n"));
}

fn check(case: &Case) -> Result<(), String> {
    let specialised = case.specialise(&case.model)?;
    let outputs = forward(case, &specialised)?;
    check_outputs(case, &outputs)?;
    check_round_trip(case, &outputs).map_err(|reason| format!("written and read again: {reason}"))?;
    check_gradients(case, specialised)
}

fn forward(case: &Case, specialised: &Specialised) -> Result<Vec<Value>, String> {
    run(case, specialised, specialised.graph.clone(), specialised.graph.outputs())
}

fn run(case: &Case, specialised: &Specialised, graph: Graph, outputs: &[ValueId]) -> Result<Vec<Value>, String> {
    let executor = Executor::new(graph, outputs).map_err(|error| error.to_string())?;
    let inputs: Vec<_> = specialised.ids.iter().copied().zip(&case.inputs).collect();
    let first = executor.run(&inputs).map_err(|error| error.to_string())?;
    // The second run finds used buffers in the pool: an element that is not written shows.
    executor.recycle(first.clone());
    let second = executor.run(&inputs).map_err(|error| error.to_string())?;
    if first.iter().zip(&second).any(|(first, second)| !same_bits(first, second)) {
        return Err("a second run differs from the first".to_owned());
    }
    Ok(second)
}

fn same_bits(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::F32(a), Value::F32(b)) => {
            a.shape() == b.shape() && a.data().iter().zip(b.data()).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        (a, b) => a == b,
    }
}

fn check_outputs(case: &Case, outputs: &[Value]) -> Result<(), String> {
    if outputs.len() != case.outputs.len() {
        return Err(format!("{} outputs, {} expected", outputs.len(), case.outputs.len()));
    }
    for (index, (found, expected)) in outputs.iter().zip(&case.outputs).enumerate() {
        check_value(found, expected).map_err(|reason| format!("output {index}: {reason}"))?;
    }
    Ok(())
}

/// What was written must be an ONNX file that means the same, whatever opset the case came in.
fn check_round_trip(case: &Case, outputs: &[Value]) -> Result<(), String> {
    let graph = onnx::read(case.model.clone().into()).map_err(|error| error.to_string())?.graph;
    let written = onnx::write(&graph, &case.name, &[]);
    let again = forward(case, &case.specialise(&written)?)?;
    match outputs.iter().zip(&again).position(|(first, second)| !same_bits(first, second)) {
        Some(index) => Err(format!("output {index} differs from the first run")),
        None => Ok(()),
    }
}

fn check_gradients(case: &Case, mut specialised: Specialised) -> Result<(), String> {
    let Some(cotangent) = &case.cotangent else { return Ok(()) };
    let wanted = case.differentiable();
    let wrt: Vec<_> = wanted.iter().map(|&index| specialised.ids[index]).collect();
    let output = specialised.graph.outputs()[0];
    let v = specialised.graph.add_constant(cotangent.clone());
    let gradients = specialised.graph.add_vector_jacobian_product(output, v, &wrt);
    let gradients = gradients.map_err(|error| format!("gradient: {error}"))?;
    let found = run(case, &specialised, specialised.graph.clone(), &gradients);
    let found = found.map_err(|error| format!("gradient: {error}"))?;
    for (&index, found) in wanted.iter().zip(&found) {
        let expected = case.gradients[index].as_ref().expect("it is wanted because it is there");
        check_value(found, expected).map_err(|reason| format!("gradient of input {index}: {reason}"))?;
    }
    check_written_gradients(case, specialised, &gradients, &found)
        .map_err(|reason| format!("gradient, written and read again: {reason}"))
}

/// A model with its gradient inside can be kept as a file.
fn check_written_gradients(
    case: &Case,
    mut specialised: Specialised,
    gradients: &[ValueId],
    expected: &[Value],
) -> Result<(), String> {
    specialised.graph.set_outputs(gradients.to_vec());
    let written = onnx::write(&specialised.graph, &case.name, &[]);
    let again = onnx::read(written.into()).map_err(|error| error.to_string())?.graph;
    // The gradient of a linear operator does not depend on every input.
    let inputs: Vec<_> = again
        .inputs()
        .iter()
        .map(|&id| {
            let position =
                specialised.ids.iter().position(|&old| specialised.graph.value(old).name == again.value(id).name);
            (id, &case.inputs[position.expect("inputs keep their names")])
        })
        .collect();
    let types: Vec<_> = inputs.iter().map(|(id, value)| (*id, value.tensor_type())).collect();
    let again = again.specialise(&types, again.outputs()).map_err(|error| error.to_string())?;
    let outputs = again.outputs().to_vec();
    let executor = Executor::new(again, &outputs).map_err(|error| error.to_string())?;
    let found = executor.run(&inputs).map_err(|error| error.to_string())?;
    match expected.iter().zip(&found).position(|(first, second)| !same_bits(first, second)) {
        Some(index) => Err(format!("gradient {index} differs from the first run")),
        None => Ok(()),
    }
}

fn check_value(found: &Value, expected: &Array) -> Result<(), String> {
    // The script stores a scalar as a vector of one.
    let stored_scalar = found.shape().is_empty() && expected.shape == [1];
    if found.shape() != expected.shape && !stored_scalar {
        return Err(format!("shape {:?}, {:?} expected", found.shape(), expected.shape));
    }
    let exact = |result: Result<f64, Mismatch>| result.map_err(|error| error.to_string());
    let difference = match (found, &expected.elements) {
        (Value::F32(found), Elements::F32(expected)) => exact(compare(found.data(), expected, Tolerance::Close)),
        (Value::I32(found), Elements::I32(expected)) => exact(compare(found.data(), expected, Tolerance::Exact)),
        (Value::I8(found), Elements::I8(expected)) => exact(compare(found.data(), expected, Tolerance::Exact)),
        (Value::U8(found), Elements::U8(expected)) => exact(compare(found.data(), expected, Tolerance::Exact)),
        (Value::I64(found), Elements::I64(expected)) if found.data() == expected => Ok(0.0),
        (Value::I64(found), Elements::I64(expected)) => Err(format!("{:?}, {expected:?} expected", found.data())),
        (Value::Bool(found), Elements::Bool(expected)) if found.data() == expected => Ok(0.0),
        (Value::Bool(found), Elements::Bool(expected)) => Err(format!("{:?}, {expected:?} expected", found.data())),
        (found, _) => Err(format!("element type {} is not the reference's", found.dtype())),
    };
    difference.map(|_| ())
}
