//! Activation maximisation on a small VGG16 with random weights.

mod common;

use std::cell::Cell;
use std::ops::ControlFlow;

use common::Network;
use eyebar_explain::activation::{Filter, Maximisation, Prior, maximise};
use eyebar_explain::{ExplainError, pre_activation, unwatched};
use eyebar_imaging::InputSpec;
use eyebar_network::operators::Mul;
use eyebar_network::{DataType, TensorType};
use eyebar_tensor::Tensor;

const SIZE: Option<(usize, usize)> = Some((32, 32));

fn spec() -> InputSpec {
    "rgb mean=123.7,116.3,103.5 scale=0.017".parse().unwrap()
}

fn draw(network: &Network, channels: &[usize], options: &Maximisation) -> Vec<Filter> {
    maximise(&network.graph, network.input, &spec(), network.layer, channels, options, &unwatched).unwrap()
}

#[test]
fn filters_rise_with_both_priors() {
    let network = Network::load("shufflenet_v2");
    for prior in [Prior::Pixels { steps: 12, rate: 1.0 }, Prior::Fourier { steps: 24, rate: 0.05 }] {
        let options = Maximisation { prior, size: SIZE, border: 0, ..Maximisation::default() };
        let filters = draw(&network, &[0, 1, 2, 3], &options);
        for filter in &filters {
            assert!(!filter.dead && filter.end > filter.start, "{prior:?}: {} to {}", filter.start, filter.end);
            assert_eq!(filter.image.as_ref().unwrap().dimensions(), (32, 32));
            let half = filter.trace.len() / 2;
            let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len() as f32;
            assert!(mean(&filter.trace[half..]) > mean(&filter.trace[..half]), "{prior:?}: {:?}", filter.trace);
        }
    }
}

/// Neither the number of threads, nor the other filters of a call, nor another run change a filter's picture.
#[test]
fn the_same_seed_gives_the_same_picture() {
    let network = Network::load("shufflenet_v2");
    for prior in [Prior::Pixels { steps: 3, rate: 1.0 }, Prior::Fourier { steps: 3, rate: 0.05 }] {
        let options = Maximisation { prior, size: SIZE, border: 0, ..Maximisation::default() };
        let filters = draw(&network, &[3, 5, 4], &options);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| draw(&network, &[3, 5, 4], &options))
        };
        assert!(on(1) == filters && on(3) == filters, "{prior:?}");
        let one_by_one = Maximisation { memory_limit: 1, ..options };
        for (alone, together) in draw(&network, &[3, 5, 4], &one_by_one).iter().zip(&filters) {
            assert_eq!((alone.channel, alone.dead), (together.channel, together.dead));
            let (a, b) = (alone.image.as_ref().unwrap(), together.image.as_ref().unwrap());
            let far = a.as_raw().iter().zip(b.as_raw()).filter(|(a, b)| a.abs_diff(**b) > 1).count();
            assert!(far * 100 < a.as_raw().len(), "{prior:?}: {far} values differ");
        }
        let other = draw(&network, &[3], &Maximisation { seed: 1, ..options });
        assert_ne!(other[0].image, filters[0].image, "{prior:?}");
    }
}

/// One plan, made for parts of equal size, draws all parts; a filter that does not exist is refused before any is drawn.
#[test]
fn one_plan_serves_all_batches() {
    let network = Network::load("shufflenet_v2");
    let options = Maximisation { prior: Prior::Pixels { steps: 2, rate: 1.0 }, size: SIZE, ..Maximisation::default() };
    let channels = [6, 0, 5, 1, 4];
    let together = draw(&network, &channels, &options);
    // From one at a time to all of them; where parts of two or three are drawn, the last one is not full.
    for limit in [1, 1 << 20, 2 << 20, 3 << 20, 4 << 20, 6 << 20] {
        let in_parts = draw(&network, &channels, &Maximisation { memory_limit: limit, ..options });
        for (part, whole) in in_parts.iter().zip(&together) {
            assert_eq!((part.channel, part.dead), (whole.channel, whole.dead));
            assert!((part.end - whole.end).abs() <= 1e-3 * whole.end.abs(), "{} for {}", part.end, whole.end);
        }
        assert_eq!(in_parts.len(), together.len());
    }
    let calls = Cell::new(0);
    let count = |_, _| {
        calls.set(calls.get() + 1);
        ControlFlow::Continue(())
    };
    let one_by_one = Maximisation { memory_limit: 1, ..options };
    let channels = [0, 1, 1_000_000];
    let error = maximise(&network.graph, network.input, &spec(), network.layer, &channels, &one_by_one, &count);
    assert!(matches!(error, Err(ExplainError::ChannelOutOfRange { channel: 1_000_000, .. })));
    assert_eq!(calls.get(), 0, "nothing was drawn");
}

