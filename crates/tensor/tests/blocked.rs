//! Kernels on the blocked layout against naive ones, over random sizes, for every instruction set.

use eyebar_tensor::blocked::{
    Activation, BLOCK, DepthwiseConv, DirectConv, Epilogue, Quantisation, QuantisedConv, WinogradConv, block, blocks,
    global_average, pool_average, pool_max, pool_max_gradient, unblock,
};
use eyebar_tensor::conv::{Conv2d, naive};
use eyebar_tensor::pool::{self, WindowAxis};
use eyebar_tensor::simd::Isa;

/// f32 sums of up to some thousand products against f64 sums.
const CLOSE: f32 = 2e-6;
/// F(4×4, 3×3) multiplies by up to 8: its rounding is larger.
const WINOGRAD_CLOSE: f32 = 2e-5;

fn random(rng: &mut fastrand::Rng, len: usize) -> Vec<f32> {
    (0..len).map(|_| rng.f32() * 2.0 - 1.0).collect()
}

fn blocked(dense: &[f32], channels: usize, pixels: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; dense.len() / channels * blocks(channels) * BLOCK];
    block(dense, channels, pixels, &mut out);
    // Nobody may read lanes that stand for no channel.
    for (index, value) in out.iter_mut().enumerate() {
        if index / BLOCK / pixels % blocks(channels) * BLOCK + index % BLOCK >= channels {
            *value = f32::NAN;
        }
    }
    out
}

fn dense(blocked: &[f32], channels: usize, pixels: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; blocked.len() / (blocks(channels) * BLOCK) * channels];
    unblock(blocked, channels, pixels, &mut out);
    out
}

fn assert_close(found: &[f32], expected: &[f32], scale: f32, tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance * scale, "{what}: {a} instead of {b}, scale {scale}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Direct,
    Winograd,
    Depthwise,
    Quantised,
}

fn random_conv(rng: &mut fastrand::Rng, kind: Kind) -> Conv2d {
    let pair = |rng: &mut fastrand::Rng, low, high| (rng.usize(low..high), rng.usize(low..high));
    loop {
        let plain = kind == Kind::Winograd;
        let channels = rng.usize(1..50);
        let kernel = if plain { (3, 3) } else { pair(rng, 1, 6) };
        let stride = if plain { (1, 1) } else { pair(rng, 1, 4) };
        let dilation = if plain { (1, 1) } else { pair(rng, 1, 3) };
        let input = pair(rng, 1, 24);
        let far = rng.usize(0..8) == 0;
        let (pad, pad_end) =
            if far { (pair(rng, 0, 30), pair(rng, 0, 30)) } else { (pair(rng, 0, 3), pair(rng, 0, 3)) };
        let size = |input: usize, pads: usize, kernel: usize, stride: usize, dilation: usize| {
            Some((input + pads).checked_sub((kernel - 1) * dilation + 1)? / stride + 1)
        };
        let rows = size(input.0, pad.0 + pad_end.0, kernel.0, stride.0, dilation.0);
        let columns = size(input.1, pad.1 + pad_end.1, kernel.1, stride.1, dilation.1);
        let (filters, groups) = if kind == Kind::Depthwise { (channels, channels) } else { (rng.usize(1..60), 1) };
        if let (Some(rows), Some(columns)) = (rows, columns) {
            let output = (rows, columns);
            return Conv2d { channels, input, filters, groups, kernel, stride, dilation, pad, output };
        }
    }
}

fn random_activation(rng: &mut fastrand::Rng, filters: usize) -> Activation {
    match rng.usize(0..4) {
        0 => Activation::Identity,
        1 => Activation::Relu,
        2 => Activation::Clip { low: -0.5, high: 0.7 },
        _ => Activation::Leaky(random(rng, filters.next_multiple_of(BLOCK))),
    }
}

fn activate(activation: &Activation, value: f32, channel: usize) -> f32 {
    match activation {
        Activation::Identity => value,
        Activation::Relu => value.max(0.0),
        Activation::Clip { low, high } => value.clamp(*low, *high),
        Activation::Leaky(slopes) => {
            if value < 0.0 {
                value * slopes[channel]
            } else {
                value
            }
        }
    }
}

