//! Products of some rows with a large matrix, as dense layers have them: bound by memory where the rows are few, so the
//! matrix is read as it lies, once for all rows.
//!
//! Every sum is made in one order, however many rows there are and however they are shared out.

use std::ops::Range;

use rayon::prelude::*;

use crate::scratch::with_scratch;
use crate::shared::SharedMut;
use crate::simd::{Isa, Simd, dispatch};

/// Outputs that a task works on where the matrix is transposed: rows of the matrix.
const OUTPUTS_PER_TASK: usize = 64;
/// Depth that is added up in one go: shorter chains round less, and the rows of a block stay in the second cache.
const DEPTH: usize = 1024;
/// Rows of such a block.
const BLOCK_ROWS: usize = 32;
/// Columns that a task works on: their sums stay in the caches.
const COLUMNS_PER_TASK: usize = 512;
/// Rows of the matrix between two visits of a sum: they stay in the first cache (32 KiB).
const MATRIX_ROWS: usize = 16;
/// Outputs of a tile.
const OUTPUTS: usize = 4;

/// out\[m, n\] = rows\[m, k\] · matrix\[n, k\]ᵀ, all dense and row-major; `depth` is k.
///
/// # Panics
/// When the sizes do not fit.
pub fn times_transposed(isa: Isa, rows: &[f32], matrix: &[f32], depth: usize, out: &mut [f32]) {
    if depth == 0 {
        out.fill(0.0);
        return;
    }
    let (count, outputs) = (rows.len() / depth, matrix.len() / depth);
    assert!(
        rows.len() == count * depth && matrix.len() == outputs * depth && out.len() == count * outputs,
        "a product of {} and {} numbers of depth {depth} to {}",
        rows.len(),
        matrix.len(),
        out.len()
    );
    let job = &Job { rows, matrix, count, depth, outputs, out: SharedMut::new(out) };
    (0..outputs.div_ceil(OUTPUTS_PER_TASK)).into_par_iter().for_each(|task| {
        let range = task * OUTPUTS_PER_TASK..outputs.min((task + 1) * OUTPUTS_PER_TASK);
        // SAFETY: `isa` proves the instruction set; the sizes were checked; tasks write disjoint outputs.
        unsafe { dispatch!(isa, dots(job: &Job<'_>, range: Range<usize>)) }
    });
}

/// out\[m, n\] = rows\[m, k\] · matrix\[k, n\], all dense and row-major; `depth` is k. Rows of a finite matrix that meet
/// zeros only are not read, which spares a gradient behind a ReLU half of the memory.
///
/// # Panics
/// When the sizes do not fit.
pub fn times(isa: Isa, rows: &[f32], matrix: &[f32], depth: usize, out: &mut [f32]) {
    out.fill(0.0);
    if depth == 0 {
        return;
    }
    let (count, outputs) = (rows.len() / depth, matrix.len() / depth);
    assert!(
        rows.len() == count * depth && matrix.len() == outputs * depth && out.len() == count * outputs,
        "a product of {} and {} numbers of depth {depth} to {}",
        rows.len(),
        matrix.len(),
        out.len()
    );
    let job = &Job { rows, matrix, count, depth, outputs, out: SharedMut::new(out) };
    (0..outputs.div_ceil(COLUMNS_PER_TASK)).into_par_iter().for_each(|task| {
        let range = task * COLUMNS_PER_TASK..outputs.min((task + 1) * COLUMNS_PER_TASK);
        with_scratch(count.min(BLOCK_ROWS) * range.len(), |sums| {
            // SAFETY: `isa` proves the instruction set; the sizes were checked; tasks write disjoint columns.
            unsafe { dispatch!(isa, weighted_rows(job: &Job<'_>, range: Range<usize>, sums: &mut [f32])) }
        });
    });
}

/// `rows` is `[count, depth]`, `out` is `[count, outputs]`.
struct Job<'a> {
    rows: &'a [f32],
    matrix: &'a [f32],
    count: usize,
    depth: usize,
    outputs: usize,
    out: SharedMut<'a>,
}

/// Rows of a tile: with [`OUTPUTS`] as many sums as there are registers for.
const fn tile_rows<S: Simd>() -> usize {
    if S::LANES == 16 { 4 } else { 2 }
}

/// # Safety
/// The processor has the instruction set of `S`, the job's sizes fit, and nobody else touches these outputs.
#[inline(always)]
unsafe fn dots<S: Simd>(job: &Job<'_>, outputs: Range<usize>) {
    for first_row in (0..job.count).step_by(BLOCK_ROWS) {
        let end_row = job.count.min(first_row + BLOCK_ROWS);
        for start in (0..job.depth).step_by(DEPTH) {
            let length = DEPTH.min(job.depth - start);
            let mut output = outputs.start;
            while output < outputs.end {
                let wide = outputs.end - output >= OUTPUTS;
                let mut row = first_row;
                while row < end_row {
                    let tall = end_row - row >= tile_rows::<S>();
                    // SAFETY: rows and outputs of the tile lie inside; the depth ends at `job.depth`.
                    unsafe {
                        match (tall, wide, tile_rows::<S>()) {
                            (true, true, 4) => dot_tile::<S, 4, OUTPUTS>(job, row, output, start, length),
                            (true, true, _) => dot_tile::<S, 2, OUTPUTS>(job, row, output, start, length),
                            (false, true, _) => dot_tile::<S, 1, OUTPUTS>(job, row, output, start, length),
                            (true, false, 4) => dot_tile::<S, 4, 1>(job, row, output, start, length),
                            (true, false, _) => dot_tile::<S, 2, 1>(job, row, output, start, length),
                            (false, false, _) => dot_tile::<S, 1, 1>(job, row, output, start, length),
                        }
                    }
                    row += if tall { tile_rows::<S>() } else { 1 };
                }
                output += if wide { OUTPUTS } else { 1 };
            }
        }
    }
}

/// # Safety
/// As [`dots`], with `ROWS` rows and `OUT` outputs from `row` and `output` on, and `length` of the depth from `start` on.
#[inline(always)]
unsafe fn dot_tile<S: Simd, const ROWS: usize, const OUT: usize>(
    job: &Job<'_>,
    row: usize,
    output: usize,
    start: usize,
    length: usize,
) {
    // SAFETY: as the caller promises.
    unsafe {
        let rows: [*const f32; ROWS] = std::array::from_fn(|at| job.rows.as_ptr().add((row + at) * job.depth + start));
        let matrix: [*const f32; OUT] =
            std::array::from_fn(|at| job.matrix.as_ptr().add((output + at) * job.depth + start));
        let mut sums = [[S::splat(0.0); OUT]; ROWS];
        let whole = length / S::LANES * S::LANES;
        for k in (0..whole).step_by(S::LANES) {
            let weights: [S::Vector; OUT] = std::array::from_fn(|at| S::load(matrix[at].add(k)));
            for (sums, row) in sums.iter_mut().zip(rows) {
                let value = S::load(row.add(k));
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = S::multiply_add(value, weight, *sum);
                }
            }
        }
        for (sums, (at, from)) in sums.into_iter().zip(rows.into_iter().enumerate()) {
            for (sum, (to, weights)) in sums.into_iter().zip(matrix.into_iter().enumerate()) {
                let mut total = total::<S>(sum);
                for k in whole..length {
                    total += *from.add(k) * *weights.add(k);
                }
                let out = job.out.pointer().add((row + at) * job.outputs + output + to);
                *out = if start == 0 { total } else { *out + total };
            }
        }
    }
}

/// The sum of a vector's lanes, pairwise.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn total<S: Simd>(vector: S::Vector) -> f32 {
    let mut lanes = [0.0f32; 16];
    // SAFETY: a vector has 16 lanes or fewer.
    unsafe { S::store(lanes.as_mut_ptr(), vector) };
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

/// # Safety
/// The processor has the instruction set of `S`, the job's sizes fit, and nobody else touches these columns; `sums` has
/// room for them and the rows of a block.
#[inline(always)]
unsafe fn weighted_rows<S: Simd>(job: &Job<'_>, columns: Range<usize>, sums: &mut [f32]) {
    for first in (0..job.count).step_by(BLOCK_ROWS) {
        let rows = first..job.count.min(first + BLOCK_ROWS);
        let sums = &mut sums[..rows.len() * columns.len()];
        for start in (0..job.depth).step_by(DEPTH) {
            sums.fill(0.0);
            let end = job.depth.min(start + DEPTH);
            for start in (start..end).step_by(MATRIX_ROWS) {
                let depth = start..end.min(start + MATRIX_ROWS);
                let part = Part { rows: rows.clone(), columns: columns.clone(), depth };
                // SAFETY: as the caller promises; the sums have the part's size.
                unsafe { add_part::<S>(job, &part, sums) };
            }
            for (row, sums) in rows.clone().zip(sums.chunks_exact(columns.len())) {
                // SAFETY: nobody else touches these columns.
                let out = unsafe { job.out.slice(row * job.outputs + columns.start, columns.len()) };
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
    }
}

/// A part of the product, small enough for the first cache.
struct Part {
    rows: Range<usize>,
    columns: Range<usize>,
    depth: Range<usize>,
}

/// # Safety
/// As [`weighted_rows`]; `sums` is `[rows, columns]` of the part.
#[inline(always)]
unsafe fn add_part<S: Simd>(job: &Job<'_>, part: &Part, sums: &mut [f32]) {
    let stride = part.columns.len();
    let mut column = 0;
    while column < stride {
        let left = stride - column;
        let wide = left >= OUTPUTS * S::LANES;
        let mut row = 0;
        while row < part.rows.len() {
            let tall = wide && part.rows.len() - row >= tile_rows::<S>();
            let to = sums[row * stride + column..].as_mut_ptr();
            let at = (part.rows.start + row, part.columns.start + column);
            // SAFETY: rows and columns of the tile lie inside.
            unsafe {
                match (tall, wide, tile_rows::<S>()) {
                    (true, _, 4) => column_tile::<S, 4, OUTPUTS>(job, at, &part.depth, to, stride),
                    (true, _, _) => column_tile::<S, 2, OUTPUTS>(job, at, &part.depth, to, stride),
                    (false, true, _) => column_tile::<S, 1, OUTPUTS>(job, at, &part.depth, to, stride),
                    _ if left >= S::LANES => column_tile::<S, 1, 1>(job, at, &part.depth, to, stride),
                    _ => last_columns(job, at, &part.depth, &mut sums[row * stride + column..][..left]),
                }
            }
            row += if tall { tile_rows::<S>() } else { 1 };
        }
        let widths = [OUTPUTS * S::LANES, S::LANES];
        column += widths.into_iter().find(|&width| left >= width).unwrap_or(left);
    }
}

/// # Safety
/// `ROWS` rows and `VECTORS` vectors of columns from `(row, column)` on lie inside, and `to` has room for them.
#[inline(always)]
unsafe fn column_tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
    job: &Job<'_>,
    (row, column): (usize, usize),
    depth: &Range<usize>,
    to: *mut f32,
    stride: usize,
) {
    // SAFETY: as the caller promises.
    unsafe {
        let mut sums: [[S::Vector; VECTORS]; ROWS] =
            std::array::from_fn(|at| std::array::from_fn(|vector| S::load(to.add(at * stride + vector * S::LANES))));
        for k in depth.clone() {
            let values: [f32; ROWS] = std::array::from_fn(|at| *job.rows.as_ptr().add((row + at) * job.depth + k));
            if ROWS == 1 && values[0] == 0.0 {
                continue;
            }
            let from = job.matrix.as_ptr().add(k * job.outputs + column);
            let weights: [S::Vector; VECTORS] = std::array::from_fn(|vector| S::load(from.add(vector * S::LANES)));
            for (sums, value) in sums.iter_mut().zip(values) {
                let value = S::splat(value);
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = S::multiply_add(value, weight, *sum);
                }
            }
        }
        for (at, sums) in sums.into_iter().enumerate() {
            for (vector, sum) in sums.into_iter().enumerate() {
                S::store(to.add(at * stride + vector * S::LANES), sum);
            }
        }
    }
}

/// Columns that do not fill a vector.
fn last_columns(job: &Job<'_>, (row, column): (usize, usize), depth: &Range<usize>, sums: &mut [f32]) {
    for k in depth.clone() {
        let value = job.rows[row * job.depth + k];
        let weights = &job.matrix[k * job.outputs + column..][..sums.len()];
        sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
    }
}
