//! Weights packed in panels, and the tile kernel: some pixels times a panel of filters.
//!
//! Filters lie side by side in vectors, a pixel's channels are broadcast one by one. Every sum is one chain of
//! multiply-adds in the order of the taps, however pixels are grouped.

use std::ops::Range;

use super::BLOCK;
use crate::simd::{Avx2, Avx512, Isa, Level, Scalar, Simd};

/// Blocks of filters of a panel.
pub(super) fn panel_blocks(isa: Isa) -> usize {
    match isa.level() {
        Level::Scalar => Scalar::BLOCKS,
        Level::Avx2 => Avx2::BLOCKS,
        Level::Avx512 => Avx512::BLOCKS,
    }
}

/// Pixels of a tile.
pub(super) fn tile_pixels(isa: Isa) -> usize {
    match isa.level() {
        Level::Scalar => Scalar::PIXELS,
        Level::Avx2 => Avx2::PIXELS,
        Level::Avx512 => Avx512::PIXELS,
    }
}

/// A matrix of `depth` × `filters` in panels of some blocks of filters, each `[depth, width]`. The last panel has the
/// blocks that are left; spare filters are zero.
#[derive(Debug, Clone)]
pub(super) struct Panels {
    layout: Layout,
    data: Vec<f32>,
}

/// Where the weights of panels lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    blocks: usize,
    step: usize,
    depth: usize,
}

impl Layout {
    /// Blocks of filters of panel `panel`.
    fn blocks_of(self, panel: usize) -> Range<usize> {
        panel * self.step..self.blocks.min((panel + 1) * self.step)
    }

    /// Where weight (filter, k) lies.
    pub(super) fn place(self, filter: usize, k: usize) -> usize {
        let panel = filter / (self.step * BLOCK);
        let width = self.blocks_of(panel).len() * BLOCK;
        panel * self.step * BLOCK * self.depth + k * width + filter % (self.step * BLOCK)
    }
}

impl Panels {
    /// Packs the weights that `at(filter, k)` gives.
    pub(super) fn new(isa: Isa, filters: usize, depth: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let mut panels = Self::zeros(isa, filters, depth);
        for filter in 0..filters {
            for k in 0..depth {
                let place = panels.layout.place(filter, k);
                panels.data[place] = at(filter, k);
            }
        }
        panels
    }

    /// Panels of zeros, to be filled.
    pub(super) fn zeros(isa: Isa, filters: usize, depth: usize) -> Self {
        let layout = Layout { blocks: super::blocks(filters), step: panel_blocks(isa), depth };
        Self { layout, data: vec![0.0; layout.blocks * BLOCK * depth] }
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    pub(super) fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Number of panels.
    pub(super) fn count(&self) -> usize {
        self.layout.blocks.div_ceil(self.layout.step)
    }

    /// Blocks of filters of panel `panel`.
    pub(super) fn blocks_of(&self, panel: usize) -> Range<usize> {
        self.layout.blocks_of(panel)
    }

    /// Panel `panel` from row `k` on.
    pub(super) fn rows(&self, panel: usize, k: usize) -> &[f32] {
        let Layout { step, depth, .. } = self.layout;
        let width = self.blocks_of(panel).len() * BLOCK;
        let start = panel * step * BLOCK * depth;
        &self.data[start + k * width..start + depth * width]
    }
}

/// Where sums go to.
pub(super) trait Sink {
    /// Takes a tile: the sums of some pixels from `first` on, for every vector of the panel.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`; the pixels belong to the job, the vectors to the panel.
    unsafe fn put<S: Simd, const VECTORS: usize, const PIXELS: usize>(
        &self,
        first: usize,
        sums: [[S::Vector; VECTORS]; PIXELS],
    );
}

/// Some pixels times a panel: `taps[t]` further than a pixel lie `channels` numbers side by side.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    pub(super) count: usize,
    pub(super) taps: &'a [usize],
    pub(super) channels: usize,
    /// `[taps · channels, width]` of the panel.
    pub(super) weights: &'a [f32],
    /// The weights that come next: fetched meanwhile.
    pub(super) next: &'a [f32],
}

