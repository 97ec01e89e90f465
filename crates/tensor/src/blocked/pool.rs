//! Pools on the blocked layout. Windows are given as those of a depthwise convolution.

use rayon::prelude::*;

use super::BLOCK;
use super::windows::{Spans, Tap, corner};
use crate::conv::Conv2d;
use crate::simd::{Isa, Simd, dispatch};

/// Numbers added up in one go: shorter chains round less.
const CHAIN: usize = 256;
/// Pixels summed side by side.
const PIXELS: usize = 4;

/// Calls `f` for every output plane and its input plane, several at a time.
fn for_planes(conv: &Conv2d, input: &[f32], out: &mut [f32], f: impl Fn(&[f32], &mut [f32]) + Sync + Send) {
    let (plane, positions) = (conv.input.0 * conv.input.1 * BLOCK, conv.positions() * BLOCK);
    assert_eq!(input.len() * positions, out.len() * plane, "input and output do not fit");
    if !out.is_empty() {
        out.par_chunks_mut(positions).zip(input.par_chunks(plane)).for_each(|(out, input)| f(input, out));
    }
}

/// Largest value of each window; NaN where a window holds one. Every window must reach into the image.
///
/// # Panics
/// When the sizes do not fit.
pub fn pool_max(isa: Isa, conv: &Conv2d, input: &[f32], out: &mut [f32]) {
    for_planes(conv, input, out, |plane, out| {
        // SAFETY: `isa` proves the instruction set.
        unsafe { dispatch!(isa, max_plane(conv: &Conv2d, plane: &[f32], out: &mut [f32])) }
    });
}

/// Mean of each window, over the cells inside the image or, with `include_padding`, over all.
///
/// # Panics
/// When the sizes do not fit.
pub fn pool_average(isa: Isa, conv: &Conv2d, counts: (&[f32], &[f32]), input: &[f32], out: &mut [f32]) {
    assert!(counts.0.len() == conv.output.0 && counts.1.len() == conv.output.1, "counts do not fit");
    for_planes(conv, input, out, |plane, out| {
        // SAFETY: `isa` proves the instruction set.
        unsafe { dispatch!(isa, sum_plane(conv: &Conv2d, plane: &[f32], out: &mut [f32])) }
        for (row, &down) in out.chunks_exact_mut(conv.output.1 * BLOCK).zip(counts.0) {
            for (lanes, &along) in row.as_chunks_mut::<BLOCK>().0.iter_mut().zip(counts.1) {
                lanes.iter_mut().for_each(|value| *value /= down * along);
            }
        }
    });
}

/// Mean of each plane of `pixels` pixels: `[N, blocks, pixels, 16]` → `[N, blocks, 1, 16]`.
///
/// # Panics
/// When the sizes do not fit.
pub fn global_average(input: &[f32], pixels: usize, out: &mut [f32]) {
    assert_eq!(input.len(), out.len() * pixels, "input and output do not fit");
    if out.is_empty() || pixels == 0 {
        return;
    }
    out.par_chunks_mut(BLOCK).zip(input.par_chunks(pixels * BLOCK)).for_each(|(out, plane)| {
        let mut total = [0.0f64; BLOCK];
        for piece in plane.chunks(CHAIN * BLOCK) {
            let mut sums = [0.0f32; BLOCK];
            for lanes in piece.as_chunks::<BLOCK>().0 {
                sums.iter_mut().zip(lanes).for_each(|(sum, value)| *sum += value);
            }
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += f64::from(sum));
        }
        out.iter_mut().zip(total).for_each(|(out, sum)| *out = (sum / pixels as f64) as f32);
    });
}

/// Gradient of [`pool_max`]: each window passes its cotangent to its first maximum in row-major order, as in PyTorch.
///
/// # Panics
/// When the sizes do not fit.
pub fn pool_max_gradient(isa: Isa, conv: &Conv2d, input: &[f32], cotangent: &[f32], out: &mut [f32]) {
    let (plane, positions) = (conv.input.0 * conv.input.1 * BLOCK, conv.positions() * BLOCK);
    assert!(input.len() == out.len() && input.len() * positions == cotangent.len() * plane, "arrays do not fit");
    if out.is_empty() {
        return;
    }
    let planes = input.par_chunks(plane).zip(cotangent.par_chunks(positions)).zip(out.par_chunks_mut(plane));
    planes.for_each(|((input, cotangent), out)| {
        // SAFETY: `isa` proves the instruction set.
        unsafe {
            dispatch!(isa, gradient_plane(conv: &Conv2d, input: &[f32], cotangent: &[f32], out: &mut [f32]));
        }
    });
}

