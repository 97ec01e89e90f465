//! Occlusion against a straightforward twin that hides one patch at a time.

mod common;

use std::cell::RefCell;
use std::ops::ControlFlow;

use common::{NETWORKS, Network};
use eyebar_explain::perturbation::{Occlusion, Scorer};
use eyebar_explain::{ClassScore, ExplainError, unwatched};
use eyebar_imaging::InputSpec;
use eyebar_network::{DataType, Edit, Executor, TensorType, Value};
use eyebar_tensor::Tensor;
use eyebar_testkit::{Tolerance, compare};

fn scorer(network: &Network, batch: usize) -> Scorer {
    let objective = ClassScore { class: network.class };
    Scorer::new(&network.graph, network.input, network.image.shape(), network.output, &objective, batch).unwrap()
}

/// The map by the definition: for each pixel, the mean over all patches that cover it.
fn naive(network: &Network, spec: &InputSpec, occlusion: Occlusion) -> (Vec<f32>, usize) {
    let kind = TensorType::new(DataType::F32, network.image.shape().to_vec()).unwrap();
    let graph = network.graph.specialise(&[(network.input, kind)], &[network.output]).unwrap();
    let executor = Executor::new(graph, &[network.output]).unwrap();
    let score =
        |image: Tensor| executor.run_one(&Value::F32(image)).unwrap()[0].as_f32().unwrap().data()[network.class];
    let (width, height) = spec.width_height(network.image.shape()).unwrap();
    let edges = |len: usize| {
        let mut edges: Vec<_> = (0..len).step_by(occlusion.stride).filter(|at| at + occlusion.patch <= len).collect();
        if edges.last() != Some(&(len - occlusion.patch)) {
            edges.push(len - occlusion.patch);
        }
        edges
    };
    let base = score(network.image.clone());
    let mut drops = vec![Vec::new(); width * height];
    for &top in &edges(height) {
        for &left in &edges(width) {
            let inside = |row, column| {
                (top..top + occlusion.patch).contains(&row) && (left..left + occlusion.patch).contains(&column)
            };
            let drop = base
                - score(Tensor::from_fn(network.image.shape(), |at| {
                    let (channel, row, column) = spec.place(at, width, height);
                    let grey = (occlusion.fill - spec.mean[channel]) * spec.scale[channel];
                    if inside(row, column) { grey } else { network.image.data()[at] }
                }));
            for (at, drops) in drops.iter_mut().enumerate() {
                if inside(at / width, at % width) {
                    drops.push(drop);
                }
            }
        }
    }
    let passes = edges(height).len() * edges(width).len() + 1;
    (drops.iter().map(|drops| drops.iter().sum::<f32>() / drops.len() as f32).collect(), passes)
}

#[test]
fn agrees_with_the_naive_twin() {
    let occlusion = Occlusion { patch: 17, stride: 12, fill: 100.0 };
    for (name, spec, batch, planned) in [
        ("resnet_bottleneck", "rgb mean=120,110,100 scale=0.02", 4, 4),
        ("squeezenet_nhwc", "bgr nhwc mean=90 scale=0.01,0.02,0.03", 8, 8),
    ] {
        let network = Network::load(name);
        let spec: InputSpec = spec.parse().unwrap();
        let scorer = scorer(&network, batch);
        assert_eq!(scorer.batch(), planned, "{name}");
        let calls = RefCell::new(Vec::new());
        let watch = |done, total| {
            calls.borrow_mut().push((done, total));
            ControlFlow::Continue(())
        };
        let found = occlusion.run(&scorer, &network.image, &spec, &watch).unwrap();
        let (expected, passes) = naive(&network, &spec, occlusion);
        compare(found.map.data(), &expected, Tolerance::Close).unwrap();
        let calls = calls.into_inner();
        assert_eq!((calls[0], *calls.last().unwrap()), ((0, passes), (passes, passes)));
        compare(&[found.base], &[network.expected("logits")[network.class]], Tolerance::Close).unwrap();
        assert_eq!(found.scores.len(), found.rows.len() * found.columns.len());
        assert_eq!(occlusion.run(&scorer, &network.image, &spec, &unwatched).unwrap(), found, "the same bytes again");
    }
}

