//! Memory that a graph may ask for: constants together, and activations that live at once.

use eyebar_network::operators::{Add, Binary, Expand, Mul, Variadic};
use eyebar_network::{DataType, Executor, Graph, MAX_ACTIVATION_BYTES, NetworkError, TensorType, Value, ValueId};
use eyebar_tensor::Tensor;

fn kind(shape: &[usize]) -> TensorType {
    TensorType::new(DataType::F32, shape.to_vec()).unwrap()
}

fn expand(graph: &mut Graph, value: ValueId, shape: &[i64]) -> ValueId {
    let target = graph.add_constant(Tensor::vector(shape.to_vec()));
    graph.apply(Expand, &[value, target]).unwrap()
}

/// Each constant alone is within the limit of what is folded, all of them are not.
#[test]
fn constants_of_many_nodes_are_bounded_together() {
    let mut graph = Graph::new();
    let one = graph.add_constant(Value::U8(Tensor::scalar(1)));
    let values: Vec<_> = (0..4).map(|_| expand(&mut graph, one, &[1 << 13, 1 << 14])).collect();
    let folded = values.iter().filter(|&&id| graph.constant_value(id).is_some()).count();
    assert_eq!(folded, 2);
    assert_eq!(graph.nodes().len(), 2, "the others are computed by a run");
    let small = expand(&mut graph, one, &[64]);
    assert!(graph.constant_value(small).is_some(), "large constants leave room for shapes");
    let clone = graph.specialise(&[], &values[2..]).unwrap();
    assert!(values[2..].iter().all(|&id| clone.constant_value(id).is_none()), "the limit does not start again");
}

#[test]
fn small_constants_are_bounded_too() {
    let mut graph = Graph::new();
    let one = graph.add_constant(Value::U8(Tensor::scalar(1)));
    let target = graph.add_constant(Tensor::vector(vec![1i64 << 12]));
    let rounds = (1 << 26 >> 12) + 8;
    let last = (0..rounds).map(|_| graph.apply(Expand, &[one, target]).unwrap()).last().unwrap();
    assert!(graph.constant_value(last).is_none());
    assert_eq!(graph.nodes().len(), 8);
}

/// A layer may be far larger than what may be folded; its gradient of zeros must not become a constant.
#[test]
fn gradients_of_zeros_and_ones_are_no_large_constants() {
    let mut graph = Graph::new();
    let x = graph.add_input("x", kind(&[1 << 15, 1 << 14]));
    let y = graph.add_input("y", kind(&[1 << 15, 1 << 14]));
    let zero = graph.add_gradient(x, &[y]).unwrap()[0];
    assert_eq!(graph.shape(zero), [1 << 15, 1 << 14]);
    let large = graph.value_ids().filter_map(|id| graph.constant_value(id)).map(Value::len).max();
    assert!(large < Some(100), "{large:?}");
}

#[test]
fn gradients_of_zeros_are_zeros() {
    let mut graph = Graph::new();
    let x = graph.add_input("x", kind(&[2, 3]));
    let y = graph.add_input("y", kind(&[100, 100]));
    let gradients = graph.add_gradient(x, &[x, y]).unwrap();
    let input: Value = Tensor::full(&[2, 3], 5.0f32).into();
    let other: Value = Tensor::full(&[100, 100], 5.0f32).into();
    let executor = Executor::new(graph, &gradients).unwrap();
    let found = executor.run(&[(x, &input), (y, &other)]).unwrap();
    assert_eq!(found, [Tensor::full(&[2, 3], 1.0f32).into(), Value::F32(Tensor::zeros(&[100, 100]))]);
}

/// 805 MB are a lot, and allowed; five such values that live at once are more than the limit.
#[test]
fn activations_are_added_up_before_a_run() {
    let mut graph = Graph::new();
    let x = graph.add_input("x", kind(&[1]));
    let shape = [1 << 20, 3, 8, 8];
    let one = expand(&mut graph, x, &shape);
    let executor = Executor::new(graph.clone(), &[one]).unwrap();
    assert_eq!(executor.activation_bytes(), (1 << 20) * 3 * 8 * 8 * 4);
    let values: Vec<_> = (0..6).map(|_| expand(&mut graph, x, &shape)).collect();
    let sum = values.iter().skip(1).fold(values[0], |sum, &value| graph.apply(Add, &[sum, value]).unwrap());
    match Executor::new(graph, &[sum]).err() {
        Some(NetworkError::Memory { bytes, limit, .. }) => {
            assert!(bytes > MAX_ACTIVATION_BYTES && limit == MAX_ACTIVATION_BYTES);
        }
        other => panic!("{other:?}"),
    }
}

/// What nobody reads any more does not count: a long chain needs two values at a time.
#[test]
fn values_that_are_dead_do_not_count() {
    let mut graph = Graph::new();
    let x = graph.add_input("x", kind(&[1]));
    let large = expand(&mut graph, x, &[1 << 20, 3, 8, 8]);
    let last = (0..20).fold(large, |value, _| graph.apply(Mul, &[value, x]).unwrap());
    assert_eq!(Executor::new(graph, &[last]).unwrap().activation_bytes(), 2 * (1 << 20) * 3 * 8 * 8 * 4);
}

/// The sum of the bytes of very many huge values is beyond any integer type, the error is the same.
#[test]
fn the_largest_values_are_refused() {
    let mut graph = Graph::new();
    let x = graph.add_input("x", kind(&[1]));
    let huge = expand(&mut graph, x, &[1 << 15, 1 << 16]);
    assert!(matches!(Executor::new(graph.clone(), &[huge]).err(), Some(NetworkError::Memory { .. })));
    let values: Vec<_> = (0..100).map(|_| expand(&mut graph, x, &[1 << 15, 1 << 16])).collect();
    let sum = graph.apply(Variadic::Sum, &values).unwrap();
    assert!(matches!(Executor::new(graph.clone(), &[sum]).err(), Some(NetworkError::Memory { .. })));
    let target = graph.add_constant(Tensor::vector(vec![1i64 << 32, 1 << 32]));
    assert!(graph.apply(Expand, &[x, target]).is_err(), "more elements than any tensor may have");
    assert!(graph.apply(Binary::Sub, &[huge, x]).is_ok());
}