/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn max_plane<S: Simd>(conv: &Conv2d, plane: &[f32], out: &mut [f32]) {
    // SAFETY: as the caller promises.
    unsafe { fold_plane::<S>(conv, plane, out, f32::NEG_INFINITY, |a, b| S::maximum(a, b)) }
}

/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn sum_plane<S: Simd>(conv: &Conv2d, plane: &[f32], out: &mut [f32]) {
    // SAFETY: as the caller promises.
    unsafe { fold_plane::<S>(conv, plane, out, 0.0, |a, b| S::add(a, b)) }
}

/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn fold_plane<S: Simd>(
    conv: &Conv2d,
    plane: &[f32],
    out: &mut [f32],
    start: f32,
    fold: impl Fn(S::Vector, S::Vector) -> S::Vector + Copy,
) {
    let mut taps = Vec::new();
    for (row, out) in out.chunks_exact_mut(conv.output.1 * BLOCK).enumerate() {
        let mut spans = Spans::new(conv, row);
        while let Some(range) = spans.next(&mut taps) {
            let mut column = range.start;
            // SAFETY: as the caller promises; the span's taps lie inside the plane.
            unsafe {
                while range.end - column >= PIXELS {
                    fold_pixels::<S, PIXELS>(conv, plane, (row, column), &taps, out, start, fold);
                    column += PIXELS;
                }
                while column < range.end {
                    fold_pixels::<S, 1>(conv, plane, (row, column), &taps, out, start, fold);
                    column += 1;
                }
            }
        }
    }
}

/// # Safety
/// The processor has the instruction set of `S`, and the taps lie inside the plane for all of the pixels.
#[inline(always)]
unsafe fn fold_pixels<S: Simd, const COUNT: usize>(
    conv: &Conv2d,
    plane: &[f32],
    (row, column): (usize, usize),
    taps: &[Tap],
    out: &mut [f32],
    start: f32,
    fold: impl Fn(S::Vector, S::Vector) -> S::Vector,
) {
    let first = corner(conv, row, column);
    let step = (conv.stride.1 * BLOCK) as isize;
    let out = &mut out[column * BLOCK..][..COUNT * BLOCK];
    for lane in (0..BLOCK).step_by(S::LANES) {
        // SAFETY: as the caller promises.
        unsafe {
            let mut folded = [S::splat(start); COUNT];
            for taps in taps.chunks(CHAIN) {
                let mut part = [S::splat(start); COUNT];
                for tap in taps {
                    for (index, part) in part.iter_mut().enumerate() {
                        let place = first + tap.offset + index as isize * step + lane as isize;
                        debug_assert!(place >= 0 && place as usize + S::LANES <= plane.len());
                        *part = fold(*part, S::load(plane.as_ptr().offset(place)));
                    }
                }
                folded.iter_mut().zip(part).for_each(|(folded, part)| *folded = fold(*folded, part));
            }
            for (index, folded) in folded.into_iter().enumerate() {
                S::store(out.as_mut_ptr().add(index * BLOCK + lane), folded);
            }
        }
    }
}

/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn gradient_plane<S: Simd>(conv: &Conv2d, input: &[f32], cotangent: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    let mut taps = Vec::new();
    for (row, cotangent) in cotangent.chunks_exact(conv.output.1 * BLOCK).enumerate() {
        let cotangent = cotangent.as_chunks::<BLOCK>().0;
        let mut spans = Spans::new(conv, row);
        while let Some(range) = spans.next(&mut taps) {
            for column in range {
                let first = corner(conv, row, column);
                let place = |tap: &Tap| (first + tap.offset) as usize;
                let mut most = [f32::NEG_INFINITY; BLOCK];
                let mut chosen = [u32::MAX; BLOCK];
                for tap in &taps {
                    let values: &[f32; BLOCK] = input[place(tap)..].first_chunk().expect("taps lie inside the plane");
                    for lane in 0..BLOCK {
                        let larger = values[lane] > most[lane] || values[lane].is_nan() || chosen[lane] == u32::MAX;
                        most[lane] = if larger { values[lane] } else { most[lane] };
                        chosen[lane] = if larger { tap.index as u32 } else { chosen[lane] };
                    }
                }
                for tap in &taps {
                    let out: &mut [f32; BLOCK] =
                        out[place(tap)..].first_chunk_mut().expect("taps lie inside the plane");
                    for lane in 0..BLOCK {
                        out[lane] += if chosen[lane] == tap.index as u32 { cotangent[column][lane] } else { 0.0 };
                    }
                }
            }
        }
    }
}
