//! Each convolution of the bundled models, alone, with the kernel that the plan chooses for it.
#![allow(missing_docs)]

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eyebar_network::{DataType, Executor, Graph, TensorType, Value, ValueId, onnx};
use eyebar_tensor::Tensor;

/// Bundled models and the shape of a picture.
const MODELS: &[(&str, [usize; 4])] = &[
    ("vgg16", [1, 224, 224, 3]),
    ("efficientnet-lite0", [1, 3, 224, 224]),
    ("sface", [1, 3, 112, 112]),
    ("yunet", [1, 3, 640, 640]),
];

fn layers(criterion: &mut Criterion) {
    for &(model, shape) in MODELS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../models/{model}.onnx"));
        let graph = onnx::read_file(&path).expect("a bundled model").graph;
        let kind = |shape: &[usize]| TensorType { dtype: DataType::F32, shape: shape.to_vec() };
        let whole =
            graph.specialise(&[(graph.inputs()[0], kind(&shape))], graph.outputs()).expect("it takes the shape");
        let mut group = criterion.benchmark_group(model);
        for node in whole.nodes().iter().filter(|node| node.operator.name() == "Conv") {
            let (Some(input), Some(output)) = (node.inputs[0], node.outputs[0]) else { continue };
            let layer = whole.specialise(&[(input, kind(whole.shape(input)))], &[output]).expect("a layer by itself");
            bench_layer(&mut group, &whole, layer, (input, output));
        }
        group.finish();
    }
}

fn bench_layer(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    whole: &Graph,
    layer: Graph,
    (input, output): (ValueId, ValueId),
) {
    let executor = Executor::new(layer, &[output]).expect("it runs");
    // The others put the values between rows and blocks; inside a network they are mostly not there.
    let steps: Vec<_> = executor.steps().collect();
    let Some((index, step)) = steps.iter().enumerate().max_by_key(|(_, step)| step.multiply_adds) else { return };
    let image = Value::F32(Tensor::from_fn(whole.shape(input), |index| ((index * 7919) % 1009) as f32 / 504.5 - 1.0));
    group.throughput(Throughput::Elements(step.multiply_adds));
    group.bench_function(BenchmarkId::new(step.algorithm, step.node), |bench| {
        bench.iter_custom(|runs| (0..runs).map(|_| seconds_of_step(&executor, input, &image, index)).sum());
    });
}

fn seconds_of_step(executor: &Executor, input: ValueId, image: &Value, step: usize) -> Duration {
    let (mut last, mut spent) = (Instant::now(), Duration::ZERO);
    let watch = &mut |done| {
        let now = Instant::now();
        if done == step {
            spent = now - last;
        }
        last = now;
    };
    executor.recycle(executor.run_watched(&[(input, image)], watch).expect("it runs"));
    spent
}

fn brief() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group!(name = benches; config = brief(); targets = layers);
criterion_main!(benches);
