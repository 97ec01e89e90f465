//! The similarity objective: its value against the definition, its gradient against finite differences.

mod common;

use common::Network;
use eyebar_explain::{Objective, Similarity, grad_cam};
use eyebar_network::{DataType, Executor, Graph, TensorType, Value};
use eyebar_tensor::Tensor;
use eyebar_testkit::{Tolerance, compare};

/// Cosines, and gradients of their sum, of embeddings `[2, 2, 3]`.
fn run(reference: &[f32], embeddings: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut graph = Graph::new();
    let input = graph.add_input("embedding", TensorType::new(DataType::F32, vec![2, 2, 3]).unwrap());
    let score = Similarity::to(reference).unwrap().add(&mut graph, input).unwrap();
    assert_eq!(graph.shape(score), [2]);
    let gradient = graph.add_gradient(score, &[input]).unwrap()[0];
    let executor = Executor::new(graph, &[score, gradient]).unwrap();
    let input = Value::F32(Tensor::new(&[2, 2, 3], embeddings.to_vec()).unwrap());
    let [score, gradient] = executor.run_one(&input).unwrap().try_into().unwrap();
    (score.into_f32().unwrap().into_data(), gradient.into_f32().unwrap().into_data())
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn value_and_gradient_follow_the_definition() {
    let reference = [0.5f32, -2.0, 1.0, 0.0, 3.0, -0.25];
    let embeddings = [1.0f32, 2.0, -1.0, 0.5, 4.0, 0.1, -0.5, 2.0, -1.0, 0.0, -3.0, 0.25];
    let (scores, gradient) = run(&reference, &embeddings);
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let reference = wide(&reference);
    let total = |values: &[f64]| values.chunks_exact(6).map(|row| cosine(row, &reference)).sum::<f64>();
    let values = wide(&embeddings);
    let expected: Vec<_> = values.chunks_exact(6).map(|row| cosine(row, &reference) as f32).collect();
    compare(&scores, &expected, Tolerance::VeryClose).unwrap();
    assert!((scores[1] + 1.0).abs() < 1e-6, "the second is the opposite");
    let slopes: Vec<_> = (0..12)
        .map(|at| {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[at] += by;
                total(&values)
            };
            ((moved(1e-5) - moved(-1e-5)) / 2e-5) as f32
        })
        .collect();
    compare(&gradient, &slopes, Tolerance::Close).unwrap();
}

#[test]
fn an_embedding_of_zeros_is_like_nothing() {
    let (scores, gradient) = run(&[1.0; 6], &[0.0; 12]);
    assert_eq!(scores, [0.0, 0.0]);
    assert!(gradient.iter().all(|g| g.is_finite()));
}

/// Towards itself a picture has the similarity 1, at its top: no direction speaks for more.
#[test]
fn maps_of_similarity() {
    let network = Network::load("resnet_basic");
    let itself = Similarity::to(network.expected("logits")).unwrap();
    let map = |objective: &dyn Objective| {
        grad_cam(&network.graph, network.input, &network.image, network.output, network.layer, objective).unwrap()
    };
    assert!((map(&itself).score - 1.0).abs() < 1e-5);
    let mut other = vec![0.0; 10];
    other[network.class] = 1.0;
    let cam = map(&Similarity::to(&other).unwrap());
    assert!(!cam.zero && cam.score.abs() < 1.0);
}
