//! The product of two matrices given by strides.

use std::ops::Range;

use super::tile::{PackedLeft, multiply_panels, panel_columns};
use crate::scratch::with_scratch;
use crate::shared::SharedMut;
use crate::simd::Isa;
use crate::team;

/// Right panels that one task packs and multiplies.
const PANELS_PER_TASK: usize = 4;

/// Rows that one task multiplies where there are too few columns to share out.
const ROWS_PER_TASK: usize = 64;

/// A matrix inside a slice: element (r, c) is at r · `row_stride` + c · `column_stride`.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    /// The elements.
    pub data: &'a [f32],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Distance of two rows.
    pub row_stride: usize,
    /// Distance of two columns.
    pub column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A dense row-major matrix.
    pub fn dense(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// Rows become columns.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// The columns of `range`.
    ///
    /// # Panics
    /// When there are fewer columns.
    #[must_use]
    pub fn columns(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.columns, "columns {range:?} of {}", self.columns);
        let start = (range.start * self.column_stride).min(self.data.len());
        Self { data: &self.data[start..], columns: range.len(), ..self }
    }

    /// Element (`row`, `column`).
    pub fn at(&self, row: usize, column: usize) -> f32 {
        self.data[row * self.row_stride + column * self.column_stride]
    }

    /// Packs the matrix as the left factor of [`matmul`].
    pub fn pack_left(&self, isa: Isa) -> PackedLeft {
        PackedLeft::new(isa, self.rows, self.columns, |row, k| self.at(row, k))
    }
}

/// out\[m, n\] = left\[m, k\] · right\[k, n\]; `out` is dense and row-major.
///
/// # Panics
/// When the sizes do not fit.
pub fn matmul(left: &PackedLeft, right: Matrix<'_>, out: &mut [f32]) {
    assert_eq!(left.depth(), right.rows, "inner dimensions");
    assert_eq!(out.len(), left.rows() * right.columns, "output size");
    if left.depth() == 0 {
        out.fill(0.0);
        return;
    }
    let width = panel_columns(left.isa());
    let group = width * PANELS_PER_TASK;
    let groups = right.columns.div_ceil(group);
    let row_step = if groups > 2 { left.rows().max(1) } else { ROWS_PER_TASK };
    let tasks = groups * left.rows().div_ceil(row_step);
    let out = SharedMut::new(out);
    team::each(tasks, |task| {
        let (first_column, first_row) = (task % groups * group, task / groups * row_step);
        let columns = group.min(right.columns - first_column);
        let rows = first_row..left.rows().min(first_row + row_step);
        let out = out.starting_at(first_row * right.columns + first_column);
        with_scratch(columns.next_multiple_of(width) * right.rows, |packed| {
            pack_right(right, first_column, columns, width, packed);
            // SAFETY: tasks cover disjoint rectangles of the output.
            unsafe { multiply_panels(left, rows, packed, columns, out, right.columns) };
        });
    });
}

fn pack_right(right: Matrix<'_>, first: usize, columns: usize, width: usize, packed: &mut [f32]) {
    for (panel, packed) in packed.chunks_exact_mut(width * right.rows).enumerate() {
        let start = panel * width;
        let real = width.min(columns - start);
        for (k, row) in packed.chunks_exact_mut(width).enumerate() {
            for (column, value) in row[..real].iter_mut().enumerate() {
                *value = right.at(k, first + start + column);
            }
            row[real..].fill(0.0);
        }
    }
}
