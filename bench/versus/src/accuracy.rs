//! Rounding of the convolution algorithms against sums in f64.

use eyebar_tensor::blocked::{Activation, BLOCK, DirectConv, Epilogue, WinogradConv, block, blocks, unblock};
use eyebar_tensor::conv::{Conv2d, naive};
use eyebar_tensor::simd::Isa;

/// Channels (and filters) and side of the map.
const LAYERS: [(usize, usize); 4] = [(64, 56), (128, 28), (256, 28), (512, 14)];

/// Prints, for 3 × 3 layers of several depths, the largest and the root mean square error relative to the largest output.
/// Inputs are like those behind a ReLU (half of them zero), weights of either sign.
pub(crate) fn run() {
    println!("{:20} {:>10} {:>12} {:>12}", "layer", "algorithm", "largest", "rms");
    let mut state = 1u64;
    let mut number = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    for (channels, side) in LAYERS {
        let pair = |value| (value, value);
        let conv = Conv2d {
            channels,
            input: pair(side),
            filters: channels,
            groups: 1,
            kernel: pair(3),
            stride: pair(1),
            dilation: pair(1),
            pad: pair(1),
            output: pair(side),
        };
        let input: Vec<f32> = (0..conv.input_len()).map(|_| number().max(0.0)).collect();
        let weights: Vec<f32> = (0..conv.weights_len()).map(|_| number()).collect();
        let expected = naive::conv(&conv, &input, &weights, None);
        let largest = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let mut packed = vec![0.0; blocks(channels) * BLOCK * side * side];
        block(&input, channels, side * side, &mut packed);
        let bias = vec![0.0; blocks(channels) * BLOCK];
        let epilogue = Epilogue { bias: &bias, residual: None, activation: &Activation::Identity, gate: None };
        let mut out = vec![0.0; blocks(channels) * BLOCK * side * side];
        let mut show = |algorithm: &str, run: &mut dyn FnMut(&mut [f32])| {
            run(&mut out);
            let mut found = vec![0.0; expected.len()];
            unblock(&out, channels, side * side, &mut found);
            let errors = found.iter().zip(&expected).map(|(a, b)| f64::from(a - b).abs() / f64::from(largest));
            let (most, squares) =
                errors.fold((0.0f64, 0.0), |(most, sum), error| (most.max(error), sum + error * error));
            let rms = (squares / expected.len() as f64).sqrt();
            println!("{:20} {algorithm:>10} {most:12.1e} {rms:12.1e}", format!("{channels} at {side} × {side}"));
        };
        let direct = DirectConv::new(Isa::detect(), conv, &weights, false);
        let winograd = WinogradConv::new(Isa::detect(), conv, &weights);
        show("direct", &mut |out| direct.run(&packed, epilogue, out));
        show("Winograd", &mut |out| winograd.run(&packed, epilogue, out));
    }
}
