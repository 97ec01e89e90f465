//! Depthwise convolution: every channel for itself, 16 side by side.

use std::sync::Arc;

use rayon::prelude::*;

use super::epilogue::{Epilogue, Finish};
use super::windows::{Spans, Tap, corner};
use super::{BLOCK, blocks, filling_is_small};
use crate::conv::Conv2d;
use crate::simd::{Isa, Simd, dispatch};

/// Pixels of a task.
const PIXELS_PER_TASK: usize = 1024;

/// A convolution with one filter for each channel; arrays as in [`super::DirectConv`], never dense.
#[derive(Debug, Clone)]
pub struct DepthwiseConv {
    isa: Isa,
    conv: Conv2d,
    /// `[blocks, taps, 16]`
    weights: Arc<[f32]>,
}

impl DepthwiseConv {
    /// Whether `conv` can be computed so, with packed weights that are not much larger than the weights.
    pub fn fits(conv: &Conv2d) -> bool {
        conv.groups == conv.channels && conv.filters == conv.channels && filling_is_small(conv)
    }

    /// Packs `weights`, `[filters, 1, kernel.0, kernel.1]`.
    ///
    /// # Panics
    /// When the weights have another number of elements or [`DepthwiseConv::fits`] says no.
    pub fn new(isa: Isa, conv: Conv2d, weights: &[f32]) -> Self {
        assert!(Self::fits(&conv) && weights.len() == conv.weights_len(), "weights do not fit {conv:?}");
        let taps = conv.kernel.0 * conv.kernel.1;
        let mut packed = vec![0.0; blocks(conv.channels) * taps * BLOCK];
        for (index, &weight) in weights.iter().enumerate() {
            let (channel, tap) = (index / taps, index % taps);
            packed[(channel / BLOCK * taps + tap) * BLOCK + channel % BLOCK] = weight;
        }
        Self { isa, conv, weights: packed.into() }
    }

    /// The same filters on an input of another size, with other padding: sizes of `conv` that weights do not depend on.
    ///
    /// # Panics
    /// When the weights would be others.
    #[must_use]
    pub fn resized(&self, conv: Conv2d) -> Self {
        assert!(self.conv.has_weights_of(&conv), "{conv:?} has other weights than {:?}", self.conv);
        Self { conv, ..self.clone() }
    }

    /// Convolves a batch.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub fn run(&self, input: &[f32], epilogue: Epilogue<'_>, out: &mut [f32]) {
        let conv = &self.conv;
        let (plane, positions) = (conv.input.0 * conv.input.1 * BLOCK, conv.positions() * BLOCK);
        assert_eq!(input.len() * positions, out.len() * plane, "input and output do not fit");
        let count = blocks(conv.channels);
        assert!(out.len().is_multiple_of(count * positions), "a part of an image");
        let finish = epilogue.prepare(count, out.len());
        if out.is_empty() {
            return;
        }
        let rows_per_task = (PIXELS_PER_TASK / conv.output.1).clamp(1, conv.output.0);
        out.par_chunks_mut(positions).enumerate().for_each(|(index, out)| {
            let (block, plane) = (index % count, &input[index * plane..][..plane]);
            let weights = &self.weights[block * conv.kernel.0 * conv.kernel.1 * BLOCK..];
            let parts = out.par_chunks_mut(rows_per_task * conv.output.1 * BLOCK).enumerate();
            parts.for_each(|(task, out)| {
                let row = task * rows_per_task;
                let at = index * positions + row * conv.output.1 * BLOCK;
                let job = &mut Job { conv, plane, weights, finish, channel: block * BLOCK, row, at, out };
                // SAFETY: `isa` proves the instruction set.
                unsafe { dispatch!(self.isa, rows(job: &mut Job<'_>)) }
            });
        });
    }
}

/// Some rows of an output plane.
struct Job<'a> {
    conv: &'a Conv2d,
    plane: &'a [f32],
    /// `[taps, 16]`
    weights: &'a [f32],
    finish: Finish<'a>,
    channel: usize,
    row: usize,
    /// Place of `out` in the whole output.
    at: usize,
    out: &'a mut [f32],
}

/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn rows<S: Simd>(job: &mut Job<'_>) {
    let mut taps = Vec::with_capacity(job.conv.kernel.0 * job.conv.kernel.1);
    let row_len = job.conv.output.1 * BLOCK;
    for (index, out) in job.out.chunks_exact_mut(row_len).enumerate() {
        let row = job.row + index;
        let mut spans = Spans::new(job.conv, row);
        while let Some(range) = spans.next(&mut taps) {
            let mut column = range.start;
            macro_rules! step {
                ($pixels:literal) => {
                    while range.end - column >= $pixels {
                        let span = Span { job_at: job.at + index * row_len, row, column, taps: &taps };
                        // SAFETY: as the caller promises; the span's taps lie inside the plane.
                        unsafe {
                            pixels::<S, $pixels>(
                                job.conv,
                                job.plane,
                                job.weights,
                                &job.finish,
                                job.channel,
                                &span,
                                out,
                            );
                        }
                        column += $pixels;
                    }
                };
            }
            step!(8);
            step!(4);
            step!(1);
        }
    }
}

struct Span<'a> {
    /// Place of the row in the whole output.
    job_at: usize,
    row: usize,
    column: usize,
    taps: &'a [Tap],
}

/// # Safety
/// The processor has the instruction set of `S`, and the span's taps lie inside the plane for all of its pixels.
#[inline(always)]
unsafe fn pixels<S: Simd, const PIXELS: usize>(
    conv: &Conv2d,
    plane: &[f32],
    weights: &[f32],
    finish: &Finish<'_>,
    channel: usize,
    span: &Span<'_>,
    out: &mut [f32],
) {
    let start = corner(conv, span.row, span.column);
    let step = (conv.stride.1 * BLOCK) as isize;
    let out = &mut out[span.column * BLOCK..][..PIXELS * BLOCK];
    for lane in (0..BLOCK).step_by(S::LANES) {
        // SAFETY: taps lie inside the plane (the caller promises) and the weights (packed for all taps).
        unsafe {
            let mut sums = [[S::splat(0.0)]; PIXELS];
            for tap in span.taps {
                let weight = S::load(weights.as_ptr().add(tap.index * BLOCK + lane));
                let at = start + tap.offset + lane as isize;
                for (index, [sum]) in sums.iter_mut().enumerate() {
                    let place = at + index as isize * step;
                    debug_assert!(place >= 0 && place as usize + S::LANES <= plane.len());
                    *sum = S::multiply_add(weight, S::load(plane.as_ptr().offset(place)), *sum);
                }
            }
            let first = span.job_at + span.column * BLOCK + lane;
            let sums = finish.apply_all::<S, 1, PIXELS>(sums, channel + lane, |pixel, _| first + pixel * BLOCK);
            for (index, [sum]) in sums.into_iter().enumerate() {
                S::store(out.as_mut_ptr().add(index * BLOCK + lane), sum);
            }
        }
    }
}