#[test]
fn convolutions_agree_with_the_naive_one() {
    let mut rng = fastrand::Rng::with_seed(1);
    for isa in Isa::all() {
        for kind in [Kind::Direct, Kind::Winograd, Kind::Depthwise, Kind::Quantised] {
            for _ in 0..60 {
                let conv = random_conv(&mut rng, kind);
                let images = rng.usize(1..4);
                let (pixels, positions) = (conv.input.0 * conv.input.1, conv.positions());
                let input = random(&mut rng, images * conv.input_len());
                let mut weights = random(&mut rng, conv.weights_len());
                let codes: Vec<i8> = weights.iter().map(|weight| (weight * 128.0) as i8).collect();
                let scales: Vec<f32> = random(&mut rng, conv.filters).iter().map(|scale| scale / 64.0).collect();
                let quantisation = Quantisation { scale: 0.004 + 0.01 * rng.f32(), zero: rng.u8(..) };
                let mut seen = input.clone();
                if kind == Kind::Quantised {
                    seen.iter_mut().for_each(|value| *value = quantisation.rounded(*value));
                    let depth = conv.depth();
                    weights = (0..codes.len()).map(|at| f32::from(codes[at]) * scales[at / depth]).collect();
                }
                let mut bias = random(&mut rng, conv.filters);
                let residual = rng.bool().then(|| random(&mut rng, images * conv.output_len()));
                let gate = rng.bool().then(|| random(&mut rng, images * conv.output_len()));
                let activation = random_activation(&mut rng, conv.filters);
                let mut expected = naive::conv(&conv, &seen, &weights, Some(&bias));
                for (index, value) in expected.iter_mut().enumerate() {
                    let more = residual.as_ref().map_or(0.0, |residual| residual[index]);
                    *value = activate(&activation, *value + more, index / positions % conv.filters);
                    if gate.as_ref().is_some_and(|gate| gate[index] <= 0.0) {
                        *value = 0.0;
                    }
                }
                bias.resize(conv.filters.next_multiple_of(BLOCK), 0.0);
                let residual = residual.map(|residual| blocked(&residual, conv.filters, positions));
                let gate = gate.map(|gate| blocked(&gate, conv.filters, positions));
                let (residual, gate) = (residual.as_deref(), gate.as_deref());
                let epilogue = Epilogue { bias: &bias, residual, activation: &activation, gate };
                let mut out = vec![f32::NAN; images * blocks(conv.filters) * positions * BLOCK];
                let input_blocked = blocked(&input, conv.channels, pixels);
                match kind {
                    Kind::Direct => {
                        let direct = DirectConv::new(isa, conv, &weights, rng.bool());
                        let input = if direct.is_dense() { &input } else { &input_blocked };
                        direct.run(input, epilogue, &mut out);
                    }
                    Kind::Winograd => WinogradConv::new(isa, conv, &weights).run(&input_blocked, epilogue, &mut out),
                    Kind::Depthwise => DepthwiseConv::new(isa, conv, &weights).run(&input_blocked, epilogue, &mut out),
                    Kind::Quantised => {
                        QuantisedConv::new(isa, conv, quantisation, &codes, &scales).run(
                            &input_blocked,
                            epilogue,
                            &mut out,
                        );
                    }
                }
                let found = dense(&out, conv.filters, positions);
                let tolerance = if kind == Kind::Winograd { WINOGRAD_CLOSE } else { CLOSE };
                let scale = (conv.depth() as f32).sqrt().max(1.0);
                assert_close(&found, &expected, scale, tolerance, &format!("{} {kind:?} {conv:?}", isa.name()));
            }
        }
    }
}

