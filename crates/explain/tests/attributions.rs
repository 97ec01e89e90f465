//! Integrated gradients against Captum (float64).

mod common;

use std::ops::ControlFlow;

use common::Network;
use eyebar_explain::attribution::IntegratedGradients;
use eyebar_explain::{ClassScore, ExplainError, unwatched};
use eyebar_tensor::Tensor;
use eyebar_testkit::{Archive, Tolerance, compare, fixtures};

const STEPS: usize = 20;

fn plan(network: &Network, steps: usize, batch: usize) -> Result<IntegratedGradients, ExplainError> {
    let objective = ClassScore { class: network.class };
    let shape = network.image.shape();
    IntegratedGradients::new(&network.graph, network.input, shape, network.output, &objective, steps, batch)
}

#[test]
fn integrated_gradients_agree_with_captum() {
    for name in ["vgg16", "resnet_bottleneck", "mobilenet_v2", "squeezenet_nhwc"] {
        let network = Network::load(name);
        let expected = Archive::read(&fixtures().join(format!("reference/attributions/{name}.safetensors"))).unwrap();
        let expected = |key: &str| expected.get(key).unwrap().as_f32().unwrap();
        let baseline = Tensor::full(network.image.shape(), 0.25);
        for batch in [1, 4] {
            let found = plan(&network, STEPS, batch).unwrap().run(&network.image, &baseline, &unwatched).unwrap();
            let check = |what: &str, found: &[f32], key: &str| {
                compare(found, expected(key), Tolerance::Close)
                    .unwrap_or_else(|error| panic!("{name}, {what}: {error}"));
            };
            check("attributions", found.values.data(), "values");
            check("scores", &[found.score, found.baseline], "scores");
            let sum: f64 = expected("values").iter().map(|&value| f64::from(value)).sum();
            let gap = sum as f32 - (expected("scores")[0] - expected("scores")[1]);
            assert!((found.gap() - gap).abs() < 1e-3, "{name}: {} instead of {gap}", found.gap());
        }
    }
}

#[test]
fn more_steps_close_the_gap() {
    let network = Network::load("vgg16");
    let baseline = Tensor::zeros(network.image.shape());
    let gap = |steps| plan(&network, steps, 8).unwrap().run(&network.image, &baseline, &unwatched).unwrap().gap().abs();
    assert!(gap(200) < 0.2 * gap(5), "{} {}", gap(200), gap(5));
}

#[test]
fn parameters_and_shapes_are_checked() {
    let network = Network::load("vgg16");
    for steps in [0, usize::MAX] {
        assert!(matches!(plan(&network, steps, 1), Err(ExplainError::Parameter(reason)) if reason.contains("hint")));
    }
    let baseline = Tensor::zeros(network.image.shape());
    let plan = plan(&network, 3, 2).unwrap();
    let small = Tensor::zeros(&[1, 3, 4, 4]);
    assert!(matches!(plan.run(&small, &baseline, &unwatched), Err(ExplainError::Input { .. })));
    assert!(matches!(plan.run(&network.image, &small, &unwatched), Err(ExplainError::Input { .. })));
    let stopped = plan.run(&network.image, &baseline, &|_, _| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(ExplainError::Cancelled)));
}
