//! Pools on the blocked layout. Windows are given as those of a depthwise convolution.

use super::BLOCK;
use super::windows::{Spans, Tap, corner};
use crate::conv::Conv2d;
use crate::simd::{Isa, Simd, dispatch};
use crate::team;

/// Numbers added up in one go: shorter chains round less.
const CHAIN: usize = 256;
/// Pixels of a task.
const PIXELS_PER_TASK: usize = 1024;
/// Pixels summed side by side.
const PIXELS: usize = 4;

/// Calls `f` for every output plane and its input plane, several at a time.
fn for_planes(conv: &Conv2d, input: &[f32], out: &mut [f32], f: impl Fn(&[f32], &mut [f32]) + Sync + Send) {
    let (plane, positions) = (conv.input.0 * conv.input.1 * BLOCK, conv.positions() * BLOCK);
    assert_eq!(input.len() * positions, out.len() * plane, "input and output do not fit");
    if !out.is_empty() {
        team::each_pair((input, plane), (out, positions), f);
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
    team::each_chunk(out, BLOCK, (PIXELS_PER_TASK / pixels).max(1), |index, out| {
        let plane = &input[index * pixels * BLOCK..][..pixels * BLOCK];
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

/// Gradient of [`pool_max`]: each window passes its cotangent to its first maximum in row-major order, as in PyTorch;
/// where the pool is `gated`, only to one above 0, which is the gradient of a ReLU before it.
///
/// # Panics
/// When the sizes do not fit.
pub fn pool_max_gradient(isa: Isa, conv: &Conv2d, input: &[f32], cotangent: &[f32], gated: bool, out: &mut [f32]) {
    let (plane, positions) = (conv.input.0 * conv.input.1 * BLOCK, conv.positions() * BLOCK);
    assert!(input.len() == out.len() && input.len() * positions == cotangent.len() * plane, "arrays do not fit");
    if out.is_empty() {
        return;
    }
    let quarters = (conv.kernel, conv.stride, conv.dilation, conv.pad) == ((2, 2), (2, 2), (1, 1), (0, 0))
        && 2 * conv.output.0 <= conv.input.0
        && 2 * conv.output.1 <= conv.input.1;
    team::each_chunk(out, plane, 1, |index, out| {
        let (input, cotangent) = (&input[index * plane..][..plane], &cotangent[index * positions..][..positions]);
        // SAFETY: `isa` proves the instruction set.
        unsafe {
            if quarters {
                dispatch!(isa, gradient_of_quarters(conv: &Conv2d, input: &[f32], cotangent: &[f32], gated: bool, out: &mut [f32]));
            } else {
                dispatch!(isa, gradient_plane(conv: &Conv2d, input: &[f32], cotangent: &[f32], gated: bool, out: &mut [f32]));
            }
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
unsafe fn gradient_plane<S: Simd>(conv: &Conv2d, input: &[f32], cotangent: &[f32], gated: bool, out: &mut [f32]) {
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
                        let passes = chosen[lane] == tap.index as u32 && (!gated || most[lane] > 0.0);
                        out[lane] += if passes { cotangent[column][lane] } else { 0.0 };
                    }
                }
            }
        }
    }
}

/// [`gradient_plane`] where every cell belongs to one window of 2 × 2 at most: every pool of VGG.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn gradient_of_quarters<S: Simd>(conv: &Conv2d, input: &[f32], cotangent: &[f32], gated: bool, out: &mut [f32]) {
    let (width, windows) = (conv.input.1 * BLOCK, conv.output.1);
    if 2 * conv.output.0 < conv.input.0 {
        out[2 * conv.output.0 * width..].fill(0.0);
    }
    let rows = input.chunks_exact(2 * width).zip(out.chunks_exact_mut(2 * width));
    for (cotangent, (input, out)) in cotangent.chunks_exact(windows * BLOCK).zip(rows) {
        let (upper, lower) = input.split_at(width);
        let (out_upper, out_lower) = out.split_at_mut(width);
        out_upper[2 * windows * BLOCK..].fill(0.0);
        out_lower[2 * windows * BLOCK..].fill(0.0);
        for window in 0..windows {
            for lane in (0..BLOCK).step_by(S::LANES) {
                let (at, next) = (2 * window * BLOCK + lane, (2 * window + 1) * BLOCK + lane);
                // SAFETY: `2 · windows` pixels lie in every row.
                unsafe {
                    let cells = [
                        S::load(upper.as_ptr().add(at)),
                        S::load(upper.as_ptr().add(next)),
                        S::load(lower.as_ptr().add(at)),
                        S::load(lower.as_ptr().add(next)),
                    ];
                    let passed = S::load(cotangent.as_ptr().add(window * BLOCK + lane));
                    let [a, b, c, d] = to_first_maximum::<S>(cells, passed, gated);
                    S::store(out_upper.as_mut_ptr().add(at), a);
                    S::store(out_upper.as_mut_ptr().add(next), b);
                    S::store(out_lower.as_mut_ptr().add(at), c);
                    S::store(out_lower.as_mut_ptr().add(next), d);
                }
            }
        }
    }
}

/// `passed` where a cell holds the first maximum of the four (or the last NaN), 0 elsewhere.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn to_first_maximum<S: Simd>([a, b, c, d]: [S::Vector; 4], passed: S::Vector, gated: bool) -> [S::Vector; 4] {
    // SAFETY: as the caller promises.
    unsafe {
        let zero = S::splat(0.0);
        let of_two = S::where_larger(b, a, b, a);
        let of_three = S::where_larger(c, of_two, c, of_two);
        let most = S::where_larger(d, of_three, d, of_three);
        let passed = if gated { S::where_positive(most, passed) } else { passed };
        // What is left for the cells before each.
        let before_d = S::where_larger(d, of_three, zero, passed);
        let before_c = S::where_larger(c, of_two, zero, before_d);
        [
            S::where_larger(b, a, zero, before_c),
            S::where_larger(b, a, before_c, zero),
            S::where_larger(c, of_two, before_d, zero),
            S::where_larger(d, of_three, passed, zero),
        ]
    }
}
