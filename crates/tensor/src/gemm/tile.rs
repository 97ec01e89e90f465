//! Packed panels and the tile kernel.

use std::ops::Range;

use crate::shared::SharedMut;
use crate::simd::{Avx2, Avx512, Isa, Level, Scalar, Simd, dispatch};

/// Depth of a block: a right panel of 32 columns then takes 48 KiB.
const DEPTH_BLOCK: usize = 384;

/// A left matrix of `rows` × `depth`, packed in panels of rows; the last panel is filled up with zeros.
#[derive(Debug, Clone)]
pub struct PackedLeft {
    isa: Isa,
    rows: usize,
    depth: usize,
    data: Vec<f32>,
}

/// Rows of a panel of the left matrix.
fn panel_rows(isa: Isa) -> usize {
    match isa.level() {
        Level::Scalar => Scalar::TILE_ROWS,
        Level::Avx2 => Avx2::TILE_ROWS,
        Level::Avx512 => Avx512::TILE_ROWS,
    }
}

/// Columns of a panel of the right matrix.
pub fn panel_columns(isa: Isa) -> usize {
    match isa.level() {
        Level::Scalar => Scalar::TILE_COLUMNS,
        Level::Avx2 => Avx2::TILE_COLUMNS,
        Level::Avx512 => Avx512::TILE_COLUMNS,
    }
}