/// The products of pixels `0..product.count` with a panel of `blocks` blocks (1 or 2); `pixel` gives a pixel's address.
///
/// # Safety
/// The processor has the instruction set of `S`; every tap of every pixel can be read, and `sink` takes these pixels.
#[inline(always)]
pub(super) unsafe fn multiply<S: Simd>(
    blocks: usize,
    product: Product<'_>,
    mut pixel: impl FnMut(usize) -> *const f32,
    sink: &impl Sink,
) {
    let Product { taps, channels, weights, .. } = product;
    assert!(weights.len() >= taps.len() * channels * blocks * BLOCK, "a panel is too short");
    // SAFETY: as the caller promises. Vectors of a panel: its width over that of a vector.
    unsafe {
        match blocks * BLOCK / S::LANES {
            1 => multiply_vectors::<S, 1>(product, &mut pixel, sink),
            2 => multiply_vectors::<S, 2>(product, &mut pixel, sink),
            4 => multiply_vectors::<S, 4>(product, &mut pixel, sink),
            _ => unreachable!("a panel of another size"),
        }
    }
}

/// # Safety
/// As [`multiply`].
#[inline(always)]
unsafe fn multiply_vectors<S: Simd, const VECTORS: usize>(
    product: Product<'_>,
    pixel: &mut impl FnMut(usize) -> *const f32,
    sink: &impl Sink,
) {
    // SAFETY: as the caller promises.
    unsafe {
        match product.channels {
            BLOCK => tiles::<S, VECTORS, BLOCK>(product, pixel, sink),
            1 => tiles::<S, VECTORS, 1>(product, pixel, sink),
            _ => tiles::<S, VECTORS, ANY>(product, pixel, sink),
        }
    }
}

/// A number of channels that is known at run time only.
const ANY: usize = 0;
/// Numbers of a cache line.
const LINE: usize = 16;

/// Weights to be fetched, some lines at every tap.
struct Ahead {
    from: *const f32,
    lines: usize,
}

/// # Safety
/// As [`multiply`].
#[inline(always)]
unsafe fn tiles<S: Simd, const VECTORS: usize, const CHANNELS: usize>(
    product: Product<'_>,
    pixel: &mut impl FnMut(usize) -> *const f32,
    sink: &impl Sink,
) {
    let mut first = 0;
    let steps = product.count.div_ceil(S::PIXELS) * product.taps.len();
    let mut ahead = Ahead { from: product.next.as_ptr(), lines: (product.next.len() / LINE).div_ceil(steps.max(1)) };
    macro_rules! step {
        ($pixels:literal) => {
            while S::PIXELS >= $pixels && product.count - first >= $pixels {
                // SAFETY: as the caller promises.
                unsafe { tile::<S, $pixels, VECTORS, CHANNELS>(first, product, pixel, &mut ahead, sink) };
                first += $pixels;
            }
        };
    }
    step!(8);
    step!(6);
    step!(4);
    step!(2);
    step!(1);
}

/// # Safety
/// As [`multiply`].
#[inline(always)]
unsafe fn tile<S: Simd, const PIXELS: usize, const VECTORS: usize, const CHANNELS: usize>(
    first: usize,
    product: Product<'_>,
    pixel: &mut impl FnMut(usize) -> *const f32,
    ahead: &mut Ahead,
    sink: &impl Sink,
) {
    let channels = if CHANNELS == ANY { product.channels } else { CHANNELS };
    // SAFETY: as the caller promises.
    unsafe {
        let from: [*const f32; PIXELS] = std::array::from_fn(|index| pixel(first + index));
        let mut sums = [[S::splat(0.0); VECTORS]; PIXELS];
        let mut weights = product.weights.as_ptr();
        for &tap in product.taps {
            for _ in 0..ahead.lines {
                S::prefetch(ahead.from);
                ahead.from = ahead.from.wrapping_add(LINE);
            }
            for channel in 0..channels {
                let row: [S::Vector; VECTORS] = std::array::from_fn(|vector| S::load(weights.add(vector * S::LANES)));
                for (sums, from) in sums.iter_mut().zip(from) {
                    let value = S::splat(*from.add(tap + channel));
                    for (sum, weight) in sums.iter_mut().zip(row) {
                        *sum = S::multiply_add(value, weight, *sum);
                    }
                }
                weights = weights.add(VECTORS * S::LANES);
            }
        }
        sink.put::<S, VECTORS, PIXELS>(first, sums);
    }
}
