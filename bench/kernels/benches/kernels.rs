//! Each kernel on layers of well-known networks, with all threads that rayon has (`RAYON_NUM_THREADS`).
//!
//! Convolutions state their rate in multiply-adds of the direct sum, of which Winograd's algorithm needs fewer; what is
//! bound by memory states it in bytes.
#![allow(missing_docs)]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eyebar_tensor::blocked::{
    Activation, BLOCK, DepthwiseConv, DirectConv, Epilogue, WinogradConv, block, blocks, global_average, pool_max,
    pool_max_gradient, unblock,
};
use eyebar_tensor::conv::Conv2d;
use eyebar_tensor::gemm::{Matrix, matmul, times, times_transposed};
use eyebar_tensor::simd::Isa;

/// name, channels, side of the map, filters, kernel, stride, groups
const CONVOLUTIONS: &[(&str, usize, usize, usize, usize, usize, usize)] = &[
    ("vgg16 block1_conv1", 3, 224, 64, 3, 1, 1),
    ("vgg16 block1_conv2", 64, 224, 64, 3, 1, 1),
    ("vgg16 block2_conv1", 64, 112, 128, 3, 1, 1),
    ("vgg16 block2_conv2", 128, 112, 128, 3, 1, 1),
    ("vgg16 block3_conv1", 128, 56, 256, 3, 1, 1),
    ("vgg16 block3_conv2", 256, 56, 256, 3, 1, 1),
    ("vgg16 block4_conv1", 256, 28, 512, 3, 1, 1),
    ("vgg16 block4_conv2", 512, 28, 512, 3, 1, 1),
    ("vgg16 block5_conv1", 512, 14, 512, 3, 1, 1),
    ("resnet50 stem", 3, 224, 64, 7, 2, 1),
    ("resnet50 1x1 reduce", 256, 56, 64, 1, 1, 1),
    ("resnet50 1x1 expand", 64, 56, 256, 1, 1, 1),
    ("resnet50 layer4 1x1", 2048, 7, 512, 1, 1, 1),
    ("resnet50 3x3 stride 2", 128, 56, 128, 3, 2, 1),
    ("resnet50 layer4 3x3", 512, 7, 512, 3, 1, 1),
    ("mobilenet depthwise", 144, 56, 144, 3, 1, 144),
    ("mobilenet depthwise stride 2", 144, 56, 144, 3, 2, 144),
    ("mobilenet 1x1 expand", 24, 56, 144, 1, 1, 1),
    ("mobilenet 1x1 reduce", 144, 56, 24, 1, 1, 1),
    ("mobilenet 1x1 deep", 160, 7, 960, 1, 1, 1),
    ("yunet 1x1", 64, 80, 64, 1, 1, 1),
    ("yunet depthwise", 64, 80, 64, 3, 1, 64),
    ("sface depthwise", 64, 56, 64, 3, 1, 64),
    ("sface 1x1", 512, 14, 512, 1, 1, 1),
];

/// name, channels, side of the map, kernel, stride
const POOLS: &[(&str, usize, usize, usize, usize)] =
    &[("vgg16 block1_pool", 64, 224, 2, 2), ("vgg16 block4_pool", 512, 28, 2, 2), ("resnet50 stem", 64, 112, 3, 2)];

/// name, inputs, outputs, images
const DENSE_LAYERS: &[(&str, usize, usize, usize)] = &[
    ("vgg16 fc1", 25_088, 4096, 1),
    ("vgg16 fc1, 32 images", 25_088, 4096, 32),
    ("vgg16 fc2", 4096, 4096, 1),
    ("sface", 50_176, 128, 1),
];

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|index| ((index * 7919) % 1009) as f32 / 1009.0 - 0.5).collect()
}

/// A square window, padded as for the same size; a group a channel where `groups` are as many.
fn window(
    channels: usize,
    side: usize,
    filters: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
    pad: usize,
) -> Conv2d {
    let pair = |value| (value, value);
    Conv2d {
        channels,
        input: pair(side),
        filters,
        groups,
        kernel: pair(kernel),
        stride: pair(stride),
        dilation: pair(1),
        pad: pair(pad),
        output: pair((side + 2 * pad - kernel) / stride + 1),
    }
}

