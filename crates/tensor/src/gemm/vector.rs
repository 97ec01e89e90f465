//! Products of a matrix and a vector: bound by memory, so the matrix is read as it lies.

use rayon::prelude::*;

use crate::simd::{Isa, Simd, dispatch};

/// Rows worked on by one task.
const ROWS_PER_TASK: usize = 32;

/// Columns worked on by one task: their sums stay in the first cache.
const COLUMNS_PER_TASK: usize = 512;

/// out\[r\] = Σ_k matrix\[r, k\] · vector\[k\]; `matrix` is row-major, `out.len()` × `vector.len()`.
///
/// # Panics
/// When `matrix` has another number of elements.
pub fn matrix_vector(isa: Isa, matrix: &[f32], vector: &[f32], out: &mut [f32]) {
    let depth = vector.len();
    assert_eq!(matrix.len(), depth * out.len(), "matrix does not fit its vectors");
    if depth == 0 {
        out.fill(0.0);
        return;
    }
    let rows = matrix.par_chunks(depth * ROWS_PER_TASK);
    rows.zip(out.par_chunks_mut(ROWS_PER_TASK)).for_each(|(rows, out)| {
        // SAFETY: `isa` proves the instruction set; the kernel reads within the slices.
        unsafe { dispatch!(isa, dots(rows: &[f32], vector: &[f32], out: &mut [f32])) }
    });
}

/// out\[c\] = Σ_k vector\[k\] · matrix\[k, c\]; `matrix` is row-major, `vector.len()` × `out.len()`.
///
/// # Panics
/// When `matrix` has another number of elements.
pub fn vector_matrix(isa: Isa, vector: &[f32], matrix: &[f32], out: &mut [f32]) {
    let columns = out.len();
    assert_eq!(matrix.len(), columns * vector.len(), "matrix does not fit its vectors");
    out.par_chunks_mut(COLUMNS_PER_TASK).enumerate().for_each(|(task, out)| {
        let first = task * COLUMNS_PER_TASK;
        // SAFETY: `isa` proves the instruction set; the kernel itself is safe code.
        unsafe {
            dispatch!(isa, weighted_rows(vector: &[f32], matrix: &[f32], columns: usize, first: usize, out: &mut [f32]));
        };
    });
}

/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn weighted_rows<S: Simd>(vector: &[f32], matrix: &[f32], columns: usize, first: usize, out: &mut [f32]) {
    out.fill(0.0);
    for (k, &weight) in vector.iter().enumerate() {
        let row = &matrix[k * columns + first..][..out.len()];
        for (out, value) in out.iter_mut().zip(row) {
            *out += weight * value;
        }
    }
}

/// # Safety
/// The processor has the instruction set of `S`; `rows` holds `out.len()` rows as long as `vector`.
#[inline(always)]
unsafe fn dots<S: Simd>(rows: &[f32], vector: &[f32], out: &mut [f32]) {
    const CHAINS: usize = 4;
    for (row, out) in rows.chunks_exact(vector.len()).zip(out) {
        let step = S::LANES * CHAINS;
        let whole = vector.len() / step * step;
        // SAFETY: indices stay below `whole`, which both slices reach.
        let mut sum = unsafe {
            let mut sums = [S::splat(0.0); CHAINS];
            for k in (0..whole).step_by(step) {
                for (chain, sum) in sums.iter_mut().enumerate() {
                    let at = k + chain * S::LANES;
                    *sum = S::multiply_add(S::load(row.as_ptr().add(at)), S::load(vector.as_ptr().add(at)), *sum);
                }
            }
            let total = S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3]));
            let mut lanes = [0.0f32; 16];
            S::store(lanes.as_mut_ptr(), total);
            lanes[..S::LANES].iter().sum::<f32>()
        };
        for k in whole..vector.len() {
            sum += row[k] * vector[k];
        }
        *out = sum;
    }
}
