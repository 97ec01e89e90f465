//! Transposed convolution: the gradient of a convolution with respect to its input.

use rayon::prelude::*;

use super::{Conv2d, PackedConv};
use crate::gemm::{Matrix, PackedLeft, matmul};
use crate::simd::Isa;

/// A transposed convolution ready to run on batches of any size.
#[derive(Debug, Clone)]
pub struct PackedConvTranspose {
    conv: Conv2d,
    method: Method,
}

#[derive(Debug, Clone)]
enum Method {
    /// With stride 1 it is a convolution with the kernel turned round.
    Convolution(PackedConv),
    /// For each group: a matrix product gives every tap's share, which are then added up where they fall.
    Scatter { isa: Isa, groups: Vec<PackedLeft> },
}

impl PackedConvTranspose {
    /// Packs the weights (`[filters, channels / groups, kH, kW]`) of the convolution `conv` that is to be transposed:
    /// `[N, filters, output]` goes in, `[N, channels, input]` comes out.
    ///
    /// # Panics
    /// When the weights have another number of elements.
    pub fn new(isa: Isa, conv: Conv2d, weights: &[f32]) -> Self {
        assert_eq!(weights.len(), conv.weights_len(), "weights do not fit {conv:?}");
        let method = match turned(&conv) {
            Some(turned) => Method::Convolution(PackedConv::new(isa, turned, &turn(&conv, weights))),
            None => {
                let (filters, depth) = (conv.group_filters(), conv.depth());
                let groups = (0..conv.groups)
                    .map(|group| {
                        let weights = &weights[group * filters * depth..][..filters * depth];
                        Matrix::dense(weights, filters, depth).transposed().pack_left(isa)
                    })
                    .collect();
                Method::Scatter { isa, groups }
            }
        };
        Self { conv, method }
    }

    /// Computes a batch; `bias` is `[channels]`.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub fn run(&self, input: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        let conv = &self.conv;
        assert_eq!(input.len() * conv.input_len(), out.len() * conv.output_len(), "input and output do not fit");
        match &self.method {
            Method::Convolution(packed) => packed.run(input, bias, out),
            Method::Scatter { groups, .. } if !out.is_empty() => {
                let images = input.chunks_exact(conv.output_len().max(1));
                for (input, out) in images.zip(out.chunks_exact_mut(conv.input_len())) {
                    scatter_image(conv, groups, input, bias, out);
                }
            }
            Method::Scatter { .. } => {}
        }
    }

    /// Instruction set in use.
    pub fn isa(&self) -> Option<Isa> {
        match &self.method {
            Method::Convolution(_) => None,
            Method::Scatter { isa, .. } => Some(*isa),
        }
    }
}

/// The convolution that a transposed convolution of stride 1 is, where its pads are not negative.
fn turned(conv: &Conv2d) -> Option<Conv2d> {
    let reach = |kernel: usize, dilation: usize| (kernel - 1) * dilation;
    if conv.stride != (1, 1) {
        return None;
    }
    Some(Conv2d {
        channels: conv.filters,
        input: conv.output,
        filters: conv.channels,
        pad: (
            reach(conv.kernel.0, conv.dilation.0).checked_sub(conv.pad.0)?,
            reach(conv.kernel.1, conv.dilation.1).checked_sub(conv.pad.1)?,
        ),
        output: conv.input,
        ..*conv
    })
}

/// The weights of [`turned`]: filters and channels of each group exchanged, the kernel turned by 180°.
fn turn(conv: &Conv2d, weights: &[f32]) -> Vec<f32> {
    let (filters, channels) = (conv.group_filters(), conv.group_channels());
    let taps = conv.kernel.0 * conv.kernel.1;
    let mut turned = Vec::with_capacity(weights.len());
    for group in 0..conv.groups {
        for channel in 0..channels {
            for filter in 0..filters {
                let kernel = &weights[((group * filters + filter) * channels + channel) * taps..][..taps];
                turned.extend(kernel.iter().rev());
            }
        }
    }
    turned
}

fn scatter_image(conv: &Conv2d, groups: &[PackedLeft], input: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    let positions = conv.positions();
    let plane = conv.input.0 * conv.input.1;
    let taps = conv.kernel.0 * conv.kernel.1;
    let (filters, channels) = (conv.group_filters(), conv.group_channels());
    let mut shares = vec![0.0; conv.depth() * positions];
    for (group, left) in groups.iter().enumerate() {
        let right = Matrix::dense(&input[group * filters * positions..][..filters * positions], filters, positions);
        matmul(left, right, &mut shares);
        let out = &mut out[group * channels * plane..][..channels * plane];
        out.par_chunks_mut(plane).zip(shares.par_chunks(taps * positions)).enumerate().for_each(
            |(channel, (out, shares))| {
                out.fill(bias.map_or(0.0, |bias| bias[group * channels + channel]));
                add_plane(conv, shares, out);
            },
        );
    }
}

/// Adds the shares (`[taps, positions]`) of one channel where they fall.
fn add_plane(conv: &Conv2d, shares: &[f32], out: &mut [f32]) {
    for ky in 0..conv.kernel.0 {
        for kx in 0..conv.kernel.1 {
            let share = &shares[(ky * conv.kernel.1 + kx) * conv.positions()..][..conv.positions()];
            let (valid, first) = conv.output_columns(kx);
            for (y, share) in share.chunks_exact(conv.output.1).enumerate() {
                let Some(row) = conv.input_row(y, ky) else { continue };
                let out = &mut out[row * conv.input.1..][..conv.input.1];
                for (value, share) in out[first..].iter_mut().step_by(conv.stride.1).zip(&share[valid.clone()]) {
                    *value += share;
                }
            }
        }
    }
}