fn convolutions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("convolution");
    let isa = Isa::detect();
    for &(name, channels, side, filters, kernel, stride, groups) in CONVOLUTIONS {
        let conv = window(channels, side, filters, kernel, stride, groups, kernel / 2);
        group.throughput(Throughput::Elements(conv.multiply_adds()));
        let weights = numbers(conv.weights_len());
        let input = numbers(blocks(channels) * BLOCK * side * side);
        let bias = vec![0.1; blocks(filters) * BLOCK];
        let epilogue = Epilogue { bias: &bias, residual: None, activation: &Activation::Relu, gate: None };
        let mut out = vec![0.0; blocks(filters) * BLOCK * conv.positions()];
        if groups > 1 {
            let layer = DepthwiseConv::new(isa, conv, &weights);
            group.bench_function(BenchmarkId::new("depthwise", name), |bench| {
                bench.iter(|| layer.run(&input, epilogue, &mut out));
            });
            continue;
        }
        let layer = DirectConv::new(isa, conv, &weights, true);
        let dense = if layer.is_dense() { &input[..conv.input_len()] } else { &input };
        group.bench_function(BenchmarkId::new("direct", name), |bench| {
            bench.iter(|| layer.run(dense, epilogue, &mut out));
        });
        if WinogradConv::fits(&conv) && !layer.is_dense() {
            let layer = WinogradConv::new(isa, conv, &weights);
            group.bench_function(BenchmarkId::new("Winograd", name), |bench| {
                bench.iter(|| layer.run(&input, epilogue, &mut out));
            });
        }
    }
    group.finish();
}

fn pools(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pool");
    let isa = Isa::detect();
    for &(name, channels, side, kernel, stride) in POOLS {
        let conv = window(channels, side, channels, kernel, stride, channels, (kernel - 1) / 2);
        let input = numbers(blocks(channels) * BLOCK * side * side);
        let mut out = vec![0.0; blocks(channels) * BLOCK * conv.positions()];
        group.throughput(Throughput::Bytes(size_of_val(&input[..]) as u64));
        group.bench_function(BenchmarkId::new("max", name), |bench| {
            bench.iter(|| pool_max(isa, &conv, &input, &mut out));
        });
        let mut back = vec![0.0; input.len()];
        group.bench_function(BenchmarkId::new("max, gradient", name), |bench| {
            bench.iter(|| pool_max_gradient(isa, &conv, &input, &out, true, &mut back));
        });
        let mut means = vec![0.0; blocks(channels) * BLOCK];
        group.bench_function(BenchmarkId::new("global average", name), |bench| {
            bench.iter(|| global_average(&input, side * side, &mut means));
        });
    }
    group.finish();
}

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("product");
    let isa = Isa::detect();
    for &(name, inputs, outputs, images) in DENSE_LAYERS {
        let (rows, matrix) = (numbers(images * inputs), numbers(outputs * inputs));
        let mut out = vec![0.0; images * outputs];
        group.throughput(Throughput::Bytes(size_of_val(&matrix[..]) as u64));
        group.bench_function(BenchmarkId::new("dense layer", name), |bench| {
            bench.iter(|| times_transposed(isa, &rows, &matrix, inputs, &mut out));
        });
        let mut back = vec![0.0; images * inputs];
        group.bench_function(BenchmarkId::new("dense layer, gradient", name), |bench| {
            bench.iter(|| times(isa, &out, &matrix, outputs, true, &mut back));
        });
    }
    for side in [128, 512, 1024] {
        let (left, right) = (numbers(side * side), numbers(side * side));
        let left = Matrix::dense(&left, side, side).pack_left(isa);
        let mut out = vec![0.0; side * side];
        group.throughput(Throughput::Elements((side * side * side) as u64));
        group.bench_function(BenchmarkId::new("square", side), |bench| {
            bench.iter(|| matmul(&left, Matrix::dense(&right, side, side), &mut out));
        });
    }
    group.finish();
}

fn layouts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("layout");
    for (channels, side) in [(64, 224), (512, 14)] {
        let pixels = side * side;
        let mut dense = numbers(channels * pixels);
        let mut blocked = vec![0.0; blocks(channels) * BLOCK * pixels];
        let name = format!("{channels}x{side}x{side}");
        group.throughput(Throughput::Bytes(size_of_val(&dense[..]) as u64));
        group.bench_function(BenchmarkId::new("rows to blocks", &name), |bench| {
            bench.iter(|| block(&dense, channels, pixels, &mut blocked));
        });
        group.bench_function(BenchmarkId::new("blocks to rows", &name), |bench| {
            bench.iter(|| unblock(&blocked, channels, pixels, &mut dense));
        });
    }
    group.finish();
}

fn brief() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group!(name = benches; config = brief(); targets = convolutions, pools, products, layouts);
criterion_main!(benches);
