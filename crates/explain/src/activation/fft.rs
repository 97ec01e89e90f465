//! Two-dimensional Fourier transforms.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftDirection, FftPlanner};

/// Transforms of a `width` × `height` grid, without normalisation.
pub(crate) struct Fft2 {
    width: usize,
    height: usize,
    rows: Arc<dyn Fft<f32>>,
    columns: Arc<dyn Fft<f32>>,
}

impl Fft2 {
    pub(crate) fn new(width: usize, height: usize, direction: FftDirection) -> Self {
        let mut planner = FftPlanner::new();
        let rows = planner.plan_fft(width, direction);
        let columns = planner.plan_fft(height, direction);
        Self { width, height, rows, columns }
    }

    /// Transforms the row-major grid in place.
    pub(crate) fn process(&self, grid: &mut [Complex32]) {
        self.rows.process(grid);
        let mut turned = transpose(grid, self.width, self.height);
        self.columns.process(&mut turned);
        grid.copy_from_slice(&transpose(&turned, self.height, self.width));
    }
}

fn transpose(grid: &[Complex32], width: usize, height: usize) -> Vec<Complex32> {
    let mut turned = Vec::with_capacity(grid.len());
    for column in 0..width {
        turned.extend((0..height).map(|row| grid[row * width + column]));
    }
    turned
}
