//! Depthwise convolution: every output plane from one input plane.
//!
//! The plane is copied into a frame of zeros, so that the sums need no look at borders. A row is summed for every
//! column, in whole vectors, and the columns that the stride leaves out are dropped.

use rayon::prelude::*;

use super::Conv2d;
use crate::simd::{Isa, Simd, dispatch};

/// Columns summed together: the widest vector of any instruction set, twice.
const STEP: usize = 32;

/// Whether the frame takes about the memory of the planes themselves; pads and dilations far beyond the image ask for
/// more.
pub(super) fn frame_is_small(conv: &Conv2d) -> bool {
    const LARGEST_RATIO: usize = 4;
    // Small planes may have wide frames.
    const ALWAYS_SMALL: usize = 1 << 16;
    let frame = Frame::new(conv);
    let planes = conv.input.0 * conv.input.1 + conv.positions();
    frame.rows.saturating_mul(frame.width) <= planes.saturating_mul(LARGEST_RATIO).max(ALWAYS_SMALL)
}

/// `conv.groups == conv.channels`; the filters of a group share its one channel.
pub(super) fn run(isa: Isa, conv: &Conv2d, weights: &[f32], input: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    let taps = conv.kernel.0 * conv.kernel.1;
    let plane = conv.input.0 * conv.input.1;
    let frame = Frame::new(conv);
    let planes = out.par_chunks_mut(conv.positions()).enumerate();
    planes.for_each_init(
        || (vec![0.0; frame.rows * frame.width], vec![0.0; frame.columns]),
        |(framed, row), (index, out)| {
            let (image, filter) = (index / conv.filters, index % conv.filters);
            let channel = image * conv.channels + filter / conv.group_filters();
            frame.fill(conv, &input[channel * plane..][..plane], framed);
            let bias = bias.map_or(0.0, |bias| bias[filter]);
            let job = Job { conv, frame, framed, weights: &weights[filter * taps..][..taps], bias, row, out };
            // SAFETY: `isa` proves the instruction set; the frame is made for these windows.
            unsafe { dispatch!(isa, sum_plane(job: Job<'_>)) }
        },
    );
}

/// The size of the frame that holds a plane with all that windows reach.
#[derive(Clone, Copy)]
struct Frame {
    rows: usize,
    width: usize,
    /// Columns summed: those of the output before the stride leaves some out, in whole steps.
    columns: usize,
}

struct Job<'a> {
    conv: &'a Conv2d,
    frame: Frame,
    framed: &'a [f32],
    weights: &'a [f32],
    bias: f32,
    row: &'a mut [f32],
    out: &'a mut [f32],
}

impl Frame {
    fn new(conv: &Conv2d) -> Self {
        let columns = ((conv.output.1 - 1) * conv.stride.1 + 1).next_multiple_of(STEP);
        Self {
            rows: (conv.output.0 - 1) * conv.stride.0 + (conv.kernel.0 - 1) * conv.dilation.0 + 1,
            width: columns + (conv.kernel.1 - 1) * conv.dilation.1,
            columns,
        }
    }

    /// Copies a plane; what lies around it stays zero.
    fn fill(self, conv: &Conv2d, plane: &[f32], framed: &mut [f32]) {
        let length = conv.input.1.min(self.width.saturating_sub(conv.pad.1));
        let rows = framed.chunks_exact_mut(self.width).skip(conv.pad.0);
        for (to, from) in rows.zip(plane.chunks_exact(conv.input.1)) {
            if length > 0 {
                to[conv.pad.1..conv.pad.1 + length].copy_from_slice(&from[..length]);
            }
        }
    }
}

/// # Safety
/// The processor has the instruction set of `S`; `framed` and `row` have the sizes of the frame.
#[inline(always)]
unsafe fn sum_plane<S: Simd>(job: Job<'_>) {
    const CHAINS: usize = 2;
    let Job { conv, frame, framed, weights, bias, row, out } = job;
    assert!(framed.len() == frame.rows * frame.width && row.len() == frame.columns);
    for (y, out) in out.chunks_exact_mut(conv.output.1).enumerate() {
        for column in (0..frame.columns).step_by(CHAINS * S::LANES) {
            // SAFETY: the last tap of the last column is the frame's last element, by the frame's size.
            unsafe {
                let mut sums = [S::splat(bias); CHAINS];
                for ky in 0..conv.kernel.0 {
                    let line = (y * conv.stride.0 + ky * conv.dilation.0) * frame.width + column;
                    for kx in 0..conv.kernel.1 {
                        let weight = S::splat(*weights.get_unchecked(ky * conv.kernel.1 + kx));
                        let from = framed.as_ptr().add(line + kx * conv.dilation.1);
                        for (chain, sum) in sums.iter_mut().enumerate() {
                            *sum = S::multiply_add(weight, S::load(from.add(chain * S::LANES)), *sum);
                        }
                    }
                }
                for (chain, sum) in sums.into_iter().enumerate() {
                    S::store(row.as_mut_ptr().add(column + chain * S::LANES), sum);
                }
            }
        }
        if conv.stride.1 == 1 {
            out.copy_from_slice(&row[..conv.output.1]);
        } else {
            for (out, value) in out.iter_mut().zip(row.iter().step_by(conv.stride.1)) {
                *out = *value;
            }
        }
    }
}
