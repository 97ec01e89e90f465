//! Winograd's minimal filtering F(4×4, 3×3): 36 products for 16 outputs instead of 144
//! (Lavin and Gray 2016, *Fast Algorithms for Convolutional Neural Networks*, section 4.3).
//!
//! The image is cut into 6 × 6 tiles that overlap by two. Tiles and weights are transformed; their products are then
//! 36 independent matrix products over the channels, `[filters, channels] · [channels, tiles]`. A block of tiles goes
//! through the three phases at a time, each phase shared out over the threads.

use rayon::prelude::*;

use super::Conv2d;
use crate::gemm::{PackedLeft, multiply_panels, panel_columns};
use crate::shared::SharedMut;
use crate::simd::{Isa, Simd, dispatch};

/// Outputs of a tile along one side.
const OUT: usize = 4;
/// Inputs of a tile along one side.
const TILE: usize = 6;
/// Points of a transformed tile.
const POINTS: usize = TILE * TILE;
/// Scratch memory of a block of tiles, in elements (16 MiB): small enough for the last cache, large enough to read the
/// weights seldom.
const BLOCK_ELEMENTS: usize = 4 << 20;
/// Channels (or filters) that one task transforms.
const CHANNELS_PER_TASK: usize = 16;
/// The widest right panel of any instruction set.
const MAX_LANES: usize = 32;

/// Transformed and packed weights.
#[derive(Debug, Clone)]
pub(super) struct Winograd {
    isa: Isa,
    /// One `[filters, channels]` matrix for each point.
    points: Vec<PackedLeft>,
}

/// Tiles of a batch.
#[derive(Clone, Copy)]
struct Tiles {
    rows: usize,
    columns: usize,
    count: usize,
}

impl Winograd {
    pub(super) fn new(isa: Isa, conv: &Conv2d, weights: &[f32]) -> Self {
        let mut points: Vec<_> = (0..POINTS).map(|_| PackedLeft::zeros(isa, conv.filters, conv.channels)).collect();
        let step = points[0].panel_rows();
        let panels: Vec<_> = points.iter_mut().map(|point| SharedMut::new(point.panels_mut())).collect();
        let kernels = weights.as_chunks::<9>().0;
        (0..conv.filters.div_ceil(step)).into_par_iter().for_each(|panel| {
            for filter in panel * step..conv.filters.min((panel + 1) * step) {
                for channel in 0..conv.channels {
                    let transformed = transform_kernel(&kernels[filter * conv.channels + channel]);
                    let at = (panel * conv.channels + channel) * step + filter % step;
                    for (values, value) in panels.iter().zip(transformed) {
                        // SAFETY: each panel belongs to one task.
                        unsafe { values.slice(at, 1)[0] = value };
                    }
                }
            }
        });
        Self { isa, points }
    }

    pub(super) fn run(&self, conv: &Conv2d, input: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        let lanes = panel_columns(self.isa);
        let (rows, columns) = (conv.output.0.div_ceil(OUT), conv.output.1.div_ceil(OUT));
        let images = input.len() / conv.input_len();
        let tiles = Tiles { rows, columns, count: images * rows * columns };
        let panel_elements = POINTS * (conv.channels + conv.filters) * lanes;
        let block_panels = (BLOCK_ELEMENTS / panel_elements).clamp(1, tiles.count.div_ceil(lanes));
        let mut transformed = vec![0.0; block_panels * POINTS * conv.channels * lanes];
        let mut products = vec![0.0; block_panels * POINTS * conv.filters * lanes];
        let out = SharedMut::new(out);
        for first in (0..tiles.count).step_by(block_panels * lanes) {
            let panels = (tiles.count - first).div_ceil(lanes).min(block_panels);
            self.transform_block(conv, tiles, first, panels, input, &mut transformed);
            self.multiply_block(conv, panels, &transformed, &mut products);
            self.write_block(conv, tiles, first, panels, &products, bias, out);
        }
    }

    /// Fills `transformed` as [point][panel][channel][lane], so that each point's panels lie one after the other.
    fn transform_block(
        &self,
        conv: &Conv2d,
        tiles: Tiles,
        first: usize,
        panels: usize,
        input: &[f32],
        transformed: &mut [f32],
    ) {
        let lanes = panel_columns(self.isa);
        let point_stride = panels * conv.channels * lanes;
        let blocks = conv.channels.div_ceil(CHANNELS_PER_TASK);
        let transformed = SharedMut::new(transformed);
        (0..panels * blocks).into_par_iter().for_each(|task| {
            let (panel, block) = (task / blocks, task % blocks);
            let channels = block * CHANNELS_PER_TASK..conv.channels.min((block + 1) * CHANNELS_PER_TASK);
            let mut tile = [[0.0f32; MAX_LANES]; POINTS];
            for channel in channels {
                gather(conv, tiles, first + panel * lanes, lanes, channel, input, &mut tile);
                let tile = &mut tile;
                // SAFETY: `isa` proves the instruction set; the kernel itself is safe code.
                unsafe { dispatch!(self.isa, transform_tiles(tile: &mut [[f32; MAX_LANES]; POINTS])) }
                for (point, values) in tile.iter().enumerate() {
                    let at = point * point_stride + (panel * conv.channels + channel) * lanes;
                    // SAFETY: each (panel, channel) belongs to one task.
                    unsafe { transformed.slice(at, lanes) }.copy_from_slice(&values[..lanes]);
                }
            }
        });
    }

