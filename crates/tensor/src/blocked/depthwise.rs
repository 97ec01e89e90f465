//! Depthwise convolution: every channel for itself, 16 side by side.

use std::ops::Range;
use std::sync::Arc;

use super::epilogue::{Epilogue, Finish};
use super::frame::{Frame, LARGEST_FRAME, Walk};
use super::windows::{Spans, corner};
use super::{BLOCK, blocks, filling_is_small};
use crate::conv::Conv2d;
use crate::scratch::with_scratch;
use crate::shared::SharedMut;
use crate::simd::{Isa, Simd, dispatch};
use crate::team;

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
        let rows = (PIXELS_PER_TASK / conv.output.1).clamp(1, conv.output.0);
        let parts = conv.output.0.div_ceil(rows);
        let rows = conv.output.0.div_ceil(parts);
        let reaching = Frame::is_needed(conv);
        let framed = reaching && Frame::new(conv, rows, BLOCK).plane() <= LARGEST_FRAME;
        // Small planes are worked on several at a time.
        let planes = out.len() / positions;
        let together = if parts == 1 { (PIXELS_PER_TASK / conv.positions()).max(1) } else { 1 };
        let out = SharedMut::new(out);
        team::each(planes.div_ceil(together) * parts, |task| {
            let first_row = task % parts * rows;
            let rows = first_row..conv.output.0.min(first_row + rows);
            let frame = if framed { Frame::new(conv, rows.len(), BLOCK) } else { Frame::none(conv, BLOCK) };
            with_scratch(if framed { frame.plane() } else { 0 }, |framed_data| {
                let first = task / parts * together;
                for index in first..planes.min(first + together) {
                    let plane = &input[index * plane..][..plane];
                    let (data, row): (&[f32], usize) = if framed {
                        frame.fill(conv, rows.start, plane, framed_data);
                        (framed_data, rows.start)
                    } else {
                        (plane, 0)
                    };
                    let block = index % count;
                    let weights = &self.weights[block * conv.kernel.0 * conv.kernel.1 * BLOCK..];
                    let pixels = rows.start * conv.output.1..rows.end * conv.output.1;
                    let at = index * positions;
                    let job = &Job { conv, data, frame, row, weights, finish, channel: block * BLOCK, pixels, at, out };
                    // SAFETY: `isa` proves the instruction set; tasks write disjoint rows.
                    unsafe {
                        if reaching && !framed {
                            dispatch!(self.isa, unframed(job: &Job<'_>));
                        } else {
                            dispatch!(self.isa, convolve(job: &Job<'_>));
                        }
                    }
                }
            });
        });
    }
}

/// Some pixels of an output plane.
struct Job<'a> {
    conv: &'a Conv2d,
    data: &'a [f32],
    frame: Frame,
    /// Row of the output that the frame begins with.
    row: usize,
    /// `[taps, 16]`
    weights: &'a [f32],
    finish: Finish<'a>,
    channel: usize,
    pixels: Range<usize>,
    /// Place of the plane in the whole output.
    at: usize,
    out: SharedMut<'a>,
}

/// # Safety
/// The processor has the instruction set of `S`, and nobody else touches the job's pixels.
#[inline(always)]
unsafe fn convolve<S: Simd>(job: &Job<'_>) {
    // SAFETY: as the caller promises. Vectors of a block: its lanes over those of a vector.
    unsafe {
        match BLOCK / S::LANES {
            1 => tiles::<S, 1>(job),
            2 => tiles::<S, 2>(job),
            4 => tiles::<S, 4>(job),
            _ => unreachable!("a vector of another size"),
        }
    }
}

/// As [`convolve`], with the taps that lie inside the image only: for windows that reach so far that no frame is built.
///
/// # Safety
/// As [`convolve`].
#[inline(always)]
unsafe fn unframed<S: Simd>(job: &Job<'_>) {
    let conv = job.conv;
    let mut taps = Vec::new();
    for row in job.pixels.start / conv.output.1..job.pixels.end / conv.output.1 {
        let mut spans = Spans::new(conv, row);
        while let Some(columns) = spans.next(&mut taps) {
            for column in columns {
                let corner = corner(conv, row, column);
                for lane in (0..BLOCK).step_by(S::LANES) {
                    // SAFETY: the taps of a span lie inside the plane, `weights` holds all, `out` the pixels.
                    unsafe {
                        let mut sum = S::splat(0.0);
                        for tap in &taps {
                            let weight = S::load(job.weights.as_ptr().add(tap.index * BLOCK + lane));
                            let place = (corner + tap.offset) as usize + lane;
                            debug_assert!(place + S::LANES <= job.data.len());
                            sum = S::multiply_add(weight, S::load(job.data.as_ptr().add(place)), sum);
                        }
                        let at = job.at + (row * conv.output.1 + column) * BLOCK + lane;
                        debug_assert!(at + S::LANES <= job.out.len());
                        S::store(job.out.pointer().add(at), job.finish.apply::<S>(sum, job.channel + lane, at));
                    }
                }
            }
        }
    }
}

/// # Safety
/// As [`convolve`].
#[inline(always)]
unsafe fn tiles<S: Simd, const VECTORS: usize>(job: &Job<'_>) {
    let conv = job.conv;
    let taps = job.frame.taps(conv);
    assert!(job.weights.len() >= taps.len() * BLOCK, "weights for all taps");
    let mut walk = Walk::new(conv, job.frame, job.row, job.pixels.start);
    let mut pixel = job.pixels.start;
    macro_rules! step {
        ($pixels:literal) => {
            while S::PIXELS >= $pixels && job.pixels.end - pixel >= $pixels {
                // SAFETY: as the caller promises.
                unsafe { tile::<S, $pixels, VECTORS>(job, &taps, &mut walk, pixel) };
                pixel += $pixels;
            }
        };
    }
    step!(8);
    step!(6);
    step!(4);
    step!(2);
    step!(1);
}

/// # Safety
/// As [`convolve`].
#[inline(always)]
unsafe fn tile<S: Simd, const PIXELS: usize, const VECTORS: usize>(
    job: &Job<'_>,
    taps: &[usize],
    walk: &mut Walk,
    pixel: usize,
) {
    // SAFETY: the frame holds every tap of the job's pixels, `weights` all taps, `out` the pixels.
    unsafe {
        let mut from = [job.data.as_ptr(); PIXELS];
        for from in &mut from {
            *from = from.wrapping_add(walk.step());
        }
        let mut sums = [[S::splat(0.0); VECTORS]; PIXELS];
        let mut weights = job.weights.as_ptr();
        for &tap in taps {
            for vector in 0..VECTORS {
                let weight = S::load(weights.add(vector * S::LANES));
                for (sums, from) in sums.iter_mut().zip(from) {
                    let value = S::load(from.add(tap + vector * S::LANES));
                    sums[vector] = S::multiply_add(weight, value, sums[vector]);
                }
            }
            weights = weights.add(BLOCK);
        }
        let place = |index: usize, vector: usize| job.at + (pixel + index) * BLOCK + vector * S::LANES;
        debug_assert!(place(PIXELS - 1, VECTORS - 1) + S::LANES <= job.out.len());
        let sums = job.finish.apply_all::<S, VECTORS, PIXELS>(sums, job.channel, place);
        for (index, sums) in sums.into_iter().enumerate() {
            for (vector, sum) in sums.into_iter().enumerate() {
                S::store(job.out.pointer().add(place(index, vector)), sum);
            }
        }
    }
}
