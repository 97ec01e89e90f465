//! Logits, input gradients and Grad-CAM maps of twelve small networks against PyTorch (float64).

mod common;

use common::{NETWORKS, Network};
use eyebar_explain::{ClassScore, GradCam, Objective, grad_cam};
use eyebar_network::{DataType, Executor, TensorType, Value};
use eyebar_tensor::Tensor;
use eyebar_testkit::{Tolerance, compare};

fn check(name: &str, what: &str, found: &[f32], expected: &[f32]) -> Result<(), String> {
    compare(found, expected, Tolerance::Close).map(drop).map_err(|mismatch| format!("{name}, {what}: {mismatch}"))
}

fn check_network(name: &str) -> Result<(), String> {
    let network = Network::load(name);
    let fail = |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let objective = ClassScore { class: network.class };
    let kind = TensorType::new(DataType::F32, network.image.shape().to_vec()).unwrap();
    let graph = network.graph.specialise(&[(network.input, kind)], &[network.output]);
    let mut graph = graph.map_err(|error| fail(&error))?;
    let score = objective.add(&mut graph, network.output).map_err(|error| fail(&error))?;
    let gradient = graph.add_gradient(score, &[network.input]).map_err(|error| fail(&error))?[0];
    let executor = Executor::new(graph, &[network.output, gradient]).map_err(|error| fail(&error))?;
    let results = executor.run_one(&Value::F32(network.image.clone())).map_err(|error| fail(&error))?;
    let [logits, gradient] = [0, 1].map(|index: usize| results[index].as_f32().unwrap());
    check(name, "logits", logits.data(), network.expected("logits"))?;
    check(name, "input gradient", gradient.data(), network.expected("input_gradient"))?;

    let cam = grad_cam(&network.graph, network.input, &network.image, network.output, network.layer, &objective);
    let cam = cam.map_err(|error| fail(&error))?;
    assert_eq!(cam.map.shape(), network.expected_shape("cam"), "{name}");
    check(name, "Grad-CAM", cam.map.data(), network.expected("cam"))?;
    check(name, "score", &[cam.score], &network.expected("logits")[network.class..=network.class])?;
    assert!(!cam.zero, "{name}");
    Ok(())
}

#[test]
fn logits_input_gradients_and_grad_cam_agree_with_pytorch() {
    let failures: Vec<_> = NETWORKS.iter().filter_map(|name| check_network(name).err()).collect();
    assert!(failures.is_empty(), "{} of {} networks fail:\n{}", failures.len(), NETWORKS.len(), failures.join("\n"));
}

/// A batch gives the maps of its images, and a plan can be used again.
#[test]
fn a_batch_gives_the_maps_of_its_images() {
    let network = Network::load("resnet_bottleneck");
    let objective = ClassScore { class: network.class };
    let mut shape = network.image.shape().to_vec();
    shape[0] = 2;
    let other: Vec<f32> = network.image.data().iter().map(|v| 0.5 - v).collect();
    let both = Tensor::new(&shape, [network.image.data(), &other].concat()).unwrap();
    let other = Tensor::new(network.image.shape(), other).unwrap();
    let plan = |shape: &[usize]| {
        GradCam::new(&network.graph, network.input, shape, network.output, network.layer, &objective).unwrap()
    };
    let one = plan(network.image.shape());
    let batch = plan(&shape);
    let expected = [one.run(&network.image).unwrap(), one.run(&other).unwrap()];
    for _ in 0..2 {
        for (found, expected) in batch.run_batch(&both).unwrap().iter().zip(&expected) {
            compare(found.map.data(), expected.map.data(), Tolerance::Close).unwrap();
            compare(&[found.score], &[expected.score], Tolerance::Close).unwrap();
        }
    }
    assert_eq!(one.run(&network.image).unwrap(), expected[0], "the same bytes again");
    assert!(batch.run(&both).unwrap_err().to_string().contains("run_batch"));
}
