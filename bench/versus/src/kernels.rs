//! Speed of the convolution kernels on the layers of well-known networks.

use std::time::Instant;

use eyebar_tensor::blocked::{Activation, BLOCK, DepthwiseConv, DirectConv, Epilogue, WinogradConv, blocks};
use eyebar_tensor::conv::Conv2d;
use eyebar_tensor::simd::Isa;

/// name, channels, side of the map, filters, kernel, stride, groups
const LAYERS: &[(&str, usize, usize, usize, usize, usize, usize)] = &[
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

/// Prints, for every layer, the best of several runs with each algorithm that can compute it, in milliseconds and in
/// effective GFLOP/s (of the direct sum: Winograd needs fewer).
pub(crate) fn run() {
    println!("{:30} {:>10} {:>9} {:>9}", "layer", "algorithm", "ms", "GFLOP/s");
    for &(name, channels, side, filters, kernel, stride, groups) in LAYERS {
        let output = (side + 2 * (kernel / 2) - kernel) / stride + 1;
        let pair = |value| (value, value);
        let conv = Conv2d {
            channels,
            input: pair(side),
            filters,
            groups,
            kernel: pair(kernel),
            stride: pair(stride),
            dilation: pair(1),
            pad: pair(kernel / 2),
            output: pair(output),
        };
        let numbers = |len: usize| (0..len).map(|i| ((i * 7919) % 1009) as f32 / 1009.0 - 0.5).collect::<Vec<_>>();
        let weights = numbers(conv.weights_len());
        let input = numbers(blocks(channels) * BLOCK * side * side);
        let bias = vec![0.1; blocks(filters) * BLOCK];
        let epilogue = Epilogue { bias: &bias, residual: None, activation: &Activation::Relu, gate: None };
        let mut out = vec![0.0; blocks(filters) * BLOCK * output * output];
        let isa = Isa::detect();
        let show = |algorithm: &str, seconds: f64| {
            let rate = 2.0 * conv.multiply_adds() as f64 / seconds / 1e9;
            println!("{name:30} {algorithm:>10} {:9.3} {rate:9.1}", seconds * 1e3);
        };
        if groups > 1 {
            let layer = DepthwiseConv::new(isa, conv, &weights);
            show("depthwise", best(|| layer.run(&input, epilogue, &mut out)));
            continue;
        }
        let layer = DirectConv::new(isa, conv, &weights, true);
        let dense = if layer.is_dense() { &input[..conv.input_len()] } else { &input };
        show("direct", best(|| layer.run(dense, epilogue, &mut out)));
        if WinogradConv::fits(&conv) && !layer.is_dense() {
            let layer = WinogradConv::new(isa, conv, &weights);
            show("Winograd", best(|| layer.run(&input, epilogue, &mut out)));
        }
    }
}

fn best(mut run: impl FnMut()) -> f64 {
    const SECONDS: f64 = 0.4;
    let start = Instant::now();
    let mut least = f64::INFINITY;
    while start.elapsed().as_secs_f64() < SECONDS {
        let begin = Instant::now();
        run();
        least = least.min(begin.elapsed().as_secs_f64());
    }
    least
}
