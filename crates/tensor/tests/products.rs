//! Fast matrix products and convolutions against the naive ones, over random sizes, for every instruction set.

use eyebar_tensor::blocked::{Activation, BLOCK, DepthwiseConv, DirectConv, Epilogue};
use eyebar_tensor::conv::{Conv2d, PackedConv, PackedConvTranspose, naive};
use eyebar_tensor::gemm::{self, Matrix, matmul, times, times_transposed};
use eyebar_tensor::simd::Isa;

/// f32 sums of up to some thousand products against f64 sums.
const CLOSE: f32 = 2e-6;

fn random(rng: &mut fastrand::Rng, len: usize) -> Vec<f32> {
    (0..len).map(|_| rng.f32() * 2.0 - 1.0).collect()
}

fn assert_close(found: &[f32], expected: &[f32], scale: f32, tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance * scale, "{what}: off by {worst}, scale {scale}");
}

#[test]
fn matrix_products_agree_with_the_naive_one() {
    let mut rng = fastrand::Rng::with_seed(1);
    for isa in Isa::all() {
        for _ in 0..60 {
            let (m, k, n) = (rng.usize(1..70), rng.usize(0..900), rng.usize(1..150));
            let (left, right) = (random(&mut rng, m * k), random(&mut rng, k * n));
            let right = if rng.bool() { Matrix::dense(&right, k, n) } else { Matrix::dense(&right, n, k).transposed() };
            let left = Matrix::dense(&left, m, k);
            let mut out = vec![f32::NAN; m * n];
            matmul(&left.pack_left(isa), right, &mut out);
            let expected = gemm::naive::matmul(left, right);
            assert_close(&out, &expected, (k as f32).sqrt(), CLOSE, &format!("{} {m}x{k}x{n}", isa.name()));
        }
        for _ in 0..60 {
            let (m, k, n) = (rng.usize(1..70), rng.usize(0..5000), rng.usize(1..150));
            let (left, right) = (random(&mut rng, m * k), random(&mut rng, k * n));
            let what = format!("{} {m}x{k}x{n}", isa.name());
            let rows = Matrix::dense(&left, m, k);
            let mut out = vec![f32::NAN; m * n];
            times_transposed(isa, &left, &right, k, &mut out);
            let expected = gemm::naive::matmul(rows, Matrix::dense(&right, n, k).transposed());
            assert_close(&out, &expected, (k as f32).sqrt(), CLOSE, &what);
            times(isa, &left, &right, k, rng.bool(), &mut out);
            let expected = gemm::naive::matmul(rows, Matrix::dense(&right, k, n));
            assert_close(&out, &expected, (k as f32).sqrt(), CLOSE, &what);
        }
    }
}

/// Zero times infinity is no number, also where zeros are skipped for matrices that are finite.
#[test]
fn zeros_meet_infinities() {
    let matrix = [1.0, 2.0, f32::INFINITY, 3.0, f32::NAN, 4.0];
    for isa in Isa::all() {
        let mut out = [0.0; 2];
        times(isa, &[1.0, 0.0, 0.0], &matrix, 3, false, &mut out);
        assert!(out[0].is_nan() && out[1] == 2.0, "{out:?}");
    }
}

/// Rows, matrix, depth, out.
type Product = fn(Isa, &[f32], &[f32], usize, &mut [f32]);

/// A row gives the same bytes alone and among others.
#[test]
fn thin_products_do_not_depend_on_the_number_of_rows() {
    let mut rng = fastrand::Rng::with_seed(5);
    for isa in Isa::all() {
        let (m, k, n) = (rng.usize(30..40), rng.usize(2100..2200), rng.usize(70..90));
        let (left, right) = (random(&mut rng, m * k), random(&mut rng, k * n));
        let finite =
            |isa, rows: &[f32], matrix: &[f32], depth, out: &mut [f32]| times(isa, rows, matrix, depth, true, out);
        let products: [Product; 2] = [finite, times_transposed];
        for product in products {
            let mut together = vec![f32::NAN; m * n];
            product(isa, &left, &right, k, &mut together);
            for (row, expected) in left.chunks_exact(k).zip(together.chunks_exact(n)) {
                let mut alone = vec![f32::NAN; n];
                product(isa, row, &right, k, &mut alone);
                assert_eq!(alone, expected, "{}", isa.name());
            }
        }
    }
}

fn random_conv(rng: &mut fastrand::Rng) -> Conv2d {
    let pair = |rng: &mut fastrand::Rng, low, high| (rng.usize(low..high), rng.usize(low..high));
    loop {
        let (groups, per_group_in, per_group_out) = match rng.bool() {
            true => (rng.usize(1..12), 1, rng.usize(1..3)),
            false => (rng.usize(1..4), rng.usize(1..20), rng.usize(1..90)),
        };
        let kernel = pair(rng, 1, 6);
        let stride = pair(rng, 1, 4);
        let dilation = pair(rng, 1, 3);
        let input = pair(rng, 1, 24);
        let far = rng.usize(0..8) == 0;
        let (pad, pad_end) =
            if far { (pair(rng, 0, 200), pair(rng, 0, 30)) } else { (pair(rng, 0, 3), pair(rng, 0, 3)) };
        let size = |input: usize, pads: usize, kernel: usize, stride: usize, dilation: usize| {
            Some((input + pads).checked_sub((kernel - 1) * dilation + 1)? / stride + 1)
        };
        let rows = size(input.0, pad.0 + pad_end.0, kernel.0, stride.0, dilation.0);
        let columns = size(input.1, pad.1 + pad_end.1, kernel.1, stride.1, dilation.1);
        if let (Some(rows), Some(columns)) = (rows, columns) {
            return Conv2d {
                channels: groups * per_group_in,
                input,
                filters: groups * per_group_out,
                groups,
                kernel,
                stride,
                dilation,
                pad,
                output: (rows, columns),
            };
        }
    }
}

