//! Damaged model files: every fixture cut off at many lengths and with bytes changed at random must be refused or run,
//! never panic, and never ask for more memory than the executor allows.
//!
//! `EYEBAR_HOSTILE=20 cargo test -p eyebar-network --test hostile_files` tries twenty times as many changes.

mod damage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use damage::{Random, damaged, structure};
use eyebar_network::{DataType, Dimension, Executor, Graph, Inputs, TensorType, Value, ValueId, onnx};
use eyebar_tensor::Tensor;
use eyebar_testkit::{Archive, Array, fixtures};

/// Larger runs only cost time here: what they would show, the small ones do.
const MOST_BYTES: usize = 1 << 24;
const MOST_MULTIPLY_ADDS: u64 = 1 << 26;

fn rounds(count: usize) -> usize {
    count * std::env::var("EYEBAR_HOSTILE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn files(folder: &str, extension: &str) -> Vec<(String, PathBuf)> {
    let folder = fixtures().join(folder);
    let listing = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = listing.map(|entry| entry.expect("a readable folder").path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    assert!(files.len() >= 10, "{} files in {}", files.len(), folder.display());
    let name = |path: &PathBuf| path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
    files.into_iter().map(|path| (name(&path), path)).collect()
}

fn networks() -> Vec<(String, Vec<u8>)> {
    let files = files("reference/networks", "onnx").into_iter();
    files.map(|(name, path)| (name, std::fs::read(path).expect("a readable file"))).collect()
}

/// The models of one node that the operators are tested with.
fn nodes() -> Vec<(String, Vec<u8>)> {
    let mut nodes = Vec::new();
    for (operator, path) in files("reference/operators", "safetensors") {
        let archive = Archive::read(&path).unwrap_or_else(|error| panic!("{error}"));
        for case in archive.cases() {
            let model = archive.get(&format!("{case}/model")).and_then(Array::as_u8);
            nodes.push((format!("{operator}/{case}"), model.expect("each case has a model").to_vec()));
        }
    }
    nodes
}

/// How far a file got.
#[derive(Default, Debug)]
struct Count {
    refused: usize,
    run: usize,
    differentiated: usize,
}

/// Reads, specialises, runs and differentiates what `bytes` hold, as far as it goes.
fn attempt(bytes: Vec<u8>, count: &mut Count) {
    let Ok(model) = onnx::read(bytes.into()) else {
        count.refused += 1;
        return;
    };
    let graph = model.graph;
    let kinds: Vec<_> = graph.inputs().iter().map(|&id| (id, declared(&graph, id))).collect();
    let outputs = graph.outputs().to_vec();
    let Ok(specialised) = graph.specialise(&kinds, &outputs) else {
        count.refused += 1;
        return;
    };
    if run(specialised.clone(), &kinds, &outputs) {
        count.run += 1;
    }
    let inputs: Vec<_> = specialised.inputs().iter().copied().filter(|&id| is_f32(&specialised, id)).collect();
    let output = outputs.iter().copied().find(|&id| is_f32(&specialised, id));
    if let (Some(output), false) = (output, inputs.is_empty()) {
        let mut graph = specialised;
        if let Ok(gradients) = graph.add_gradient(output, &inputs) {
            count.differentiated += usize::from(run(graph, &kinds, &gradients));
        }
    }
}

fn is_f32(graph: &Graph, id: ValueId) -> bool {
    graph.value(id).kind.as_ref().is_some_and(|kind| kind.dtype == DataType::F32 && kind.len() < MOST_BYTES / 4)
}

fn declared(graph: &Graph, id: ValueId) -> TensorType {
    let info = graph.value(id);
    let size = |dim: &Dimension| match dim {
        Dimension::Fixed(size) => *size,
        Dimension::Free(name) if name.to_lowercase().contains("batch") => 1,
        Dimension::Free(_) => 32,
    };
    let shape = info.declared.as_deref().unwrap_or_default().iter().map(size).collect();
    TensorType { dtype: info.declared_dtype.unwrap_or(DataType::F32), shape }
}

/// Whether it ran.
fn run(graph: Graph, kinds: &[(ValueId, TensorType)], outputs: &[ValueId]) -> bool {
    let work = |graph: &Graph| {
        let adds = graph
            .nodes()
            .iter()
            .map(|node| graph.with_types(&node.inputs, |inputs: Inputs<'_>| node.operator.multiply_adds(inputs)));
        adds.fold(0, u64::saturating_add)
    };
    let given: usize = kinds.iter().map(|(_, kind)| kind.len()).sum();
    if given > MOST_BYTES || work(&graph) > MOST_MULTIPLY_ADDS {
        return false;
    }
    let Ok(executor) = Executor::new(graph, outputs) else { return false };
    if executor.activation_bytes() > MOST_BYTES {
        return false;
    }
    let values: Vec<_> = kinds.iter().map(|(id, kind)| (*id, value(kind))).collect();
    let inputs: Vec<_> = values.iter().map(|(id, value)| (*id, value)).collect();
    executor.run(&inputs).is_ok()
}

fn value(kind: &TensorType) -> Value {
    let number = |index: usize| (index % 7) as u8;
    match kind.dtype {
        DataType::F32 => Value::F32(Tensor::from_fn(&kind.shape, |index| f32::from(number(index)) - 3.0)),
        DataType::I64 => Value::I64(Tensor::from_fn(&kind.shape, |index| i64::from(number(index)) - 3)),
        DataType::I32 => Value::I32(Tensor::from_fn(&kind.shape, |index| i32::from(number(index)) - 3)),
        DataType::I8 => Value::I8(Tensor::from_fn(&kind.shape, |index| number(index) as i8 - 3)),
        DataType::U8 => Value::U8(Tensor::from_fn(&kind.shape, number)),
        DataType::Bool => Value::Bool(Tensor::from_fn(&kind.shape, |index| index % 2 == 0)),
    }
}

/// Runs `attempt`; a panic becomes a line of `failures`.
fn guarded(what: &str, bytes: Vec<u8>, count: &mut Count, failures: &mut Vec<String>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| attempt(bytes, count))) {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        failures.push(format!("{what}: {}", text.unwrap_or_default()));
    }
}

#[test]
fn networks_that_are_cut_off_are_refused() {
    let (mut count, mut failures) = (Count::default(), Vec::new());
    for (name, bytes) in networks() {
        let mut random = Random::new(&name);
        let lengths = (0..rounds(24)).map(|_| random.below(bytes.len())).chain([0, 1, 2, bytes.len() - 1]);
        for length in lengths.collect::<Vec<_>>() {
            guarded(&format!("{name} cut to {length}"), bytes[..length].to_vec(), &mut count, &mut failures);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count.refused > 0 && count.run == 0, "{count:?}");
}

#[test]
fn networks_with_changed_bytes_do_not_panic() {
    let (mut count, mut failures) = (Count::default(), Vec::new());
    for (name, bytes) in networks() {
        let places = structure(&bytes);
        let mut random = Random::new(&name);
        for round in 0..rounds(20) {
            let bytes = damaged(&bytes, &places, &mut random);
            guarded(&format!("{name}, round {round}"), bytes, &mut count, &mut failures);
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
    assert!(count.refused > 100 && count.run > 20 && count.differentiated > 20, "{count:?}");
}

#[test]
fn operators_with_changed_bytes_do_not_panic() {
    let (mut count, mut failures) = (Count::default(), Vec::new());
    for (name, model) in nodes() {
        let places: Vec<_> = (0..model.len()).collect();
        let mut random = Random::new(&name);
        for round in 0..rounds(60) {
            let bytes = damaged(&model, &places, &mut random);
            guarded(&format!("{name}, round {round}"), bytes, &mut count, &mut failures);
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
    assert!(count.refused > 1000 && count.run > 1000 && count.differentiated > 1000, "{count:?}");
}
