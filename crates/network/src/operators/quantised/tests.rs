//! What a file says of int8 layers, and what a plan makes of it.

use std::collections::HashMap;

use eyebar_tensor::Tensor;

use crate::executor::Executor;
use crate::graph::{Graph, ValueId};
use crate::onnx;
use crate::operators::conv::Conv;
use crate::operators::gemm::Gemm;
use crate::operators::spatial::{Padding, Window};
use crate::operators::{Reshaping, unary::Unary};
use crate::quantise_layers::Range;
use crate::value::{DataType, TensorType, Value};

/// f32 sums of rounded values beside exact sums of codes, as a part of the largest.
const CLOSE: f32 = 2e-6;

/// What rounding to 255 steps may cost three layers with a steep curve between them, as a part of the norm.
const NEAR: f32 = 0.05;

/// Two convolutions of one input, the second with stride and pads, and a product.
fn network() -> (Graph, ValueId) {
    let mut graph = Graph::new();
    let x = graph.add_input("x", TensorType::new(DataType::F32, vec![2, 20, 9, 8]).unwrap());
    let weights = |graph: &mut Graph, shape: &[usize]| {
        graph.add_constant(Tensor::from_fn(shape, |at| ((at * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5))
    };
    let conv = |stride: usize| Conv {
        window: Window {
            kernel: Vec::new(),
            strides: vec![stride; 2],
            pads: Padding::Explicit { begin: vec![1; 2], end: vec![1; 2] },
            dilations: Vec::new(),
            ceil_mode: false,
        },
        groups: 1,
    };
    let (w, bias) = (weights(&mut graph, &[33, 20, 3, 3]), weights(&mut graph, &[33]));
    let y = graph.apply(conv(1), &[x, w, bias]).unwrap();
    let y = graph.apply(Unary::SIGMOID, &[y]).unwrap();
    let w = weights(&mut graph, &[16, 33, 3, 3]);
    let y = graph.apply(conv(2), &[y, w]).unwrap();
    let shape = graph.add_constant(Tensor::vector(vec![2i64, 320]));
    let y = graph.apply(Reshaping::reshape(), &[y, shape]).unwrap();
    let (w, bias) = (weights(&mut graph, &[320, 32]), weights(&mut graph, &[32]));
    let gemm = Gemm { alpha: 1.0, beta: 1.0, transpose_a: false, transpose_b: false };
    let y = graph.apply(gemm, &[y, w, bias]).unwrap();
    graph.set_outputs(vec![y]);
    (graph, y)
}

fn ranges(graph: &Graph) -> HashMap<ValueId, Range> {
    let inputs = graph.inputs_of_layers();
    assert_eq!(inputs.len(), 3);
    let range = [(-1.1, 1.3), (0.0, 1.0), (-9.0, 8.0)].map(|(low, high)| Range { low, high });
    inputs.into_iter().zip(range).collect()
}

#[test]
fn products_of_codes_are_what_the_file_says() {
    let (graph, y) = network();
    let (quantised, layers, count) = graph.quantise_layers(&ranges(&graph)).expect("finite weights");
    assert_eq!((layers, count), (3, 33 * 20 * 9 + 16 * 33 * 9 + 320 * 32));
    let again = onnx::read(onnx::write(&quantised, "m", &[]).into()).unwrap().graph;
    let input = Value::from(Tensor::from_fn(&[2, 20, 9, 8], |at| ((at * 37) % 211) as f32 / 90.0 - 1.1));
    let run = |graph: Graph| {
        let outputs = graph.outputs().to_vec();
        let executor = Executor::new(graph, &outputs).unwrap();
        let kinds: Vec<String> = executor.steps().map(|step| step.algorithm.to_owned()).collect();
        let given = executor.run_one(&input).unwrap().remove(0).into_f32().unwrap().into_data();
        (given, kinds)
    };
    let kind = input.tensor_type();
    let codes = again.specialise(&[(again.inputs()[0], kind)], again.outputs()).unwrap();
    let mut floats = codes.clone();
    floats.value_ids().for_each(|id| floats.value_mut(id).codes = None);
    let (found, kinds) = run(codes);
    assert_eq!(kinds.iter().filter(|kind| *kind == "int8").count(), 3, "{kinds:?}");
    let (expected, kinds) = run(floats);
    assert!(!kinds.iter().any(|kind| kind == "int8"), "{kinds:?}");
    let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= CLOSE * largest, "{worst} of {largest}");
    // And near the network as it was.
    let (before, _) = run(graph.specialise(&[(graph.inputs()[0], input.tensor_type())], &[y]).unwrap());
    let error: f32 = before.iter().zip(&found).map(|(a, b)| (a - b).powi(2)).sum();
    let norm: f32 = before.iter().map(|a| a * a).sum();
    assert!(error < NEAR * NEAR * norm && error > 0.0, "{error} of {norm}");
}