impl PackedLeft {
    /// Packs the matrix whose elements `at(row, k)` gives.
    pub fn new(isa: Isa, rows: usize, depth: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let step = panel_rows(isa);
        let mut data = Vec::with_capacity(rows.next_multiple_of(step) * depth);
        for first in (0..rows).step_by(step) {
            for k in 0..depth {
                data.extend((first..first + step).map(|row| if row < rows { at(row, k) } else { 0.0 }));
            }
        }
        Self { isa, rows, depth, data }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Instruction set the panels are laid out for.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Rows of a panel: row ranges given to [`multiply_panels`] start at a multiple of it.
    pub(crate) fn panel_rows(&self) -> usize {
        panel_rows(self.isa)
    }
}

/// out[rows, columns] = left[rows, :] · right[:, columns].
///
/// `right` holds panels of `depth` × [`panel_columns`]; `columns` counts those that are real. `out` starts at the first
/// row of `rows` and has `stride` elements a row. `rows` starts at a multiple of the panel's rows.
///
/// # Safety
/// No other task may touch the elements of `out` that are written: `columns` in each of the rows.
pub(crate) unsafe fn multiply_panels(
    left: &PackedLeft,
    rows: Range<usize>,
    right: &[f32],
    columns: usize,
    out: SharedMut<'_>,
    stride: usize,
) {
    if rows.is_empty() || columns == 0 {
        return;
    }
    let width = panel_columns(left.isa);
    assert!(rows.start.is_multiple_of(left.panel_rows()) && rows.end <= left.rows, "rows {rows:?}");
    assert!(right.len() >= columns.div_ceil(width) * width * left.depth, "right matrix is too short");
    assert!(columns <= stride && out.len() >= (rows.len() - 1) * stride + columns, "output is too short");
    assert!(left.depth > 0, "an empty sum is the caller's case");
    let job = &Job { left, rows, right, columns, out: out.pointer(), stride };
    // SAFETY: the bounds were checked just above, and `left.isa` proves the instruction set.
    unsafe { dispatch!(left.isa, panels(job: &Job<'_>)) }
}

struct Job<'a> {
    left: &'a PackedLeft,
    rows: Range<usize>,
    right: &'a [f32],
    columns: usize,
    out: *mut f32,
    stride: usize,
}

/// # Safety
/// As checked by [`multiply_panels`].
#[inline(always)]
unsafe fn panels<S: Simd>(job: &Job<'_>) {
    let depth = job.left.depth;
    let width = S::TILE_COLUMNS;
    for start in (0..depth).step_by(DEPTH_BLOCK) {
        let length = DEPTH_BLOCK.min(depth - start);
        for row in job.rows.clone().step_by(S::TILE_ROWS) {
            let real_rows = S::TILE_ROWS.min(job.rows.end - row);
            for column in (0..job.columns).step_by(width) {
                let real_columns = width.min(job.columns - column);
                // SAFETY: panels lie within `left.data` and `right`; the tile's real part lies within `out`.
                unsafe {
                    let left = job.left.data.as_ptr().add(row * depth + start * S::TILE_ROWS);
                    let right = job.right.as_ptr().add(column * depth + start * width);
                    let out = job.out.add((row - job.rows.start) * job.stride + column);
                    let add = start > 0;
                    if real_rows == S::TILE_ROWS && real_columns == width {
                        whole_tile::<S>(length, left, right, out, job.stride, add);
                    } else {
                        part_tile::<S>(length, left, right, out, job.stride, add, (real_rows, real_columns));
                    }
                }
            }
        }
    }
}

/// # Safety
/// `out` is valid for `TILE_ROWS` rows of `TILE_COLUMNS` elements, `left` and `right` for `length` steps.
#[inline(always)]
unsafe fn whole_tile<S: Simd>(
    length: usize,
    left: *const f32,
    right: *const f32,
    out: *mut f32,
    stride: usize,
    add: bool,
) {
    // The tile's size is an associated constant, which cannot yet size an array: one arm per instruction set.
    // SAFETY: as the caller promises.
    unsafe {
        match (S::TILE_ROWS, S::TILE_VECTORS) {
            (8, 2) => tile::<S, 8, 2>(length, left, right, out, stride, add),
            (4, 3) => tile::<S, 4, 3>(length, left, right, out, stride, add),
            (4, 2) => tile::<S, 4, 2>(length, left, right, out, stride, add),
            _ => unreachable!("a tile of another size"),
        }
    }
}

/// A tile at the edge: worked on in a buffer of its own, the real part copied.
///
/// # Safety
/// As [`whole_tile`], with `out` valid for the real part only.
#[inline(always)]
unsafe fn part_tile<S: Simd>(
    length: usize,
    left: *const f32,
    right: *const f32,
    out: *mut f32,
    stride: usize,
    add: bool,
    real: (usize, usize),
) {
    const LARGEST_TILE: usize = 256;
    debug_assert!(S::TILE_ROWS * S::TILE_COLUMNS <= LARGEST_TILE);
    let mut buffer = [0.0f32; LARGEST_TILE];
    // SAFETY: the buffer holds a whole tile; the copies touch the real part of `out` only.
    unsafe {
        if add {
            for row in 0..real.0 {
                let to = buffer.as_mut_ptr().add(row * S::TILE_COLUMNS);
                std::ptr::copy_nonoverlapping(out.add(row * stride), to, real.1);
            }
        }
        whole_tile::<S>(length, left, right, buffer.as_mut_ptr(), S::TILE_COLUMNS, add);
        for row in 0..real.0 {
            let from = buffer.as_ptr().add(row * S::TILE_COLUMNS);
            std::ptr::copy_nonoverlapping(from, out.add(row * stride), real.1);
        }
    }
}

/// # Safety
/// As [`whole_tile`].
#[inline(always)]
unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
    length: usize,
    mut left: *const f32,
    mut right: *const f32,
    out: *mut f32,
    stride: usize,
    add: bool,
) {
    // SAFETY: as the caller promises.
    unsafe {
        let mut sums = [[S::splat(0.0); VECTORS]; ROWS];
        if add {
            for (row, sums) in sums.iter_mut().enumerate() {
                for (vector, sum) in sums.iter_mut().enumerate() {
                    *sum = S::load(out.add(row * stride + vector * S::LANES));
                }
            }
        }
        for _ in 0..length {
            let mut columns = [S::splat(0.0); VECTORS];
            for (vector, column) in columns.iter_mut().enumerate() {
                *column = S::load(right.add(vector * S::LANES));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let value = S::splat(*left.add(row));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = S::multiply_add(value, column, *sum);
                }
            }
            left = left.add(ROWS);
            right = right.add(VECTORS * S::LANES);
        }
        for (row, sums) in sums.iter().enumerate() {
            for (vector, sum) in sums.iter().enumerate() {
                S::store(out.add(row * stride + vector * S::LANES), *sum);
            }
        }
    }
}
