//! Bᵀ d B of the tiles of a panel, channel by channel.

use std::ops::Range;

use super::{Block, Conv2d, MAX_LANES, OUT, POINTS, TILE};
use crate::shared::SharedMut;
use crate::simd::Simd;

/// Inputs along a row of tiles that fill a panel, and room for whole groups of four.
const LINE: usize = OUT * (MAX_LANES + 1) + OUT;

/// The channels of a panel that one task transforms.
pub(super) struct InputJob<'a> {
    pub(super) conv: &'a Conv2d,
    pub(super) block: Block,
    pub(super) panel: usize,
    pub(super) channels: Range<usize>,
    pub(super) input: &'a [f32],
    /// \[point\]\[panel\]\[channel\]\[lane\]
    pub(super) transformed: SharedMut<'a>,
}

/// # Safety
/// The processor has the instruction set of `S`, and nobody else touches the job's part of `transformed`.
#[inline(always)]
pub(super) unsafe fn transform_input<S: Simd>(job: &InputJob<'_>) {
    let lanes = S::TILE_COLUMNS;
    let channels = job.conv.channels;
    let point_stride = job.block.panels * channels * lanes;
    let mut tile = [[0.0f32; MAX_LANES]; POINTS];
    for channel in job.channels.clone() {
        gather::<S>(job, channel, &mut tile);
        for row in 0..TILE {
            line::<S>(&mut tile, row * TILE, 1);
        }
        for column in 0..TILE {
            line::<S>(&mut tile, column, TILE);
        }
        for (point, values) in tile.iter().enumerate() {
            let at = point * point_stride + (job.panel * channels + channel) * lanes;
            // SAFETY: the caller promises that this part is ours.
            let out = unsafe { job.transformed.slice(at, lanes) };
            out[..S::TILE_COLUMNS].copy_from_slice(&values[..S::TILE_COLUMNS]);
        }
    }
}

/// Copies the 6 × 6 inputs of every tile of a channel: point by point, a lane for each tile, zero where outside.
#[inline(always)]
fn gather<S: Simd>(job: &InputJob<'_>, channel: usize, tile: &mut [[f32; MAX_LANES]; POINTS]) {
    let conv = job.conv;
    let (height, width) = conv.input;
    if job.block.first + (job.panel + 1) * S::TILE_COLUMNS > job.block.tiles.count {
        *tile = [[0.0; MAX_LANES]; POINTS];
    }
    for run in job.block.runs(job.panel, S::TILE_COLUMNS) {
        let plane = &job.input[(run.image * conv.channels + channel) * height * width..][..height * width];
        // The part of the line that lies inside the image, in the image's columns.
        let start = run.column * OUT;
        let end = start + run.length * OUT + TILE - OUT;
        let (from, to) = (start.max(conv.pad.1), end.min(width + conv.pad.1));
        let mut line = [0.0f32; LINE];
        for y in 0..TILE {
            match (run.row * OUT + y).checked_sub(conv.pad.0).filter(|&row| row < height && from < to) {
                Some(row) => {
                    let source = &plane[row * width..(row + 1) * width];
                    line[from - start..to - start].copy_from_slice(&source[from - conv.pad.1..to - conv.pad.1]);
                }
                None => line = [0.0; LINE],
            }
            spread(&line, run.lane, run.length, &mut tile[y * TILE..(y + 1) * TILE]);
        }
    }
}

/// Point x of tile t is element 4 t + x of the line.
#[inline(always)]
fn spread(line: &[f32; LINE], lane: usize, length: usize, points: &mut [[f32; MAX_LANES]]) {
    let [a, b, c, d, e, f] = points else { unreachable!("six points of a row") };
    let range = lane..lane + length;
    let (a, b, c, d) = (&mut a[range.clone()], &mut b[range.clone()], &mut c[range.clone()], &mut d[range.clone()]);
    // All four together, so that compilers load whole vectors and sort them apart.
    for (index, four) in line.as_chunks::<OUT>().0[..length].iter().enumerate() {
        a[index] = four[0];
        b[index] = four[1];
        c[index] = four[2];
        d[index] = four[3];
    }
    // The last two points of a tile are the first two of the next.
    e[lane..lane + length - 1].copy_from_slice(&a[1..]);
    f[lane..lane + length - 1].copy_from_slice(&b[1..]);
    e[lane + length - 1] = line[OUT * length];
    f[lane + length - 1] = line[OUT * length + 1];
}

/// Bᵀ applied to the six points from `start` on, `step` apart.
#[inline(always)]
fn line<S: Simd>(tile: &mut [[f32; MAX_LANES]; POINTS], start: usize, step: usize) {
    for lane in 0..S::TILE_COLUMNS {
        let [a, b, c, d, e, f]: [f32; TILE] = std::array::from_fn(|i| tile[start + i * step][lane]);
        let (even, odd) = (e - 4.0 * c, d - 4.0 * b);
        let (even_half, odd_half) = (e - c, 2.0 * (d - b));
        tile[start][lane] = 4.0 * a - 5.0 * c + e;
        tile[start + step][lane] = even + odd;
        tile[start + 2 * step][lane] = even - odd;
        tile[start + 3 * step][lane] = even_half + odd_half;
        tile[start + 4 * step][lane] = even_half - odd_half;
        tile[start + 5 * step][lane] = 4.0 * b - 5.0 * d + f;
    }
}
