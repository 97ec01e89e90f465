//! Graphs of very many nodes: every walk is linear in their number.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eyebar_network::operators::{Add, Mul, Reshaping};
use eyebar_network::{DataType, Executor, Graph, TensorType, Value, ValueId, onnx};
use eyebar_tensor::Tensor;

const NODES: usize = 50_000;

/// Far above what linear walks take on a slow machine without optimisation, and far below quadratic ones.
const LONGEST: Duration = Duration::from_secs(30);

fn scalar() -> TensorType {
    TensorType::new(DataType::F32, vec![1]).unwrap()
}

/// Writes, reads, specialises, differentiates and runs.
fn whole(graph: &Graph) -> f32 {
    let bytes = onnx::write(graph, "large", &[]);
    let graph = onnx::read(bytes.into()).unwrap().graph;
    let given: Vec<_> = graph.inputs().iter().map(|&id| (id, scalar())).collect();
    let outputs = graph.outputs().to_vec();
    let mut graph = graph.specialise(&given, &outputs).unwrap();
    let inputs: Vec<ValueId> = graph.inputs().to_vec();
    let gradients = graph.add_gradient(outputs[0], &inputs).unwrap();
    let all = [outputs, gradients].concat();
    let executor = Executor::new(graph, &all).unwrap();
    let value: Value = Tensor::vector(vec![1.0f32]).into();
    let given: Vec<_> = inputs.iter().map(|&id| (id, &value)).collect();
    let results = executor.run(&given).unwrap();
    assert_eq!(results.len(), all.len());
    let Value::F32(gradient) = &results[results.len() - 1] else { panic!("a gradient is f32") };
    gradient.data()[0]
}

#[test]
fn long_chains_take_seconds() {
    let start = Instant::now();
    let mut graph = Graph::new();
    let x = graph.add_input("x", scalar());
    let one = graph.add_constant(Tensor::vector(vec![1.0f32]));
    let last = (0..NODES).fold(x, |value, _| graph.apply(Mul, &[value, one]).unwrap());
    graph.set_outputs(vec![last]);
    assert_eq!(whole(&graph), 1.0);
    assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());
}

/// As many inputs and outputs as nodes, and as many values that live at once.
#[test]
fn wide_graphs_take_seconds() {
    let start = Instant::now();
    let mut graph = Graph::new();
    let inputs: Vec<_> = (0..NODES).map(|index| graph.add_input(&format!("x{index}"), scalar())).collect();
    let doubled: Vec<_> = inputs.iter().map(|&x| graph.apply(Add, &[x, x]).unwrap()).collect();
    graph.set_outputs(doubled);
    assert_eq!(whole(&graph), 0.0, "the first output does not depend on the last input");
    assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());
}

#[test]
fn views_of_many_values_take_seconds() {
    let start = Instant::now();
    let mut graph = Graph::new();
    let x = graph.add_input("x", scalar());
    let shape = graph.add_constant(Tensor::vector(vec![1i64]));
    let sums: Vec<_> = (0..NODES / 2).map(|_| graph.apply(Add, &[x, x]).unwrap()).collect();
    let views: Vec<_> = sums
        .iter()
        .map(|&sum| graph.add_node(Arc::new(Reshaping::reshape()), &[Some(sum), Some(shape)]).unwrap()[0])
        .collect();
    let total = views.iter().skip(1).fold(views[0], |total, &view| graph.apply(Add, &[total, view]).unwrap());
    graph.set_outputs(vec![total]);
    assert_eq!(whole(&graph), NODES as f32);
    assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());
}
