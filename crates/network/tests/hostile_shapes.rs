//! Shapes, pads and axes that no exporter writes: an error before anything runs, never a panic or a huge allocation.

use std::sync::Arc;

use eyebar_network::operators::{Concat, Expand, GlobalPool, Pad, Reshaping, Slice, Transpose};
use eyebar_network::{DataType, Graph, Operator, TensorType, Value};
use eyebar_tensor::Tensor;

/// Whether the operator takes an f32 tensor of `shape` and these constants.
fn takes(operator: impl Operator, shape: &[usize], constants: &[&[i64]]) -> bool {
    let mut graph = Graph::new();
    let kind = TensorType::new(DataType::F32, shape.to_vec()).expect("the test's own shape is small");
    let mut inputs = vec![Some(graph.add_input("x", kind))];
    inputs.extend(constants.iter().map(|values| {
        let value: Value = Tensor::vector(values.to_vec()).into();
        Some(graph.add_constant(value))
    }));
    graph.add_node(Arc::new(operator), &inputs).is_ok()
}

const MAX: i64 = i64::MAX;
const MIN: i64 = i64::MIN;

#[test]
fn pads() {
    assert!(takes(Pad::constant(), &[2, 3], &[&[0, 1, 2, -1]]));
    for pads in [&[MAX, 0, MAX, 0][..], &[MIN, 0, MAX, 0], &[0, 0, 0, 1 << 40], &[0, -2, 0, -2], &[1, 1], &[]] {
        assert!(!takes(Pad::constant(), &[2, 3], &[pads]), "{pads:?}");
    }
}

#[test]
fn axes() {
    assert!(takes(Concat::new(-2), &[2, 3], &[]));
    assert!(!takes(Concat::new(-3), &[2, 3], &[]));
    assert!(!takes(Concat::new(MIN), &[2, 3], &[]));
    assert!(!takes(Transpose::new(&[0, 0]), &[2, 3], &[]));
    assert!(!takes(Transpose::new(&[0, 2]), &[2, 3], &[]));
    assert!(!takes(Transpose::new(&[0]), &[2, 3], &[]));
}

#[test]
fn slices() {
    assert!(takes(Slice, &[5], &[&[MIN], &[MAX], &[0], &[MAX]]));
    assert!(takes(Slice, &[0], &[&[-1], &[MIN], &[0], &[-1]]));
    assert!(!takes(Slice, &[5], &[&[0], &[1], &[0], &[0]]));
    assert!(!takes(Slice, &[5, 5], &[&[0, 0], &[1, 1], &[0, -2]]));
    assert!(!takes(Slice, &[5], &[&[0, 1], &[1]]));
    assert!(!takes(Slice, &[5], &[&[0], &[1], &[MIN]]));
}

#[test]
fn targets() {
    assert!(takes(Reshaping::reshape(), &[0, 4], &[&[4, 0]]));
    for target in [&[MAX, MAX][..], &[MIN], &[-1, -1], &[3, -1], &[1 << 20, 1 << 20, 1 << 20]] {
        assert!(!takes(Reshaping::reshape(), &[2, 4], &[target]), "{target:?}");
    }
    assert!(takes(Expand, &[2, 1], &[&[3, 1, 4]]));
    for target in [&[MAX, 1, 1][..], &[-1, 2, 1], &[3, 1], &[1 << 20, 1 << 20, 2, 1], &[1; 20]] {
        assert!(!takes(Expand, &[2, 1], &[target]), "{target:?}");
    }
}

#[test]
fn global_pools_need_cells() {
    assert!(takes(GlobalPool::Average, &[0, 3, 2, 2], &[]));
    assert!(!takes(GlobalPool::Average, &[1, 3, 0, 2], &[]));
    assert!(!takes(GlobalPool::Max, &[3], &[]));
}
