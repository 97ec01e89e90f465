//! Aᵀ m A of the products of a panel, filter by filter.

use std::ops::Range;

use super::{Block, Conv2d, MAX_LANES, OUT, POINTS, TILE};
use crate::shared::SharedMut;
use crate::simd::Simd;

/// The filters of a panel that one task writes.
pub(super) struct OutputJob<'a> {
    pub(super) conv: &'a Conv2d,
    pub(super) block: Block,
    pub(super) panel: usize,
    pub(super) filters: Range<usize>,
    /// \[point\]\[filter\]\[panel · lane\]
    pub(super) products: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) out: SharedMut<'a>,
}

/// # Safety
/// The processor has the instruction set of `S`, and nobody else touches the job's outputs.
#[inline(always)]
pub(super) unsafe fn transform_output<S: Simd>(job: &OutputJob<'_>) {
    let columns = job.block.panels * S::TILE_COLUMNS;
    let mut points = [[0.0f32; MAX_LANES]; POINTS];
    let mut half = [[0.0f32; MAX_LANES]; TILE * OUT];
    for filter in job.filters.clone() {
        for (point, values) in points.iter_mut().enumerate() {
            let at = (point * job.conv.filters + filter) * columns + job.panel * S::TILE_COLUMNS;
            let products = &job.products[at..at + S::TILE_COLUMNS];
            values[..S::TILE_COLUMNS].copy_from_slice(&products[..S::TILE_COLUMNS]);
        }
        // Aᵀ m, then (Aᵀ m) A; the 16 results take the first 16 rows of `points`.
        for column in 0..TILE {
            line::<S>(|i| points[i * TILE + column], |i, values| half[i * TILE + column] = values);
        }
        for row in 0..OUT {
            line::<S>(|i| half[row * TILE + i], |i, values| points[row * OUT + i] = values);
        }
        let bias = job.bias.map_or(0.0, |bias| bias[filter]);
        // SAFETY: the caller promises that these outputs are ours.
        unsafe { scatter::<S>(job, filter, &points, bias) };
    }
}

/// Aᵀ applied to six points: four results.
#[inline(always)]
fn line<S: Simd>(read: impl Fn(usize) -> [f32; MAX_LANES], mut write: impl FnMut(usize, [f32; MAX_LANES])) {
    let [a, b, c, d, e, f]: [[f32; MAX_LANES]; TILE] = std::array::from_fn(read);
    let mut results = [[0.0f32; MAX_LANES]; OUT];
    for lane in 0..S::TILE_COLUMNS {
        let (sum, difference) = (b[lane] + c[lane], b[lane] - c[lane]);
        let (sum_double, difference_double) = (d[lane] + e[lane], d[lane] - e[lane]);
        results[0][lane] = a[lane] + sum + sum_double;
        results[1][lane] = difference + 2.0 * difference_double;
        results[2][lane] = sum + 4.0 * sum_double;
        results[3][lane] = difference + 8.0 * difference_double + f[lane];
    }
    for (i, values) in results.into_iter().enumerate() {
        write(i, values);
    }
}

/// Writes the 4 × 4 outputs of every tile of a filter.
///
/// # Safety
/// Nobody else touches these outputs.
#[inline(always)]
unsafe fn scatter<S: Simd>(job: &OutputJob<'_>, filter: usize, points: &[[f32; MAX_LANES]; POINTS], bias: f32) {
    let (height, width) = job.conv.output;
    for run in job.block.runs(job.panel, S::TILE_COLUMNS) {
        let plane = (run.image * job.conv.filters + filter) * height * width;
        let columns = (run.length * OUT).min(width - run.column * OUT);
        for y in 0..OUT.min(height - run.row * OUT) {
            let mut line = [0.0f32; OUT * MAX_LANES];
            let [a, b, c, d] = &points[y * OUT..(y + 1) * OUT] else { unreachable!("four points of a row") };
            let range = run.lane..run.lane + run.length;
            let (a, b, c, d) = (&a[range.clone()], &b[range.clone()], &c[range.clone()], &d[range]);
            // All four together, so that compilers shuffle and store whole vectors.
            for (index, four) in line.as_chunks_mut::<OUT>().0[..run.length].iter_mut().enumerate() {
                four[0] = a[index] + bias;
                four[1] = b[index] + bias;
                four[2] = c[index] + bias;
                four[3] = d[index] + bias;
            }
            let at = plane + (run.row * OUT + y) * width + run.column * OUT;
            // SAFETY: the caller promises that these outputs are ours.
            unsafe { job.out.slice(at, columns) }.copy_from_slice(&line[..columns]);
        }
    }
}
