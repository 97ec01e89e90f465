//! What is refused, and in which words.

mod common;

use common::Network;
use eyebar_explain::{ChannelMean, ClassScore, ExplainError, Similarity, grad_cam};

#[test]
fn a_class_out_of_range_names_the_range() {
    let error = Network::load("vgg16").try_objective(&ClassScore { class: 10 }).unwrap_err();
    assert!(matches!(error, ExplainError::ClassOutOfRange { class: 10, count: 10, .. }));
    assert!(error.to_string().contains("0 to 9"), "{error}");
}

#[test]
fn a_filter_out_of_range_names_the_range() {
    let network = Network::load("vgg16");
    let objective = ChannelMean { channels: vec![100_000], border: 2 };
    let error = grad_cam(&network.graph, network.input, &network.image, network.layer, network.layer, &objective);
    assert!(matches!(error, Err(ExplainError::ChannelOutOfRange { channel: 100_000, .. })));
}

#[test]
fn references_must_fit_the_embedding() {
    assert!(
        Similarity::to(&[0.0; 10]).is_err() && Similarity::to(&[f32::NAN]).is_err() && Similarity::to(&[]).is_err()
    );
    let error = Network::load("vgg16").try_objective(&Similarity::to(&[1.0; 9]).unwrap()).unwrap_err();
    assert!(error.to_string().contains("has 9 numbers, this has 10"), "{error}");
}

#[test]
fn layers_without_places_are_refused() {
    let network = Network::load("vgg16");
    let objective = ClassScore { class: 0 };
    let cam = |layer| grad_cam(&network.graph, network.input, &network.image, network.output, layer, &objective);
    let error = cam(network.output).unwrap_err();
    assert!(error.to_string().contains("[N, C, H, W]"), "{error}");
    let pooled = Network::load("mobilenet_v2");
    let single = pooled.graph.nodes().iter().find(|node| node.operator.name() == "GlobalAveragePool").unwrap();
    let layer = single.outputs[0].unwrap();
    let error = grad_cam(&pooled.graph, pooled.input, &pooled.image, pooled.output, layer, &objective).unwrap_err();
    assert!(error.to_string().contains("a single cell"), "{error}");
}

#[test]
fn a_layer_behind_the_target_is_refused() {
    let network = Network::load("vgg16");
    let first = network.graph.nodes()[0].outputs[0].unwrap();
    let objective = ChannelMean { channels: vec![0], border: 0 };
    let error = grad_cam(&network.graph, network.input, &network.image, first, network.layer, &objective).unwrap_err();
    assert!(matches!(error, ExplainError::Independent { .. }), "{error}");
}