/// Sums of the largest codes, and what no number rounds to.
#[test]
fn codes_saturate() {
    let half = Quantisation { scale: 0.5, zero: 3 };
    let rounded = [-1e30, -1.6, -0.25, 0.25, 0.75, 125.9, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    let expected = [-1.5, -1.5, 0.0, 0.0, 1.0, 126.0, 126.0, -1.5, -1.5];
    assert_eq!(rounded.map(|x| half.rounded(x)), expected);
    for isa in Isa::all() {
        let (one, none, channels) = ((1, 1), (0, 0), (1 << 16) - 1);
        let conv = Conv2d {
            channels,
            input: one,
            filters: 16,
            groups: 1,
            kernel: one,
            stride: one,
            dilation: one,
            pad: none,
            output: one,
        };
        assert!(!QuantisedConv::fits(&Conv2d { channels: channels + 1, ..conv }));
        for (zero, value, code) in [(0, f32::INFINITY, -128), (255, f32::NAN, 127), (255, f32::NEG_INFINITY, -128)] {
            let input = Quantisation { scale: 1.0, zero };
            let layer = QuantisedConv::new(isa, conv, input, &vec![code; conv.weights_len()], &[1.0; 16]);
            let epilogue = Epilogue { bias: &[0.0; 16], residual: None, activation: &Activation::Identity, gate: None };
            let mut out = [f32::NAN; 16];
            layer.run(&vec![value; blocks(channels) * BLOCK], epilogue, &mut out);
            let steps = if zero == 0 { 255.0 } else { -255.0 };
            assert_eq!(out, [steps * channels as f32 * f32::from(code); 16], "{}", isa.name());
        }
    }
}

/// A strided 1 × 1 convolution whose last windows lie in the pad behind the image.
#[test]
fn strided_points_may_lie_behind_the_image() {
    for isa in Isa::all() {
        for (input, output) in [((4, 4), (3, 3)), ((5, 4), (3, 3)), ((4, 5), (3, 3)), ((1, 1), (2, 1))] {
            let (channels, filters) = (20, 18);
            let (one, none) = ((1, 1), (0, 0));
            let stride = (2, 2);
            let conv =
                Conv2d { channels, input, filters, groups: 1, kernel: one, stride, dilation: one, pad: none, output };
            let mut rng = fastrand::Rng::with_seed(3);
            let (image, weights) = (random(&mut rng, conv.input_len()), random(&mut rng, conv.weights_len()));
            let bias = vec![0.0; filters.next_multiple_of(BLOCK)];
            let epilogue = Epilogue { bias: &bias, residual: None, activation: &Activation::Identity, gate: None };
            let mut out = vec![f32::NAN; blocks(filters) * conv.positions() * BLOCK];
            let layer = DirectConv::new(isa, conv, &weights, false);
            layer.run(&blocked(&image, channels, input.0 * input.1), epilogue, &mut out);
            let expected = naive::conv(&conv, &image, &weights, None);
            let found = dense(&out, filters, conv.positions());
            assert_close(&found, &expected, (channels as f32).sqrt(), CLOSE, &format!("{} {conv:?}", isa.name()));
        }
    }
}

/// A 3 × 3 convolution that keeps the size.
fn three_by_three(channels: usize, filters: usize, side: usize) -> Conv2d {
    let (one, three) = ((1, 1), (3, 3));
    Conv2d {
        channels,
        input: (side, side),
        filters,
        groups: 1,
        kernel: three,
        stride: one,
        dilation: one,
        pad: one,
        output: (side, side),
    }
}

/// Maps so large that every core works alone on blocks of tiles, or that tiles go through in several blocks.
#[test]
fn large_maps_agree_with_the_naive_one() {
    let mut rng = fastrand::Rng::with_seed(2);
    for (channels, filters, side) in [(16, 40, 130), (20, 20, 128), (2048, 3, 24)] {
        let conv = three_by_three(channels, filters, side);
        let input = random(&mut rng, conv.input_len());
        let weights = random(&mut rng, conv.weights_len());
        let expected = naive::conv(&conv, &input, &weights, None);
        let bias = vec![0.0; filters.next_multiple_of(BLOCK)];
        let epilogue = Epilogue { bias: &bias, residual: None, activation: &Activation::Identity, gate: None };
        let input = blocked(&input, channels, side * side);
        let mut out = vec![f32::NAN; blocks(filters) * BLOCK * side * side];
        let scale = (conv.depth() as f32).sqrt();
        for isa in Isa::all() {
            WinogradConv::new(isa, conv, &weights).run(&input, epilogue, &mut out);
            assert_close(&dense(&out, filters, side * side), &expected, scale, WINOGRAD_CLOSE, "Winograd");
            DirectConv::new(isa, conv, &weights, true).run(&input, epilogue, &mut out);
            assert_close(&dense(&out, filters, side * side), &expected, scale, CLOSE, "direct");
        }
    }
}

#[test]
fn pools_agree_with_the_dense_ones() {
    let mut rng = fastrand::Rng::with_seed(3);
    for isa in Isa::all() {
        for _ in 0..60 {
            let conv = random_conv(&mut rng, Kind::Depthwise);
            let axis =
                |input: usize, kernel: usize, stride: usize, dilation: usize, pad: usize, output: usize| WindowAxis {
                    input,
                    kernel,
                    stride,
                    dilation,
                    pad_begin: pad,
                    pad_end: ((output - 1) * stride + (kernel - 1) * dilation + 1).saturating_sub(input + pad),
                    output,
                };
            let axes = [
                axis(conv.input.0, conv.kernel.0, conv.stride.0, conv.dilation.0, conv.pad.0, conv.output.0),
                axis(conv.input.1, conv.kernel.1, conv.stride.1, conv.dilation.1, conv.pad.1, conv.output.1),
            ];
            let images = 2;
            let (pixels, positions) = (conv.input.0 * conv.input.1, conv.positions());
            // Some values are equal.
            let x: Vec<f32> = (0..images * conv.input_len()).map(|_| rng.u8(0..200) as f32 / 100.0).collect();
            let dy = random(&mut rng, images * conv.output_len());
            let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
            let x_blocked = blocked(&x, conv.channels, pixels);
            let mut y_blocked = vec![f32::NAN; images * blocks(conv.channels) * BLOCK * positions];

            pool::max_pool(&x, &axes, &mut y);
            pool_max(isa, &conv, &x_blocked, &mut y_blocked);
            assert_eq!(dense(&y_blocked, conv.channels, positions), y, "{conv:?}");

            pool::max_pool_gradient(&x, &dy, &axes, &mut dx);
            let dy_blocked = blocked(&dy, conv.channels, positions);
            let mut dx_blocked = vec![f32::NAN; x_blocked.len()];
            let gated = rng.bool();
            if gated {
                dx.iter_mut().zip(&x).for_each(|(dx, x)| *dx = if *x > 0.0 { *dx } else { 0.0 });
            }
            pool_max_gradient(isa, &conv, &x_blocked, &dy_blocked, gated, &mut dx_blocked);
            assert_close(&dense(&dx_blocked, conv.channels, pixels), &dx, 20.0, CLOSE, &format!("{conv:?}"));

            for include_padding in [false, true] {
                pool::average_pool(&x, &axes, include_padding, &mut y);
                let counts = [axes[0].counts(include_padding), axes[1].counts(include_padding)];
                pool_average(isa, &conv, (&counts[0], &counts[1]), &x_blocked, &mut y_blocked);
                assert_close(&dense(&y_blocked, conv.channels, positions), &y, 2.0, CLOSE, &format!("{conv:?}"));
            }

            let mut means = vec![f32::NAN; images * conv.channels];
            pool::mean_of_lines(&x, pixels, &mut means);
            let mut means_blocked = vec![f32::NAN; images * blocks(conv.channels) * BLOCK];
            global_average(&x_blocked, pixels, &mut means_blocked);
            assert_close(&dense(&means_blocked, conv.channels, 1), &means, 20.0, CLOSE, "means");
        }
    }
}

/// Windows and pads far beyond the image: only taps inside it cost time.
#[test]
fn vast_windows_cost_no_time() {
    let pair = |value| (value, value);
    let conv = Conv2d {
        channels: BLOCK,
        input: pair(2),
        filters: BLOCK,
        groups: BLOCK,
        kernel: pair(1 << 19),
        stride: pair(1),
        dilation: pair(1),
        pad: pair((1 << 19) - 1),
        output: pair(2),
    };
    let input: Vec<f32> = (0..4 * BLOCK).map(|index| (index / BLOCK) as f32).collect();
    let mut out = vec![f32::NAN; 4 * BLOCK];
    pool_max(Isa::detect(), &conv, &input, &mut out);
    let found: Vec<_> = out.chunks(BLOCK).map(|lanes| lanes[0]).collect();
    assert_eq!(found, [0.0, 1.0, 2.0, 3.0]);
}

/// Long sums keep their precision.
#[test]
fn the_mean_of_a_large_plane() {
    let pixels = 1 << 20;
    let mut out = [0.0; BLOCK];
    global_average(&vec![0.1; pixels * BLOCK], pixels, &mut out);
    assert!(out.iter().all(|mean| (mean - 0.1).abs() < 1e-6), "{}", out[0]);
}

#[test]
fn a_maximum_passes_nan_on() {
    let pair = |value| (value, value);
    let conv = Conv2d {
        channels: BLOCK,
        input: pair(2),
        filters: BLOCK,
        groups: BLOCK,
        kernel: pair(2),
        stride: pair(2),
        dilation: pair(1),
        pad: pair(0),
        output: pair(1),
    };
    for isa in Isa::all() {
        for place in 0..4 {
            let mut input = [1.0; 4 * BLOCK];
            input[place * BLOCK..][..BLOCK].fill(f32::NAN);
            let mut out = [0.0; BLOCK];
            pool_max(isa, &conv, &input, &mut out);
            assert!(out.iter().all(|value| value.is_nan()), "{} {place}", isa.name());
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let mut rng = fastrand::Rng::with_seed(4);
    for (channels, filters, side) in [(3, 40, 60), (64, 64, 150), (70, 100, 7)] {
        let conv = three_by_three(channels, filters, side);
        let weights = random(&mut rng, conv.weights_len());
        let input = random(&mut rng, blocks(channels) * BLOCK * side * side);
        let bias = random(&mut rng, blocks(filters) * BLOCK);
        let epilogue = Epilogue { bias: &bias, residual: None, activation: &Activation::Relu, gate: None };
        let (direct, winograd) =
            (DirectConv::new(Isa::detect(), conv, &weights, true), WinogradConv::new(Isa::detect(), conv, &weights));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
            let len = blocks(filters) * BLOCK * side * side;
            let mut out = [vec![0.0; len], vec![0.0; len]];
            pool.install(|| {
                let direct_input = if direct.is_dense() { &input[..conv.input_len()] } else { &input };
                direct.run(direct_input, epilogue, &mut out[0]);
                winograd.run(&input, epilogue, &mut out[1]);
            });
            out.map(|out| out.into_iter().map(f32::to_bits).collect::<Vec<_>>())
        };
        assert!(run(1) == run(3), "{conv:?}");
    }
}
