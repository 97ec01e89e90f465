//! Products of some rows with a large matrix, as dense layers have them: bound by memory where the rows are few, so the
//! matrix is read as it lies, once for all rows.
//!
//! Every sum is made in one order, however many rows there are and however they are shared out.

use std::ops::Range;

use crate::scratch::with_scratch;
use crate::shared::SharedMut;
use crate::simd::{Isa, Simd, dispatch};
use crate::team;

/// Outputs that a task works on where the matrix is transposed: rows of the matrix.
const OUTPUTS_PER_TASK: usize = 64;
/// Depth that is added up in one go: shorter chains round less, and the rows of a block stay in the second cache.
const DEPTH: usize = 1024;
/// Rows of such a block.
const BLOCK_ROWS: usize = 32;
/// Elements of rows that stay in the second cache (256 KiB).
const NEAR: usize = 1 << 16;
/// Columns that a task works on: their sums stay in the caches.
const COLUMNS_PER_TASK: usize = 1024;
/// The same where there are few columns.
const FEWEST_COLUMNS: usize = 256;
/// Tasks that keep a handful of threads busy.
const FEW_TASKS: usize = 8;
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
    let job = &Job::new(rows, matrix, depth, out);
    let outputs = job.outputs;
    team::each(outputs.div_ceil(OUTPUTS_PER_TASK), |task| {
        let range = task * OUTPUTS_PER_TASK..outputs.min((task + 1) * OUTPUTS_PER_TASK);
        // SAFETY: `isa` proves the instruction set; the sizes were checked; tasks write disjoint outputs.
        unsafe { dispatch!(isa, dots(job: &Job<'_>, range: Range<usize>)) }
    });
}

/// out\[m, n\] = rows\[m, k\] · matrix\[k, n\], all dense and row-major; `depth` is k. Where the caller knows that the matrix
/// `is_finite`, rows of it that meet zeros only are not read, which spares a gradient behind a ReLU half of the memory.
///
/// # Panics
/// When the sizes do not fit.
pub fn times(isa: Isa, rows: &[f32], matrix: &[f32], depth: usize, is_finite: bool, out: &mut [f32]) {
    out.fill(0.0);
    if depth == 0 {
        return;
    }
    let job = &Job::new(rows, matrix, depth, out);
    let (count, outputs) = (job.count, job.outputs);
    let columns = outputs.div_ceil(FEW_TASKS).next_multiple_of(32).clamp(FEWEST_COLUMNS, COLUMNS_PER_TASK);
    team::each(outputs.div_ceil(columns), |task| {
        let range = task * columns..outputs.min((task + 1) * columns);
        with_scratch(count.min(BLOCK_ROWS) * range.len(), |sums| {
            // SAFETY: `isa` proves the instruction set; the sizes were checked; tasks write disjoint columns.
            unsafe {
                dispatch!(isa, weighted_rows(job: &Job<'_>, is_finite: bool, range: Range<usize>, sums: &mut [f32]));
            }
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

impl<'a> Job<'a> {
    /// # Panics
    /// When the sizes do not fit; `depth` is not 0.
    fn new(rows: &'a [f32], matrix: &'a [f32], depth: usize, out: &'a mut [f32]) -> Self {
        let (count, outputs) = (rows.len() / depth, matrix.len() / depth);
        assert!(
            rows.len() == count * depth && matrix.len() == outputs * depth && out.len() == count * outputs,
            "a product of {} and {} numbers of depth {depth} to {}",
            rows.len(),
            matrix.len(),
            out.len()
        );
        Self { rows, matrix, count, depth, outputs, out: SharedMut::new(out) }
    }
}

/// Rows of a tile: with [`OUTPUTS`] as many sums as there are registers for.
const fn tile_rows<S: Simd>() -> usize {
    if S::LANES == 16 { 4 } else { 2 }
}

/// # Safety
/// The processor has the instruction set of `S`, the job's sizes fit, and nobody else touches these outputs.
#[inline(always)]
unsafe fn dots<S: Simd>(job: &Job<'_>, outputs: Range<usize>) {
    // Rows that stay in the second cache let the matrix be read from end to end.
    let deep = if job.count * job.depth <= NEAR { job.depth } else { DEPTH };
    for first in (0..job.count).step_by(BLOCK_ROWS) {
        let rows = first..job.count.min(first + BLOCK_ROWS);
        for slice in (0..job.depth).step_by(deep) {
            let slice = slice..job.depth.min(slice + deep);
            let mut output = outputs.start;
            while output < outputs.end {
                let wide = outputs.end - output >= OUTPUTS;
                for start in slice.clone().step_by(DEPTH) {
                    let depth = start..slice.end.min(start + DEPTH);
                    // SAFETY: rows and outputs of the tiles lie inside; the depth ends at `job.depth`.
                    unsafe {
                        match wide {
                            true => dot_tiles::<S, OUTPUTS>(job, rows.clone(), output, depth),
                            false => dot_tiles::<S, 1>(job, rows.clone(), output, depth),
                        }
                    }
                }
                output += if wide { OUTPUTS } else { 1 };
            }
        }
    }
}

/// # Safety
/// As [`dots`], with `OUT` outputs from `output` on, and rows and depth of the job.
#[inline(always)]
unsafe fn dot_tiles<S: Simd, const OUT: usize>(job: &Job<'_>, rows: Range<usize>, output: usize, depth: Range<usize>) {
    let mut row = rows.start;
    while row < rows.end {
        let tall = rows.end - row >= tile_rows::<S>();
        // SAFETY: as the caller promises.
        unsafe {
            match (tall, tile_rows::<S>()) {
                (true, 4) => dot_tile::<S, 4, OUT>(job, row, output, depth.start, depth.len()),
                (true, _) => dot_tile::<S, 2, OUT>(job, row, output, depth.start, depth.len()),
                (false, _) => dot_tile::<S, 1, OUT>(job, row, output, depth.start, depth.len()),
            }
        }
        row += if tall { tile_rows::<S>() } else { 1 };
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
unsafe fn weighted_rows<S: Simd>(job: &Job<'_>, is_finite: bool, columns: Range<usize>, sums: &mut [f32]) {
    let mut picked = Vec::with_capacity(DEPTH);
    for first in (0..job.count).step_by(BLOCK_ROWS) {
        let rows = first..job.count.min(first + BLOCK_ROWS);
        let sums = &mut sums[..rows.len() * columns.len()];
        for start in (0..job.depth).step_by(DEPTH) {
            let value = |row: usize, k: usize| job.rows[row * job.depth + k];
            picked.clear();
            let counts = |&k: &usize| !is_finite || rows.clone().any(|row| value(row, k) != 0.0);
            picked.extend((start..job.depth.min(start + DEPTH)).filter(counts));
            sums.fill(0.0);
            let (fours, rest) = picked.as_chunks::<4>();
            // Loops, not closures: those would be compiled without the instruction set.
            // SAFETY: as the caller promises; the sums have the size of these rows and columns.
            unsafe {
                for four in fours {
                    add_rows::<S, 4>(job, &rows, four, &columns, sums);
                }
                for &k in rest {
                    add_rows::<S, 1>(job, &rows, &[k], &columns, sums);
                }
            }
            for (row, sums) in rows.clone().zip(sums.chunks_exact(columns.len())) {
                // SAFETY: nobody else touches these columns.
                let out = unsafe { job.out.slice(row * job.outputs + columns.start, columns.len()) };
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
    }
}

/// Adds some rows of the matrix, each times its factor, to the sums of all rows of a block.
///
/// # Safety
/// As [`weighted_rows`].
#[inline(always)]
unsafe fn add_rows<S: Simd, const DEEP: usize>(
    job: &Job<'_>,
    rows: &Range<usize>,
    picked: &[usize; DEEP],
    columns: &Range<usize>,
    sums: &mut [f32],
) {
    let mut row = rows.start;
    while row < rows.end {
        let tall = rows.end - row >= tile_rows::<S>();
        let sums = &mut sums[(row - rows.start) * columns.len()..];
        // SAFETY: as the caller promises.
        unsafe {
            match (tall, tile_rows::<S>()) {
                (true, 4) => add_tile::<S, 4, DEEP>(job, row, picked, columns, sums),
                (true, _) => add_tile::<S, 2, DEEP>(job, row, picked, columns, sums),
                (false, _) => add_tile::<S, 1, DEEP>(job, row, picked, columns, sums),
            }
        }
        row += if tall { tile_rows::<S>() } else { 1 };
    }
}

/// # Safety
/// As [`weighted_rows`], with `ROWS` rows from `row` on, whose sums `sums` begins with.
#[inline(always)]
unsafe fn add_tile<S: Simd, const ROWS: usize, const DEEP: usize>(
    job: &Job<'_>,
    row: usize,
    picked: &[usize; DEEP],
    columns: &Range<usize>,
    sums: &mut [f32],
) {
    let stride = columns.len();
    assert!(sums.len() >= ROWS * stride, "sums are too short");
    let factors: [[f32; DEEP]; ROWS] =
        std::array::from_fn(|at| std::array::from_fn(|deep| job.rows[(row + at) * job.depth + picked[deep]]));
    let matrix: [&[f32]; DEEP] =
        std::array::from_fn(|deep| &job.matrix[picked[deep] * job.outputs + columns.start..][..stride]);
    let whole = stride / S::LANES * S::LANES;
    // SAFETY: as the caller promises; vectors end before `whole`.
    unsafe {
        let splat: [[S::Vector; DEEP]; ROWS] =
            std::array::from_fn(|at| std::array::from_fn(|deep| S::splat(factors[at][deep])));
        for column in (0..whole).step_by(S::LANES) {
            let weights: [S::Vector; DEEP] = std::array::from_fn(|deep| S::load(matrix[deep].as_ptr().add(column)));
            for (at, factors) in splat.iter().enumerate() {
                let to = sums.as_mut_ptr().add(at * stride + column);
                let mut sum = S::load(to);
                for (factor, weight) in factors.iter().zip(weights) {
                    sum = S::multiply_add(*factor, weight, sum);
                }
                S::store(to, sum);
            }
        }
    }
    for column in whole..stride {
        for (at, factors) in factors.iter().enumerate() {
            let sum = &mut sums[at * stride + column];
            factors.iter().zip(matrix).for_each(|(factor, weights)| *sum += factor * weights[column]);
        }
    }
}
