//! Depthwise convolution: every output plane from one input plane, row by row.

use rayon::prelude::*;

use super::Conv2d;
use crate::simd::{Isa, Simd, dispatch};

/// `conv.groups == conv.channels`; the filters of a group share its one channel.
pub(super) fn run(isa: Isa, conv: &Conv2d, weights: &[f32], input: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    let taps = conv.kernel.0 * conv.kernel.1;
    let plane = conv.input.0 * conv.input.1;
    out.par_chunks_mut(conv.positions().max(1)).enumerate().for_each(|(index, out)| {
        let (image, filter) = (index / conv.filters, index % conv.filters);
        let channel = image * conv.channels + filter / conv.group_filters();
        let input = &input[channel * plane..][..plane];
        let weights = &weights[filter * taps..][..taps];
        out.fill(bias.map_or(0.0, |bias| bias[filter]));
        // SAFETY: `isa` proves the instruction set; the kernel itself is safe code.
        unsafe { dispatch!(isa, plane_sum(conv: &Conv2d, input: &[f32], weights: &[f32], out: &mut [f32])) }
    });
}

/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn plane_sum<S: Simd>(conv: &Conv2d, input: &[f32], weights: &[f32], out: &mut [f32]) {
    for (y, row) in out.chunks_exact_mut(conv.output.1).enumerate() {
        for ky in 0..conv.kernel.0 {
            let Some(input_row) = conv.input_row(y, ky) else { continue };
            let input = &input[input_row * conv.input.1..][..conv.input.1];
            for kx in 0..conv.kernel.1 {
                let weight = weights[ky * conv.kernel.1 + kx];
                let (valid, first) = conv.output_columns(kx);
                let row = &mut row[valid];
                if conv.stride.1 == 1 {
                    for (out, value) in row.iter_mut().zip(&input[first..]) {
                        *out += weight * value;
                    }
                } else {
                    for (out, value) in row.iter_mut().zip(input[first..].iter().step_by(conv.stride.1)) {
                        *out += weight * value;
                    }
                }
            }
        }
    }
}
