//! ONNX's own backend tests: each is a small model with inputs and the outputs they must give.

mod bind;
mod compare;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use eyebar_network::{Executor, Graph, NetworkError, Value, onnx};

/// What became of a test.
enum Outcome {
    /// The outputs agree; with how many inputs bound as constants.
    Passed(Binding),
    /// The network did not take the model: a clear error before anything ran.
    Refused(String),
    /// A wrong output, a run that broke off, or a panic.
    Failed(String),
}

/// Which inputs of the test were given to the network as constants. The backend tests make everything an input, even
/// the shape of a `Reshape`; Eyebar, which knows all shapes before it runs, needs such parameters to be constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Nothing,
    AllButFirst,
    All,
}

impl Binding {
    const EACH: [Self; 3] = [Self::Nothing, Self::AllButFirst, Self::All];

    /// Index of the first input that is bound.
    fn start(self, inputs: usize) -> usize {
        match self {
            Self::Nothing => inputs,
            Self::AllButFirst => 1.min(inputs),
            Self::All => 0,
        }
    }
}

/// Why a test did not pass.
enum Failure {
    /// The network did not take the model, or these inputs: a clear error before anything ran.
    Refused(String),
    /// A wrong output, or a run that broke off.
    Other(String),
}

impl From<NetworkError> for Failure {
    fn from(error: NetworkError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Other(reason)
    }
}

/// Runs the tests of `folder` whose name contains `filter`, prints the tally and writes `failures.txt` beside them.
/// Says whether all passed.
pub(crate) fn run(folder: &Path, filter: &str) -> Result<bool, String> {
    // A panic counts as a failure; its message would only tear the report apart.
    std::panic::set_hook(Box::new(|_| {}));
    let mut outcomes = BTreeMap::new();
    for test in tests(folder)? {
        let name = test.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.contains(filter) {
            let (operator, outcome) = judge(&test);
            outcomes.insert(name, (operator, outcome));
        }
    }
    if outcomes.is_empty() {
        return Err(format!("no test in {}; hint: make them with bench/conformance/generate.py", folder.display()));
    }
    let list = failures(&outcomes);
    let path = folder.join("failures.txt");
    fs::write(&path, &list).map_err(|error| format!("{}: {error}", path.display()))?;
    print!("{}\n{list}", tally(&outcomes));
    println!("\nTolerance: |found - expected| <= {} + {} * |expected|.", compare::ABSOLUTE, compare::RELATIVE);
    println!("The list of what did not pass is in {}.", path.display());
    Ok(list.is_empty())
}

fn tests(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut tests: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    tests.retain(|path| path.join("model.onnx").is_file());
    tests.sort();
    Ok(tests)
}

/// The operator under test, and the outcome.
fn judge(test: &Path) -> (String, Outcome) {
    let model = match fs::read(test.join("model.onnx")) {
        Ok(model) => model,
        Err(error) => return ("?".to_owned(), Outcome::Failed(error.to_string())),
    };
    let operator = operator(&model);
    let mut refusal = String::new();
    for binding in Binding::EACH {
        let result = catch_unwind(AssertUnwindSafe(|| check(&model, test, binding)));
        match result.unwrap_or_else(|_| Err(Failure::Other("panicked".to_owned()))) {
            Ok(()) => return (operator, Outcome::Passed(binding)),
            Err(Failure::Other(reason)) => return (operator, Outcome::Failed(reason)),
            Err(Failure::Refused(reason)) => refusal = reason,
        }
    }
    (operator, Outcome::Refused(refusal))
}