/// Scores of edits, computed only where an edit reaches, are those of the whole images.
#[test]
fn edits_are_scored_as_whole_images() {
    let mut random = fastrand::Rng::with_seed(7);
    for name in NETWORKS.into_iter().filter(|&name| name != "squeezenet_nhwc") {
        let network = Network::load(name);
        let scorer = scorer(&network, 3);
        let &[_, channels, height, width] = network.image.shape() else { panic!("an image") };
        for (rows, columns) in [(1, 1), (7, 5), (17, 23), (height, 3), (height, width)] {
            let mut places = vec![(0, 0), (height - rows, width - columns), (0, width - columns)];
            places.extend((0..4).map(|_| (random.usize(0..=height - rows), random.usize(0..=width - columns))));
            let edits: Vec<_> = places
                .into_iter()
                .map(|(top, left)| {
                    let pixels = Tensor::from_fn(&[channels, rows, columns], |_| random.f32() * 2.0 - 1.0);
                    Edit { top, left, pixels }
                })
                .collect();
            let found = scorer.edited(&network.image, edits.iter().cloned(), &unwatched).unwrap();
            let images: Vec<Vec<f32>> = edits
                .iter()
                .map(|edit| {
                    let mut image = network.image.data().to_vec();
                    for (index, value) in edit.pixels.data().iter().enumerate() {
                        let (channel, pixel) = (index / (rows * columns), index % (rows * columns));
                        let (row, column) = (edit.top + pixel / columns, edit.left + pixel % columns);
                        image[(channel * height + row) * width + column] = *value;
                    }
                    image
                })
                .collect();
            let images: Vec<_> = images.iter().map(Vec::as_slice).collect();
            let expected: Vec<f32> =
                images.chunks(scorer.batch()).flat_map(|images| scorer.scores(images).unwrap()).collect();
            compare(&found, &expected, Tolerance::Close)
                .unwrap_or_else(|error| panic!("{name}, {rows} × {columns}: {error}"));
        }
    }
}

#[test]
fn edits_of_several_sizes_are_scored_in_their_order() {
    let network = Network::load("resnet_bottleneck");
    let scorer = scorer(&network, 2);
    let &[_, channels, height, width] = network.image.shape() else { panic!("an image") };
    // More than are put in order at a time.
    let edits: Vec<_> = (0..70)
        .map(|index| {
            let (rows, columns) = (1 + index % 3, 1 + index % 5);
            let (top, left) = (index * 7 % (height - rows), index * 11 % (width - columns));
            Edit { top, left, pixels: Tensor::full(&[channels, rows, columns], index as f32 * 0.1 - 3.0) }
        })
        .collect();
    let found = scorer.edited(&network.image, edits.iter().cloned(), &unwatched).unwrap();
    let alone = |edit: &Edit| scorer.edited(&network.image, std::iter::once(edit.clone()), &unwatched).unwrap()[0];
    let expected: Vec<_> = edits.iter().map(alone).collect();
    compare(&found, &expected, Tolerance::Close).unwrap();
    assert!(found.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 1e-3), "scores that differ");
}

#[test]
fn edits_are_checked() {
    let network = Network::load("resnet_bottleneck");
    let scorer = scorer(&network, 2);
    let &[_, channels, height, width] = network.image.shape() else { panic!("an image") };
    let edit = |top, left, shape: &[usize]| Edit { top, left, pixels: Tensor::zeros(shape) };
    for edits in [
        vec![edit(height, 0, &[channels, 1, 1])],
        vec![edit(0, usize::MAX, &[channels, 1, 1])],
        vec![edit(0, 0, &[channels + 1, 1, 1])],
        vec![edit(0, 0, &[channels, height + 1, width])],
        vec![edit(0, 0, &[1])],
    ] {
        assert!(matches!(
            scorer.edited(&network.image, edits.iter().cloned(), &unwatched),
            Err(ExplainError::Input { .. })
        ));
    }
    assert!(scorer.edited(&network.image, std::iter::empty(), &unwatched).unwrap().is_empty());
}

#[test]
fn can_be_cancelled() {
    let network = Network::load("resnet_bottleneck");
    let scorer = scorer(&network, 4);
    let spec = "rgb".parse().unwrap();
    let stop = |done, _| if done < 8 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    let error = Occlusion::default().run(&scorer, &network.image, &spec, &stop).unwrap_err();
    assert!(matches!(error, ExplainError::Cancelled));
}

#[test]
fn parameters_and_shapes_are_checked() {
    let network = Network::load("resnet_bottleneck");
    let scorer = scorer(&network, 1);
    let spec = "rgb".parse().unwrap();
    let run = |patch, stride, fill| {
        Occlusion { patch, stride, fill }.run(&scorer, &network.image, &spec, &unwatched).unwrap_err().to_string()
    };
    assert!(run(10, 11, 0.0).contains("every pixel"));
    assert!(run(0, 0, 0.0).contains("patch 0"));
    assert!(run(10, 5, f32::NAN).contains("grey value"));
    let small = Tensor::zeros(&[1, 3, 4, 4]);
    let error = Occlusion::default().run(&scorer, &small, &spec, &unwatched).unwrap_err();
    assert!(matches!(error, ExplainError::Input { .. }), "{error}");
}

/// A patch larger than the picture hides all of it.
#[test]
fn a_large_patch_is_cut() {
    let network = Network::load("resnet_bottleneck");
    let scorer = scorer(&network, 8);
    let occlusion = Occlusion { patch: 1000, stride: 1000, fill: 0.0 };
    let found = occlusion.run(&scorer, &network.image, &"rgb".parse().unwrap(), &unwatched).unwrap();
    assert_eq!(found.scores.len(), 1);
    assert!(found.map.data().iter().all(|&drop| drop == found.base - found.scores[0]));
}