    /// Fills `products` as [point][filter][panel · lane].
    fn multiply_block(&self, conv: &Conv2d, panels: usize, transformed: &[f32], products: &mut [f32]) {
        const FILTERS_PER_TASK: usize = 128;
        let lanes = panel_columns(self.isa);
        let columns = panels * lanes;
        let blocks = conv.filters.div_ceil(FILTERS_PER_TASK);
        let products = SharedMut::new(products);
        (0..POINTS * blocks).into_par_iter().for_each(|task| {
            let (point, block) = (task / blocks, task % blocks);
            let rows = block * FILTERS_PER_TASK..conv.filters.min((block + 1) * FILTERS_PER_TASK);
            let right = &transformed[point * columns * conv.channels..][..columns * conv.channels];
            let out = products.starting_at((point * conv.filters + rows.start) * columns);
            // SAFETY: each (point, filters) belongs to one task.
            unsafe { multiply_panels(&self.points[point], rows, right, columns, out, columns) };
        });
    }

    #[expect(clippy::too_many_arguments, reason = "the block, and what it is written with")]
    fn write_block(
        &self,
        conv: &Conv2d,
        tiles: Tiles,
        first: usize,
        panels: usize,
        products: &[f32],
        bias: Option<&[f32]>,
        out: SharedMut<'_>,
    ) {
        let lanes = panel_columns(self.isa);
        let columns = panels * lanes;
        let blocks = conv.filters.div_ceil(CHANNELS_PER_TASK);
        (0..panels * blocks).into_par_iter().for_each(|task| {
            let (panel, block) = (task / blocks, task % blocks);
            let filters = block * CHANNELS_PER_TASK..conv.filters.min((block + 1) * CHANNELS_PER_TASK);
            let mut tile = [[0.0f32; MAX_LANES]; POINTS];
            for filter in filters {
                for (point, values) in tile.iter_mut().enumerate() {
                    let at = (point * conv.filters + filter) * columns + panel * lanes;
                    values[..lanes].copy_from_slice(&products[at..at + lanes]);
                }
                let tile = &mut tile;
                // SAFETY: `isa` proves the instruction set; the kernel itself is safe code.
                unsafe { dispatch!(self.isa, transform_products(tile: &mut [[f32; MAX_LANES]; POINTS])) }
                let bias = bias.map_or(0.0, |bias| bias[filter]);
                scatter(conv, tiles, first + panel * lanes, lanes, filter, tile, bias, out);
            }
        });
    }
}

/// G g Gᵀ of a 3 × 3 kernel, in f64 so that the weights carry no rounding of the transform.
fn transform_kernel(kernel: &[f32; 9]) -> [f32; POINTS] {
    const G: [[f64; 3]; TILE] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    let half: [[f64; 3]; TILE] = std::array::from_fn(|row| {
        std::array::from_fn(|x| (0..3).map(|y| G[row][y] * f64::from(kernel[y * 3 + x])).sum())
    });
    std::array::from_fn(|point| {
        let (row, column) = (point / TILE, point % TILE);
        (0..3).map(|x| half[row][x] * G[column][x]).sum::<f64>() as f32
    })
}

/// Copies the 6 × 6 inputs of `lanes` tiles of a channel, zero where outside.
fn gather(
    conv: &Conv2d,
    tiles: Tiles,
    first: usize,
    lanes: usize,
    channel: usize,
    input: &[f32],
    tile: &mut [[f32; MAX_LANES]; POINTS],
) {
    let (height, width) = conv.input;
    for lane in 0..lanes {
        let index = first + lane;
        let (image, row, column) = tiles.place(index);
        if index >= tiles.count {
            for values in tile.iter_mut() {
                values[lane] = 0.0;
            }
            continue;
        }
        let plane = &input[(image * conv.channels + channel) * height * width..][..height * width];
        let inner = row * OUT >= conv.pad.0
            && row * OUT - conv.pad.0 + TILE <= height
            && column * OUT >= conv.pad.1
            && column * OUT - conv.pad.1 + TILE <= width;
        if inner {
            let corner = (row * OUT - conv.pad.0) * width + column * OUT - conv.pad.1;
            for y in 0..TILE {
                let line: &[f32; TILE] = plane[corner + y * width..].first_chunk().expect("the tile is inside");
                for x in 0..TILE {
                    tile[y * TILE + x][lane] = line[x];
                }
            }
        } else {
            for y in 0..TILE {
                let line = (row * OUT + y).checked_sub(conv.pad.0).filter(|&y| y < height);
                for x in 0..TILE {
                    let at = (column * OUT + x).checked_sub(conv.pad.1).filter(|&x| x < width);
                    tile[y * TILE + x][lane] = match (line, at) {
                        (Some(line), Some(at)) => plane[line * width + at],
                        _ => 0.0,
                    };
                }
            }
        }
    }
}

