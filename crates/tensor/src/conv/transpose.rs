//! Transposed convolution: the gradient of a convolution with respect to its input.

use std::ops::Range;

use super::{Conv2d, PackedConv};
use crate::gemm::{Matrix, PackedLeft, matmul};
use crate::scratch::with_scratch;
use crate::simd::Isa;
use crate::team;

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
    /// A matrix product gives every tap's share, which are then added up where they fall.
    Scatter(Vec<Block>),
}

/// Channels of one group whose shares are computed together.
#[derive(Debug, Clone)]
struct Block {
    group: usize,
    channels: Range<usize>,
    /// `[channels · taps, filters of the group]`
    weights: PackedLeft,
}

/// Shares computed at a time, in elements (16 MiB).
const SHARE_ELEMENTS: usize = 1 << 22;
/// Fewest positions worked on together: a panel of the matrix product.
const FEWEST_POSITIONS: usize = 32;

impl PackedConvTranspose {
    /// Packs the weights (`[filters, channels / groups, kH, kW]`) of the convolution `conv` that is to be transposed:
    /// `[N, filters, output]` goes in, `[N, channels, input]` comes out.
    ///
    /// # Panics
    /// When the weights have another number of elements.
    pub fn new(isa: Isa, conv: Conv2d, weights: &[f32]) -> Self {
        assert_eq!(weights.len(), conv.weights_len(), "weights do not fit {conv:?}");
        let method = match turned(&conv, weights) {
            Some((turned, weights)) => Method::Convolution(PackedConv::new(isa, turned, &weights)),
            None => Method::Scatter(blocks(isa, &conv, weights)),
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
            Method::Scatter(_) if out.is_empty() => {}
            Method::Scatter(blocks) => {
                let images = input.chunks_exact(conv.output_len());
                for (input, out) in images.zip(out.chunks_exact_mut(conv.input_len())) {
                    for block in blocks {
                        scatter_block(conv, block, input, bias, out);
                    }
                }
            }
        }
    }
}

/// The convolution that a transposed convolution of stride 1 is, and its weights, where its pads are not negative.
///
/// # Panics
/// When the weights have another number of elements.
pub fn turned(conv: &Conv2d, weights: &[f32]) -> Option<(Conv2d, Vec<f32>)> {
    assert_eq!(weights.len(), conv.weights_len(), "weights do not fit {conv:?}");
    let reach = |kernel: usize, dilation: usize| (kernel - 1) * dilation;
    if conv.stride != (1, 1) {
        return None;
    }
    let turned = Conv2d {
        channels: conv.filters,
        input: conv.output,
        filters: conv.channels,
        pad: (
            reach(conv.kernel.0, conv.dilation.0).checked_sub(conv.pad.0)?,
            reach(conv.kernel.1, conv.dilation.1).checked_sub(conv.pad.1)?,
        ),
        output: conv.input,
        ..*conv
    };
    Some((turned, turn(conv, weights)))
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

/// Cuts the weights into blocks whose shares fit into [`SHARE_ELEMENTS`].
fn blocks(isa: Isa, conv: &Conv2d, weights: &[f32]) -> Vec<Block> {
    let (filters, channels, depth) = (conv.group_filters(), conv.group_channels(), conv.depth());
    let taps = conv.kernel.0 * conv.kernel.1;
    let step = (SHARE_ELEMENTS / (taps * conv.positions().max(1))).clamp(1, channels);
    let mut blocks = Vec::new();
    for group in 0..conv.groups {
        let weights = &weights[group * filters * depth..][..filters * depth];
        for first in (0..channels).step_by(step) {
            let channels = first..channels.min(first + step);
            let weights = PackedLeft::new(isa, channels.len() * taps, filters, |row, filter| {
                weights[filter * depth + first * taps + row]
            });
            blocks.push(Block { group, channels, weights });
        }
    }
    blocks
}

/// Computes the planes of a block's channels.
fn scatter_block(conv: &Conv2d, block: &Block, input: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    let (positions, plane) = (conv.positions(), conv.input.0 * conv.input.1);
    let taps = conv.kernel.0 * conv.kernel.1;
    let filters = conv.group_filters();
    let first_channel = block.group * conv.group_channels() + block.channels.start;
    let out = &mut out[first_channel * plane..][..block.channels.len() * plane];
    for (channel, out) in out.chunks_exact_mut(plane).enumerate() {
        out.fill(bias.map_or(0.0, |bias| bias[first_channel + channel]));
    }
    let right = Matrix::dense(&input[block.group * filters * positions..][..filters * positions], filters, positions);
    let step = (SHARE_ELEMENTS / block.weights.rows()).max(FEWEST_POSITIONS);
    for first in (0..positions).step_by(step) {
        let range = first..positions.min(first + step);
        with_scratch(block.weights.rows() * range.len(), |shares| {
            matmul(&block.weights, right.columns(range.clone()), shares);
            let share = taps * range.len();
            team::each_chunk(out, plane, 1, |channel, out| {
                add_plane(conv, &range, &shares[channel * share..][..share], out);
            });
        });
    }
}

/// Adds the shares (`[taps, range]`) of one channel where they fall.
fn add_plane(conv: &Conv2d, range: &Range<usize>, shares: &[f32], out: &mut [f32]) {
    let width = conv.output.1;
    for ky in 0..conv.kernel.0 {
        for kx in 0..conv.kernel.1 {
            let share = &shares[(ky * conv.kernel.1 + kx) * range.len()..][..range.len()];
            let (valid, first) = conv.output_columns(kx);
            for y in range.start / width..range.end.div_ceil(width) {
                let Some(row) = conv.input_row(y, ky) else { continue };
                // The part of this row of positions that lies in the range.
                let from = valid.start.max(range.start.saturating_sub(y * width));
                let to = valid.end.min(range.end - y * width);
                if from >= to {
                    continue;
                }
                let share = &share[y * width + from - range.start..][..to - from];
                let out = &mut out[row * conv.input.1..][..conv.input.1];
                let out = &mut out[first + (from - valid.start) * conv.stride.1..];
                for (value, share) in out.iter_mut().step_by(conv.stride.1).zip(share) {
                    *value += share;
                }
            }
        }
    }
}