/// The operator of a model with one kind of node; `Exp, Mul, …` together are `(several)`.
fn operator(model: &[u8]) -> String {
    let Ok(model) = onnx::read(Bytes::copy_from_slice(model)) else { return "?".to_owned() };
    let mut names: Vec<_> = model.graph.nodes().iter().map(|node| node.operator.name().to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() == 1 { names.remove(0) } else { "(several)".to_owned() }
}

fn check(model: &[u8], test: &Path, binding: Binding) -> Result<(), Failure> {
    for set in 0.. {
        let data = test.join(format!("test_data_set_{set}"));
        if !data.is_dir() {
            break;
        }
        check_set(model, &data, binding)?;
    }
    Ok(())
}

fn check_set(model: &[u8], data: &Path, binding: Binding) -> Result<(), Failure> {
    let (inputs, outputs) = (tensors(data, "input")?, tensors(data, "output")?);
    let plain = onnx::read(Bytes::copy_from_slice(model))?.graph;
    if plain.inputs().len() != inputs.len() {
        return Err(format!("{} inputs read, {} expected", plain.inputs().len(), inputs.len()).into());
    }
    let names: Vec<_> = plain.inputs().iter().map(|&id| plain.value(id).name.clone()).collect();
    let start = binding.start(inputs.len());
    let mut bound = model.to_vec();
    for (name, tensor) in names.iter().zip(&inputs).skip(start) {
        bind::append_initializer(&mut bound, name, tensor);
    }
    let graph = onnx::read(bound.into())?.graph;
    let values = inputs[..start].iter().map(|bytes| onnx::read_tensor(bytes.clone()));
    let found = execute(&graph, &values.collect::<Result<Vec<_>, _>>()?)?;
    let expected = outputs.into_iter().map(onnx::read_tensor).collect::<Result<Vec<_>, _>>()?;
    if found.len() != expected.len() {
        return Err(format!("{} outputs, {} expected", found.len(), expected.len()).into());
    }
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        compare::values(found, expected).map_err(|reason| format!("output {index}: {reason}"))?;
    }
    Ok(())
}

fn execute(graph: &Graph, inputs: &[Value]) -> Result<Vec<Value>, Failure> {
    let ids = graph.inputs().to_vec();
    let types: Vec<_> = ids.iter().copied().zip(inputs.iter().map(Value::tensor_type)).collect();
    let graph = graph.specialise(&types, graph.outputs())?;
    let outputs = graph.outputs().to_vec();
    let values: Vec<_> = ids.into_iter().zip(inputs).collect();
    let executor = Executor::new(graph, &outputs)?;
    executor.run(&values).map_err(|error| Failure::Other(error.to_string()))
}

/// The serialised tensors `KIND_0.pb`, `KIND_1.pb`, ….
fn tensors(data: &Path, kind: &str) -> Result<Vec<Bytes>, String> {
    let paths = (0..).map(|index| data.join(format!("{kind}_{index}.pb"))).take_while(|path| path.is_file());
    paths.map(|path| fs::read(&path).map(Bytes::from).map_err(|error| format!("{}: {error}", path.display()))).collect()
}

type Outcomes = BTreeMap<String, (String, Outcome)>;

fn tally(outcomes: &Outcomes) -> String {
    let mut rows: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let mut bindings = [0; 3];
    for (operator, outcome) in outcomes.values() {
        let column = match outcome {
            Outcome::Passed(binding) => {
                bindings[*binding as usize] += 1;
                0
            }
            Outcome::Failed(_) => 1,
            Outcome::Refused(_) => 2,
        };
        rows.entry(operator).or_default()[column] += 1;
    }
    let mut text = format!("{:<24}{:>8}{:>8}{:>8}\n", "operator", "passed", "failed", "refused");
    let mut total = [0; 3];
    for (operator, counts) in rows {
        let [passed, failed, refused] = counts;
        let _ = writeln!(text, "{operator:<24}{passed:>8}{failed:>8}{refused:>8}");
        (0..3).for_each(|column| total[column] += counts[column]);
    }
    let [passed, failed, refused] = total;
    let [none, parameters, all] = bindings;
    let _ = writeln!(text, "{:<24}{passed:>8}{failed:>8}{refused:>8}   of {}", "total", outcomes.len());
    let _ = writeln!(
        text,
        "passed with all inputs free: {none}, with all but the first constant: {parameters}, all constant: {all}"
    );
    text
}

fn failures(outcomes: &Outcomes) -> String {
    let mut text = String::new();
    for (name, (_, outcome)) in outcomes {
        let (kind, reason) = match outcome {
            Outcome::Passed(_) => continue,
            Outcome::Refused(reason) => ("refused", reason),
            Outcome::Failed(reason) => ("failed", reason),
        };
        let _ = writeln!(text, "{kind:<8} {name}: {reason}");
    }
    text
}