/// Writes the 4 × 4 outputs of `lanes` tiles of a filter, which stand in the first 16 points.
#[expect(clippy::too_many_arguments, reason = "the tiles, and what they are written with")]
fn scatter(
    conv: &Conv2d,
    tiles: Tiles,
    first: usize,
    lanes: usize,
    filter: usize,
    tile: &[[f32; MAX_LANES]; POINTS],
    bias: f32,
    out: SharedMut<'_>,
) {
    let (height, width) = conv.output;
    for lane in 0..lanes.min(tiles.count - first) {
        let (image, row, column) = tiles.place(first + lane);
        let plane = (image * conv.filters + filter) * height * width;
        let columns = OUT.min(width - column * OUT);
        for y in 0..OUT.min(height - row * OUT) {
            let at = plane + (row * OUT + y) * width + column * OUT;
            // SAFETY: each tile of each filter belongs to one task.
            let line = unsafe { out.slice(at, columns) };
            for (x, value) in line.iter_mut().enumerate() {
                *value = tile[y * OUT + x][lane] + bias;
            }
        }
    }
}

impl Tiles {
    /// Image, row and column of a tile.
    fn place(self, index: usize) -> (usize, usize, usize) {
        let row = index / self.columns;
        (row / self.rows, row % self.rows, index % self.columns)
    }
}

/// Bᵀ d B of every lane.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn transform_tiles<S: Simd>(tile: &mut [[f32; MAX_LANES]; POINTS]) {
    for row in 0..TILE {
        input_line::<S>(tile, row * TILE, 1);
    }
    for column in 0..TILE {
        input_line::<S>(tile, column, TILE);
    }
}

/// Bᵀ applied to the six points from `start` on, `step` apart.
#[inline(always)]
fn input_line<S: Simd>(tile: &mut [[f32; MAX_LANES]; POINTS], start: usize, step: usize) {
    for lane in 0..S::TILE_COLUMNS {
        let [a, b, c, d, e, f]: [f32; TILE] = std::array::from_fn(|i| tile[start + i * step][lane]);
        let (even, odd) = (e - 4.0 * c, d - 4.0 * b);
        let (even_half, odd_half) = (e - c, 2.0 * (d - b));
        let line = [
            4.0 * a - 5.0 * c + e,
            even + odd,
            even - odd,
            even_half + odd_half,
            even_half - odd_half,
            4.0 * b - 5.0 * d + f,
        ];
        for (i, value) in line.into_iter().enumerate() {
            tile[start + i * step][lane] = value;
        }
    }
}

/// Aᵀ m A of every lane; the 16 results take the first 16 points.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn transform_products<S: Simd>(tile: &mut [[f32; MAX_LANES]; POINTS]) {
    for row in 0..TILE {
        output_line::<S>(tile, row * TILE, 1, row * TILE, 1);
    }
    for column in 0..OUT {
        output_line::<S>(tile, column, TILE, column, TILE);
    }
    // Rows of six, of which four are results, become rows of four.
    for row in 1..OUT {
        for column in 0..OUT {
            tile[row * OUT + column] = tile[row * TILE + column];
        }
    }
}

/// Aᵀ applied to the six points from `start` on, `step` apart; four results from `to` on.
#[inline(always)]
fn output_line<S: Simd>(tile: &mut [[f32; MAX_LANES]; POINTS], start: usize, step: usize, to: usize, to_step: usize) {
    for lane in 0..S::TILE_COLUMNS {
        let [a, b, c, d, e, f]: [f32; TILE] = std::array::from_fn(|i| tile[start + i * step][lane]);
        let (sum, difference) = (b + c, b - c);
        let (sum_double, difference_double) = (d + e, d - e);
        let line = [
            a + sum + sum_double,
            difference + 2.0 * difference_double,
            sum + 4.0 * sum_double,
            difference + 8.0 * difference_double + f,
        ];
        for (i, value) in line.into_iter().enumerate() {
            tile[to + i * to_step][lane] = value;
        }
    }
}
