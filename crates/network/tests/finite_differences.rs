//! Every gradient against finite differences of the executor's own values: the reference might share an error of
//! understanding with the gradient, but not with the forward pass that the gradient must belong to.
//!
//! For a sample of the elements of each input, (L(x + h) − L(x − h)) / 2h with L = Σ v · f(x), summed in f64 over the
//! differences of the outputs. Values are f32, so a step h leaves an error of about ε |f| / h from rounding
//! (ε = 6·10⁻⁸) and of h² |f‴| / 6 from curvature: both are below 10⁻³ of the gradient for |f| and |f‴| of its size at
//! h = 10⁻². Where a kink lies within the step, or the function is much more curved, a smaller step is right; where
//! the gradient is far smaller than the values, a larger one. So an element passes when any of [`STEPS`] confirms it:
//! a wrong gradient is confirmed by none.

mod reference;

use std::panic::{AssertUnwindSafe, catch_unwind};

use eyebar_network::{Executor, Value};
use eyebar_testkit::Tolerance;
use reference::{Case, Specialised};

/// Steps tried in turn, in units of the input.
const STEPS: [f32; 3] = [1e-2, 1e-3, 5e-2];

/// Elements of each input that are tried.
const SAMPLE: usize = 60;

#[test]
fn gradients_are_those_of_the_forward_pass() {
    let cases = reference::cases();
    let (mut failures, mut checked) = (Vec::new(), 0);
    for case in cases.iter().filter(|case| case.cotangent.is_some()) {
        let result = catch_unwind(AssertUnwindSafe(|| check(case)));
        match result.unwrap_or_else(|_| Err("panicked".to_owned())) {
            Ok(count) => checked += count,
            Err(reason) => failures.push(format!("{}: {reason}", case.name)),
        }
    }
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
    assert!(checked > 0 || std::env::var_os("EYEBAR_CASES").is_some(), "no gradient was checked");
}

/// Number of elements checked.
fn check(case: &Case) -> Result<usize, String> {
    let specialised = case.specialise(&case.model)?;
    let gradients = gradients(case, &specialised)?;
    let output = specialised.graph.outputs()[0];
    let executor = Executor::new(specialised.graph.clone(), &[output]).map_err(|error| error.to_string())?;
    let function = Function { case, specialised: &specialised, executor };
    let mut checked = 0;
    for (&input, gradient) in case.differentiable().iter().zip(&gradients) {
        let gradient = gradient.as_f32().ok_or("a gradient is not f32")?.data();
        let largest = gradient.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        let allowed = Tolerance::FiniteDifference.relative() * f64::from(largest).max(1e-4);
        // A stride without a common factor with the usual dimensions walks over all axes.
        let stride = (gradient.len() / SAMPLE).max(1) | 1;
        for index in (0..gradient.len()).step_by(stride) {
            let expected = f64::from(gradient[index]);
            let mut found = Vec::with_capacity(STEPS.len());
            for step in STEPS {
                found.push(function.slope(input, index, step)?);
                if (found[found.len() - 1] - expected).abs() <= allowed {
                    break;
                }
            }
            if found.iter().all(|found| (found - expected).abs() > allowed) {
                return Err(format!(
                    "input {input}, element {index}: gradient {expected:.6}, finite differences {found:.6?} (largest \
                     gradient {largest:.6})"
                ));
            }
            checked += 1;
        }
    }
    Ok(checked)
}

fn gradients(case: &Case, specialised: &Specialised) -> Result<Vec<Value>, String> {
    let mut graph = specialised.graph.clone();
    let output = graph.outputs()[0];
    let cotangent = graph.add_constant(case.cotangent.clone().ok_or("no cotangent")?);
    let wrt: Vec<_> = case.differentiable().iter().map(|&index| specialised.ids[index]).collect();
    let gradients = graph.add_vector_jacobian_product(output, cotangent, &wrt).map_err(|error| error.to_string())?;
    let executor = Executor::new(graph, &gradients).map_err(|error| error.to_string())?;
    let inputs: Vec<_> = specialised.ids.iter().copied().zip(&case.inputs).collect();
    executor.run(&inputs).map_err(|error| error.to_string())
}

struct Function<'a> {
    case: &'a Case,
    specialised: &'a Specialised,
    executor: Executor,
}

impl Function<'_> {
    /// ∂L/∂(element `index` of input `input`) by central differences.
    fn slope(&self, input: usize, index: usize, step: f32) -> Result<f64, String> {
        let Value::F32(tensor) = &self.case.inputs[input] else { return Err(format!("input {input} is not f32")) };
        let (mut above, mut below) = (tensor.clone(), tensor.clone());
        above.data_mut()[index] += step;
        below.data_mut()[index] -= step;
        // The step that was really made, after rounding.
        let width = f64::from(above.data()[index]) - f64::from(below.data()[index]);
        let (above, below) = (self.run(input, &Value::F32(above))?, self.run(input, &Value::F32(below))?);
        let v = self.case.cotangent.as_ref().and_then(Value::as_f32).ok_or("the cotangent is not f32")?;
        let above = above[0].as_f32().ok_or("the output is not f32")?;
        let below = below[0].as_f32().ok_or("the output is not f32")?;
        let differences = above.data().iter().zip(below.data()).map(|(&a, &b)| f64::from(a) - f64::from(b));
        Ok(differences.zip(v.data()).map(|(difference, &v)| difference * f64::from(v)).sum::<f64>() / width)
    }

    fn run(&self, input: usize, changed: &Value) -> Result<Vec<Value>, String> {
        let values = self.case.inputs.iter().enumerate();
        let values = values.map(|(index, value)| if index == input { changed } else { value });
        let inputs: Vec<_> = self.specialised.ids.iter().copied().zip(values).collect();
        self.executor.run(&inputs).map_err(|error| error.to_string())
    }
}