/// Filters of zeros never rise: they are reported, and no picture is made of the noise.
#[test]
fn dead_filters_are_reported() {
    let network = Network::load("shufflenet_v2");
    let kind = TensorType::new(DataType::F32, vec![1, 3, 32, 32]).unwrap();
    let mut graph = network.graph.specialise(&[(network.input, kind)], &[network.layer]).unwrap();
    let zero = graph.add_constant(Tensor::scalar(0.0f32));
    let layer = graph.apply(Mul, &[network.layer, zero]).unwrap();
    let options = Maximisation {
        prior: Prior::Pixels { steps: 2, rate: 1.0 },
        size: SIZE,
        memory_limit: 1,
        ..Maximisation::default()
    };
    for prior in [Prior::Pixels { steps: 2, rate: 1.0 }, Prior::Fourier { steps: 2, rate: 0.05 }] {
        let options = Maximisation { prior, ..options };
        let filters = maximise(&graph, network.input, &spec(), layer, &[0, 1], &options, &unwatched).unwrap();
        assert!(filters.iter().all(|filter| filter.dead && filter.image.is_none()), "{prior:?}");
    }
}

#[test]
fn relu_is_walked_back() {
    for name in ["vgg16", "mobilenet_v2", "mobilenet_v3", "efficientnet", "resnet_basic"] {
        let network = Network::load(name);
        let activations = ["Relu", "Clip", "HardSwish", "Mul"];
        let mut seen = 0;
        for node in network.graph.nodes().iter().filter(|node| activations.contains(&node.operator.name())) {
            let layer = node.outputs[0].unwrap();
            let before = pre_activation(&network.graph, layer);
            if before != layer {
                seen += 1;
                let producer = network.graph.nodes().iter().find(|n| n.outputs.contains(&Some(before))).unwrap();
                let name = producer.operator.name();
                assert!(["Conv", "Add", "BatchNormalization", "Gemm", "GlobalAveragePool"].contains(&name), "{name}");
            }
        }
        assert!(seen > 1, "{name}: {seen}");
    }
}

/// A network for pictures of one size, one at a time, channels last, is drawn at its size, one filter after the other.
#[test]
fn fixed_networks_are_drawn_at_their_own_size() {
    let network = Network::load("squeezenet_nhwc");
    let spec = "bgr nhwc mean=104,117,124 scale=0.017".parse().unwrap();
    let options = Maximisation { prior: Prior::Pixels { steps: 8, rate: 1.0 }, ..Maximisation::default() };
    let first = network.graph.nodes().iter().find(|node| node.operator.name() == "Relu").unwrap();
    let layer = first.outputs[0].unwrap();
    let filters = maximise(&network.graph, network.input, &spec, layer, &[2, 0], &options, &unwatched).unwrap();
    let [_, height, width, _] = *network.image.shape() else { panic!("four axes") };
    for (filter, channel) in filters.iter().zip([2, 0]) {
        assert_eq!(filter.channel, channel);
        let size = filter.image.as_ref().map(|image| image.dimensions());
        assert_eq!(size, Some((width as u32, height as u32)), "{} to {}", filter.start, filter.end);
    }
    let other = Maximisation { size: Some((128, 128)), ..options };
    let error = maximise(&network.graph, network.input, &spec, layer, &[0], &other, &unwatched).unwrap_err();
    assert!(error.to_string().contains("the model takes"), "{error}");
}

#[test]
fn refusals_and_cancellation() {
    let network = Network::load("shufflenet_v2");
    let run = |options: &Maximisation, channels: &[usize]| {
        maximise(&network.graph, network.input, &spec(), network.layer, channels, options, &unwatched)
    };
    let options = Maximisation { size: SIZE, ..Maximisation::default() };
    assert!(run(&options, &[]).unwrap().is_empty());
    assert!(matches!(run(&options, &[1_000_000]), Err(ExplainError::ChannelOutOfRange { .. })));
    for bad in [
        Maximisation { size: Some((0, 5)), ..options },
        Maximisation { prior: Prior::Pixels { steps: 0, rate: 1.0 }, ..options },
        Maximisation { prior: Prior::Fourier { steps: 1, rate: f32::NAN }, ..options },
    ] {
        assert!(matches!(run(&bad, &[0]), Err(ExplainError::Parameter(_))), "{bad:?}");
    }
    let calls = Cell::new(0);
    let stop = |done, total| {
        calls.set(calls.get() + 1);
        assert_eq!(total, 60);
        if done < 10 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let error = maximise(&network.graph, network.input, &spec(), network.layer, &[0, 1], &options, &stop);
    assert!(matches!(error, Err(ExplainError::Cancelled)));
    assert_eq!(calls.get(), 6, "0, 2, 4, 6, 8 and 10 of 60 steps");
}
