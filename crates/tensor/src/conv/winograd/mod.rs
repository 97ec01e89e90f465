//! Winograd's minimal filtering F(4×4, 3×3): 36 products for 16 outputs instead of 144
//! (Lavin and Gray 2016, *Fast Algorithms for Convolutional Neural Networks*, section 4.3).
//!
//! The image is cut into 6 × 6 tiles that overlap by two. Tiles and weights are transformed; their products are then
//! 36 independent matrix products over the channels, `[filters, channels] · [channels, tiles]`. A block of tiles goes
//! through the three phases at a time, each phase shared out over the threads. A panel holds as many tiles as a panel of
//! the matrix product has columns: a lane for each tile.

mod input;
mod output;
mod weights;

use input::{InputJob, transform_input};
use output::{OutputJob, transform_output};
use rayon::prelude::*;
use weights::transform_kernel;

use super::Conv2d;
use crate::gemm::{PackedLeft, multiply_panels, panel_columns};
use crate::scratch::with_scratch;
use crate::shared::SharedMut;
use crate::simd::{Isa, dispatch};

/// Outputs of a tile along one side.
const OUT: usize = 4;
/// Inputs of a tile along one side.
const TILE: usize = 6;
/// Points of a transformed tile.
const POINTS: usize = TILE * TILE;
/// Scratch memory of a block of tiles, in elements (2 MiB): about what the second caches of two cores hold.
const BLOCK_ELEMENTS: usize = 1 << 19;
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

/// Tiles that are worked on together: `panels` panels from tile `first` on.
#[derive(Clone, Copy)]
struct Block {
    tiles: Tiles,
    first: usize,
    panels: usize,
}

/// Tiles of a panel that lie side by side in one image.
struct Run {
    /// First lane.
    lane: usize,
    /// Number of tiles.
    length: usize,
    image: usize,
    row: usize,
    column: usize,
}

impl Block {
    /// The tiles of a panel of `lanes`, row by row; lanes beyond the last tile are in no run.
    fn runs(self, panel: usize, lanes: usize) -> impl Iterator<Item = Run> {
        let start = self.first + panel * lanes;
        let end = self.tiles.count.min(start + lanes);
        let mut next = start;
        std::iter::from_fn(move || {
            let (image, row, column) = (next < end).then(|| self.tiles.place(next))?;
            let length = (self.tiles.columns - column).min(end - next);
            let run = Run { lane: next - start, length, image, row, column };
            next += length;
            Some(run)
        })
    }
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
        let length = |channels: usize| block_panels * POINTS * channels * lanes;
        with_scratch(length(conv.channels) + length(conv.filters), |scratch| {
            let (transformed, products) = scratch.split_at_mut(length(conv.channels));
            let out = SharedMut::new(out);
            for first in (0..tiles.count).step_by(block_panels * lanes) {
                let panels = (tiles.count - first).div_ceil(lanes).min(block_panels);
                let block = Block { tiles, first, panels };
                self.transform_block(conv, block, input, transformed);
                self.multiply_block(conv, panels, transformed, products);
                self.write_block(conv, block, products, bias, out);
            }
        });
    }

    /// Fills `transformed` as [point][panel][channel][lane], so that each point's panels lie one after the other.
    fn transform_block(&self, conv: &Conv2d, block: Block, input: &[f32], transformed: &mut [f32]) {
        let groups = conv.channels.div_ceil(CHANNELS_PER_TASK);
        let transformed = SharedMut::new(transformed);
        (0..block.panels * groups).into_par_iter().for_each(|task| {
            let (panel, group) = (task / groups, task % groups);
            let channels = group * CHANNELS_PER_TASK..conv.channels.min((group + 1) * CHANNELS_PER_TASK);
            let job = &InputJob { conv, block, panel, channels, input, transformed };
            // SAFETY: `isa` proves the instruction set; each (panel, channel) belongs to one task.
            unsafe { dispatch!(self.isa, transform_input(job: &InputJob<'_>)) }
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

    /// Turns the products into outputs and writes them.
    fn write_block(&self, conv: &Conv2d, block: Block, products: &[f32], bias: Option<&[f32]>, out: SharedMut<'_>) {
        let groups = conv.filters.div_ceil(CHANNELS_PER_TASK);
        (0..block.panels * groups).into_par_iter().for_each(|task| {
            let (panel, group) = (task / groups, task % groups);
            let filters = group * CHANNELS_PER_TASK..conv.filters.min((group + 1) * CHANNELS_PER_TASK);
            let job = &OutputJob { conv, block, panel, filters, products, bias, out };
            // SAFETY: `isa` proves the instruction set; each (panel, filter) belongs to one task.
            unsafe { dispatch!(self.isa, transform_output(job: &OutputJob<'_>)) }
        });
    }
}

impl Tiles {
    /// Image, row and column of a tile.
    fn place(self, index: usize) -> (usize, usize, usize) {
        let row = index / self.columns;
        (row / self.rows, row % self.rows, index % self.columns)
    }
}
