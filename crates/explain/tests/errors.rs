//! What is refused, and in which words.

mod common;

use common::Network;
use eyebar_explain::evaluate::shares;
use eyebar_explain::perturbation::{Occlusion, Scorer};
use eyebar_explain::{ChannelMean, ClassScore, ExplainError, GradCam, Similarity, grad_cam, unwatched};
use eyebar_tensor::Tensor;

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

/// Whatever is refused, the message ends with what to do.
#[test]
fn every_refusal_has_a_remedy() {
    let network = Network::load("vgg16");
    let (graph, input, image) = (&network.graph, network.input, &network.image);
    let shape = image.shape();
    let class = ClassScore { class: 0 };
    let filters = ChannelMean { channels: vec![0, 1, 2], border: 0 };
    let plan = GradCam::new(graph, input, shape, network.output, network.layer, &class).unwrap();
    let twice: Vec<_> = std::iter::once(2).chain(shape[1..].iter().copied()).collect();
    let two = Tensor::zeros(&twice);
    let free = Network::load("efficientnet_dynamic");
    let pair: Vec<_> = std::iter::once(2).chain(free.image.shape()[1..].iter().copied()).collect();
    let batch = GradCam::new(&free.graph, free.input, &pair, free.output, free.layer, &class).unwrap();
    let map = Tensor::zeros(&[4]);
    let scorer = Scorer::new(graph, input, shape, network.output, &class, 1).unwrap();
    let errors: Vec<ExplainError> = vec![
        network.try_objective(&ClassScore { class: 10 }).unwrap_err(),
        network.try_objective(&Similarity::to(&[1.0; 9]).unwrap()).unwrap_err(),
        network.try_objective(&ChannelMean { channels: vec![0], border: 0 }).unwrap_err(),
        grad_cam(graph, input, image, network.layer, network.layer, &filters).unwrap_err(),
        Similarity::to(&[0.0]).unwrap_err(),
        batch.run(&Tensor::full(&pair, 0.5)).unwrap_err(),
        plan.run(&Tensor::full(shape, f32::NAN)).unwrap_err(),
        shares(&map, &[]).unwrap_err(),
        Scorer::new(graph, input, &twice, network.output, &class, 1).err().unwrap(),
        scorer.scores(&[&[0.0]]).unwrap_err(),
        Occlusion { patch: 3, stride: 0, ..Occlusion::default() }
            .run(&scorer, image, &"rgb".parse().unwrap(), &unwatched)
            .unwrap_err(),
        Occlusion::default().run(&scorer, &two, &"rgb".parse().unwrap(), &unwatched).unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("; hint: "), "{error}");
    }
}
