//! Plans with blocked activations where blocks are not full, huge, or not possible.

use eyebar_tensor::Tensor;

use crate::executor::{Executor, MAX_ACTIVATION_BYTES};
use crate::graph::{Graph, ValueId};
use crate::operator::Operator;
use crate::operators::conv::Conv;
use crate::operators::spatial::{Padding, Window};
use crate::operators::{Add, Binary, Mul, Sub, unary::Unary};
use crate::value::{DataType, TensorType, Value};

fn graph(shape: &[usize]) -> (Graph, ValueId) {
    let mut graph = Graph::new();
    let x = graph.add_input("x", TensorType::new(DataType::F32, shape.to_vec()).unwrap());
    (graph, x)
}

/// A convolution with padding that keeps the size; all its weights are `weight`.
fn conv(graph: &mut Graph, x: ValueId, filters: usize, side: usize, weight: f32) -> ValueId {
    let channels = graph.shape(x)[1];
    let weights = graph.add_constant(Tensor::full(&[filters, channels, side, side], weight));
    let pads = vec![side / 2; 2];
    let window = Window {
        kernel: Vec::new(),
        strides: Vec::new(),
        pads: Padding::Explicit { begin: pads.clone(), end: pads },
        dilations: Vec::new(),
        ceil_mode: false,
    };
    graph.apply(Conv { window, groups: 1 }, &[x, weights]).unwrap()
}

fn with_scalar(graph: &mut Graph, operator: Binary, x: ValueId, number: f32) -> ValueId {
    let number = graph.add_constant(Tensor::scalar(number));
    graph.apply(operator, &[x, number]).unwrap()
}

/// The values of `output` where every input is `value`.
fn run(graph: Graph, output: ValueId, value: f32) -> Vec<f32> {
    let input = Value::F32(Tensor::full(graph.shape(graph.inputs()[0]), value));
    let results = Executor::new(graph, &[output]).unwrap().run_one(&input).unwrap();
    results[0].as_f32().unwrap().data().to_vec()
}

/// Infinities and NaN in lanes that stand for no channel reach no channel.
#[test]
fn spare_lanes_do_not_leak() {
    for channels in [1, 17, 40] {
        // Infinite in all channels, then 1 by the sigmoid; a spare filter's 0 · ∞ is NaN.
        let (mut g, x) = graph(&[1, channels, 4, 4]);
        let y = conv(&mut g, x, channels, 1, 1.0);
        let y = g.apply(Unary::SIGMOID, &[y]).unwrap();
        let y = conv(&mut g, y, channels, 3, 1.0);
        let found = run(g, y, f32::INFINITY);
        assert_eq!(found[..2], [4.0 * channels as f32, 6.0 * channels as f32], "{channels}");

        // Zero in all channels; spare lanes hold 10²⁰, and its square overflows.
        let (mut g, x) = graph(&[1, channels, 4, 4]);
        let y = conv(&mut g, x, channels, 1, 1.0 / channels as f32);
        let y = with_scalar(&mut g, Sub, y, 1e20);
        let y = g.apply(Mul, &[y, y]).unwrap();
        let y = conv(&mut g, y, 3, 1, 1.0);
        assert!(run(g, y, 1e20).iter().all(|&value| value < 1e35), "{channels}");
    }
}

/// A number of rank 5 makes the output's rank 5.
#[test]
fn constants_of_higher_rank() {
    for operator in [Add, Mul] {
        let (mut g, x) = graph(&[1, 16, 4, 4]);
        let y = conv(&mut g, x, 16, 1, 1.0);
        let two = g.add_constant(Tensor::full(&[1, 1, 1, 1, 1], 2.0f32));
        let y = g.apply(operator, &[y, two]).unwrap();
        assert_eq!(g.shape(y), [1, 1, 16, 4, 4]);
        let expected = if operator == Add { 18.0 } else { 32.0 };
        assert!(run(g, y, 1.0).iter().all(|&value| value == expected));
    }
}

/// More channels than a core's cache holds of one tile.
#[test]
fn very_many_channels() {
    let (mut g, x) = graph(&[1, 4112, 24, 24]);
    let y = conv(&mut g, x, 33, 3, 0.5);
    let found = run(g, y, 1.0);
    assert!(
        (found[0] - 4.0 * 4112.0 * 0.5).abs() < 1.0 && (found[30] - 9.0 * 4112.0 * 0.5).abs() < 2.0,
        "{}",
        found[0]
    );
}

/// One channel would take 16 times its room in blocks: then it stays dense.
#[test]
fn few_channels_stay_within_the_limit() {
    let (mut g, x) = graph(&[1, 1, 20_000, 20_000]);
    let y = conv(&mut g, x, 1, 3, 1.0);
    let y = conv(&mut g, y, 1, 3, 1.0);
    let executor = Executor::new(g, &[y]).unwrap();
    assert!(executor.activation_bytes() <= MAX_ACTIVATION_BYTES);
}

/// A large kernel with one filter is not filled up to 16 filters.
#[test]
fn large_weights_are_not_inflated() {
    let (mut g, x) = graph(&[1, 1, 8, 8]);
    let y = conv(&mut g, x, 1, 1001, 1.0);
    let node = &g.nodes()[0];
    let fused = g.with_inputs(&node.inputs, |inputs| super::convolution(&*node.operator, inputs)).unwrap().unwrap();
    let blocked = g.with_inputs(&node.inputs, |inputs| fused.prepare_blocked(inputs, &[crate::Layout::Dense])).unwrap();
    assert!(blocked.unwrap().is_none());
    assert!(run(g, y, 1.0).iter().all(|&value| value == 64.0));
}

/// A value that somebody else reads, or that is asked for, is not fused away.
#[test]
fn what_others_read_is_kept() {
    let (mut g, x) = graph(&[1, 20, 5, 5]);
    let y = conv(&mut g, x, 20, 3, -1.0);
    let z = g.apply(Unary::RELU, &[y]).unwrap();
    let sum = g.apply(Add, &[y, z]).unwrap();
    let input = Value::F32(Tensor::full(&[1, 20, 5, 5], 1.0));
    let executor = Executor::new(g, &[sum, z, y]).unwrap();
    let results = executor.run_one(&input).unwrap();
    let first: Vec<_> = results.iter().map(|value| value.as_f32().unwrap().data()[0]).collect();
    assert_eq!(first, [-80.0, 0.0, -80.0]);
}
