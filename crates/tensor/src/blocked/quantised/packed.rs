//! Codes of weights in panels, as the tiles of a method read them.

use std::ops::Range;

use super::super::{BLOCK, blocks};
use super::dot::Dot;

/// A matrix of `depth` × `filters` in panels of some blocks of filters. A panel is `[depth / STEP, filters of the panel,
/// STEP]`: a step for all filters, then the next. Spare filters are zero.
#[derive(Debug, Clone)]
pub(super) struct Packed<D: Dot> {
    blocks: usize,
    depth: usize,
    data: Vec<D::Weight>,
}

impl<D: Dot> Packed<D> {
    /// Packs the codes that `at(filter, k)` gives; `depth` is a multiple of a step.
    pub(super) fn new(filters: usize, depth: usize, at: impl Fn(usize, usize) -> i8) -> Self {
        debug_assert!(depth.is_multiple_of(D::STEP), "whole steps");
        let blocks = blocks(filters);
        let mut data = vec![D::Weight::default(); blocks * BLOCK * depth];
        let mut packed = Self { blocks, depth, data: Vec::new() };
        for filter in 0..filters {
            let panel = filter / (D::BLOCKS * BLOCK);
            let (first, width) = (packed.start(panel), packed.blocks_of(panel).len() * BLOCK);
            let own = filter % (D::BLOCKS * BLOCK);
            for k in 0..depth {
                data[first + (k / D::STEP * width + own) * D::STEP + k % D::STEP] = at(filter, k).into();
            }
        }
        packed.data = data;
        packed
    }

    /// Number of panels.
    pub(super) fn count(&self) -> usize {
        self.blocks.div_ceil(D::BLOCKS)
    }

    /// Blocks of filters of panel `panel`.
    pub(super) fn blocks_of(&self, panel: usize) -> Range<usize> {
        panel * D::BLOCKS..self.blocks.min((panel + 1) * D::BLOCKS)
    }

    fn start(&self, panel: usize) -> usize {
        panel * D::BLOCKS * BLOCK * self.depth
    }

    /// The codes of panel `panel`.
    pub(super) fn panel(&self, panel: usize) -> &[D::Weight] {
        &self.data[self.start(panel)..][..self.blocks_of(panel).len() * BLOCK * self.depth]
    }
}