#[test]
fn convolutions_agree_with_the_naive_one() {
    let mut rng = fastrand::Rng::with_seed(2);
    for isa in Isa::all() {
        for _ in 0..80 {
            let conv = random_conv(&mut rng);
            let images = rng.usize(1..4);
            let input = random(&mut rng, images * conv.input_len());
            let weights = random(&mut rng, conv.weights_len());
            let bias = random(&mut rng, conv.filters);
            let bias = rng.bool().then_some(bias.as_slice());
            let mut out = vec![f32::NAN; images * conv.output_len()];
            PackedConv::new(isa, conv, &weights).run(&input, bias, &mut out);
            let expected = naive::conv(&conv, &input, &weights, bias);
            let scale = (conv.depth() as f32).sqrt().max(1.0);
            assert_close(&out, &expected, scale, CLOSE, &format!("{} {conv:?}", isa.name()));
        }
    }
}

#[test]
fn transposed_convolutions_agree_with_the_naive_one() {
    let mut rng = fastrand::Rng::with_seed(3);
    for isa in Isa::all() {
        for _ in 0..80 {
            let conv = random_conv(&mut rng);
            let images = rng.usize(1..3);
            let input = random(&mut rng, images * conv.output_len());
            let weights = random(&mut rng, conv.weights_len());
            let bias = random(&mut rng, conv.channels);
            let bias = rng.bool().then_some(bias.as_slice());
            let mut out = vec![f32::NAN; images * conv.input_len()];
            PackedConvTranspose::new(isa, conv, &weights).run(&input, bias, &mut out);
            let expected = naive::conv_transpose(&conv, &input, &weights, bias);
            let taps = conv.group_filters() * conv.kernel.0 * conv.kernel.1;
            let scale = (taps as f32).sqrt().max(1.0);
            assert_close(&out, &expected, scale, CLOSE, &format!("{} {conv:?}", isa.name()));
        }
    }
}

#[test]
fn frames_far_larger_than_the_image_are_not_built() {
    let reach = 1 << 20;
    let conv = Conv2d {
        channels: 4,
        input: (1, 1),
        filters: 4,
        groups: 4,
        kernel: (3, 3),
        stride: (1, 1),
        dilation: (reach, reach),
        pad: (reach, reach),
        output: (1, 1),
    };
    let weights: Vec<_> = (0..36).map(|i| i as f32).collect();
    assert!(DepthwiseConv::fits(&conv), "it needs no frame");
    assert!(!DirectConv::fits(&Conv2d { groups: 1, ..conv }));
    let packed = PackedConv::new(Isa::detect(), conv, &weights);
    let mut out = [f32::NAN; 4];
    packed.run(&[1.0, 2.0, 3.0, 4.0], None, &mut out);
    assert_eq!(out, [4.0, 26.0, 66.0, 124.0]);
    let mut input = [f32::NAN; BLOCK];
    input[..4].copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
    let epilogue = Epilogue { bias: &[1.0; BLOCK], residual: None, activation: &Activation::Identity, gate: None };
    for isa in Isa::all() {
        let mut blocked = [f32::NAN; BLOCK];
        DepthwiseConv::new(isa, conv, &weights).run(&input, epilogue, &mut blocked);
        assert_eq!(blocked[..4], [5.0, 27.0, 67.0, 125.0], "{}", isa.name());
    }
}

/// More shares than are computed at a time: blocks of channels and of positions.
#[test]
fn large_transposed_convolutions_agree_with_the_naive_one() {
    let mut rng = fastrand::Rng::with_seed(6);
    let pair = |value| (value, value);
    for (channels, side, kernel) in [(40, 60, 7), (2, 300, 9), (1, 3, 600)] {
        let conv = Conv2d {
            channels,
            input: pair((side - 1) * 2 + kernel),
            filters: 2,
            groups: 1,
            kernel: pair(kernel),
            stride: pair(2),
            dilation: pair(1),
            pad: pair(0),
            output: pair(side),
        };
        let input = random(&mut rng, conv.output_len());
        let weights = random(&mut rng, conv.weights_len());
        let mut out = vec![f32::NAN; conv.input_len()];
        PackedConvTranspose::new(Isa::detect(), conv, &weights).run(&input, None, &mut out);
        let expected = naive::conv_transpose(&conv, &input, &weights, None);
        assert_close(&out, &expected, (2 * kernel * kernel) as f32, CLOSE, &format!("{conv:?}"));
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let mut rng = fastrand::Rng::with_seed(4);
    let run = |threads: usize, conv: Conv2d, weights: &[f32], input: &[f32]| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
        let mut out = vec![0.0; conv.output_len()];
        pool.install(|| PackedConv::new(Isa::detect(), conv, weights).run(input, None, &mut out));
        out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    for _ in 0..3 {
        let conv = random_conv(&mut rng);
        let weights = random(&mut rng, conv.weights_len());
        let input = random(&mut rng, conv.input_len());
        assert_eq!(run(1, conv, &weights, &input), run(3, conv, &weights, &input), "{conv:?}");
    }
}
