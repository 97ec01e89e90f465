//! Winograd's minimal filtering F(4×4, 3×3): 36 products for 16 outputs instead of 144
//! (Lavin and Gray 2016, *Fast Algorithms for Convolutional Neural Networks*, section 4.3).
//!
//! The image is cut into 6 × 6 tiles that overlap by two. Tiles and weights are transformed; their products are then
//! 36 independent matrix products over the channels. Large maps go through all three phases block by block inside a
//! core's own cache; small maps are transformed as a whole, and the filters are shared out.

use std::ops::Range;
use std::sync::Arc;

use super::epilogue::{Epilogue, Finish};
use super::panel::{Panels, Product, Sink, multiply};
use super::{BLOCK, blocks};
use crate::conv::Conv2d;
use crate::scratch::with_scratch;
use crate::shared::SharedMut;
use crate::simd::{Isa, Simd, dispatch};
use crate::team;

/// Outputs of a tile along one side.
const OUT: usize = 4;
/// Inputs of a tile along one side.
const TILE: usize = 6;
/// Points of a transformed tile.
const POINTS: usize = TILE * TILE;
/// Transformed elements of a block of tiles that a core works on alone (576 KiB): they stay in its second cache.
const BLOCK_ELEMENTS: usize = 36 << 12;
/// Transformed elements of a block that all cores share (8 MiB): they stay in the third cache.
const SHARED_ELEMENTS: usize = 1 << 21;
/// Blocks from which each core works alone.
const MANY_BLOCKS: usize = 8;
/// Transformed weights that may be read again for every such block (16 MiB): they stay in the third cache.
const LONE_WEIGHTS: usize = 1 << 22;
/// Channels added up in one go: shorter chains round less.
const CHAIN: usize = 256;
/// Elements between two points beyond their own, so that the 36 do not fall on the same lines of a cache.
const SKEW: usize = BLOCK;

/// A 3 × 3 convolution of stride 1 with transformed and packed weights; arrays as in [`super::DirectConv`], never dense.
#[derive(Debug, Clone)]
pub struct WinogradConv {
    isa: Isa,
    conv: Conv2d,
    /// Row `point · channels + channel` of a panel.
    panels: Arc<Panels>,
}

/// Tiles of a batch.
#[derive(Debug, Clone, Copy)]
struct Tiles {
    rows: usize,
    columns: usize,
    count: usize,
}

impl Tiles {
    /// Image, row and column of a tile.
    fn place(self, index: usize) -> (usize, usize, usize) {
        let row = index / self.columns;
        (row / self.rows, row % self.rows, index % self.columns)
    }
}

impl WinogradConv {
    /// Whether `conv` can be computed so.
    pub fn fits(conv: &Conv2d) -> bool {
        conv.kernel == (3, 3) && conv.stride == (1, 1) && conv.dilation == (1, 1) && conv.groups == 1
    }

    /// Transforms and packs `weights`, `[filters, channels, 3, 3]`.
    ///
    /// # Panics
    /// When the weights have another number of elements or [`WinogradConv::fits`] says no.
    pub fn new(isa: Isa, conv: Conv2d, weights: &[f32]) -> Self {
        assert!(Self::fits(&conv) && weights.len() == conv.weights_len(), "weights do not fit {conv:?}");
        let channels = conv.channels;
        let mut panels = Panels::zeros(isa, conv.filters, POINTS * channels);
        let layout = panels.layout();
        let data = SharedMut::new(panels.data_mut());
        let kernels = weights.as_chunks::<9>().0;
        team::each(conv.filters, |filter| {
            for (channel, kernel) in kernels[filter * channels..][..channels].iter().enumerate() {
                for (point, value) in transform_kernel(kernel).into_iter().enumerate() {
                    // SAFETY: each filter belongs to one task.
                    unsafe { data.slice(layout.place(filter, point * channels + channel), 1)[0] = value };
                }
            }
        });
        Self { isa, conv, panels: Arc::new(panels) }
    }

    /// The same filters on an input of another size, with other padding: sizes of `conv` that weights do not depend on.
    ///
    /// # Panics
    /// When the weights would be others.
    #[must_use]
    pub fn resized(&self, conv: Conv2d) -> Self {
        assert!(self.conv.has_weights_of(&conv), "{conv:?} has other weights than {:?}", self.conv);
        Self { conv, ..self.clone() }
    }

    /// Convolves a batch.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub fn run(&self, input: &[f32], epilogue: Epilogue<'_>, out: &mut [f32]) {
        let conv = &self.conv;
        let image_len = blocks(conv.channels) * conv.input.0 * conv.input.1 * BLOCK;
        let out_len = blocks(conv.filters) * conv.positions() * BLOCK;
        assert_eq!(input.len() * out_len, out.len() * image_len, "input and output do not fit");
        let finish = epilogue.prepare(blocks(conv.filters), out.len());
        if out.is_empty() {
            return;
        }
        let (rows, columns) = (conv.output.0.div_ceil(OUT), conv.output.1.div_ceil(OUT));
        let tiles = Tiles { rows, columns, count: out.len() / out_len * rows * columns };
        let channels = conv.channels.next_multiple_of(BLOCK);
        let out = SharedMut::new(out);
        let alone = (BLOCK_ELEMENTS / (POINTS * channels)).max(1).next_multiple_of(8);
        let weights = POINTS * channels * blocks(conv.filters) * BLOCK;
        if tiles.count >= MANY_BLOCKS * alone && weights <= LONE_WEIGHTS {
            team::each(tiles.count.div_ceil(alone), |block| {
                let range = block * alone..tiles.count.min((block + 1) * alone);
                with_scratch(self.transformed_len(alone) + self.products_len(alone), |scratch| {
                    let (transformed, products) = scratch.split_at_mut(self.transformed_len(alone));
                    let job = &Job { layer: self, tiles, first: range.start, count: range.len(), input, finish, out };
                    let (shared, all) = (SharedMut::new(transformed), 0..range.len());
                    // SAFETY: `isa` proves the instruction set; blocks write disjoint tiles.
                    unsafe { dispatch!(self.isa, transform(job: &Job<'_>, all: Range<usize>, shared: SharedMut<'_>)) };
                    for panel in 0..self.panels.count() {
                        // SAFETY: as above.
                        unsafe {
                            dispatch!(self.isa, filter(job: &Job<'_>, panel: usize, transformed: &[f32], products: &mut [f32]));
                        }
                    }
                });
            });
            return;
        }
        let most = (SHARED_ELEMENTS / (POINTS * channels)).max(1);
        // In equal parts: a short last one would read all weights for little.
        let together = tiles.count.div_ceil(tiles.count.div_ceil(most));
        for first in (0..tiles.count).step_by(together) {
            let count = together.min(tiles.count - first);
            with_scratch(self.transformed_len(count), |transformed| {
                let job = &Job { layer: self, tiles, first, count, input, finish, out };
                let shared = SharedMut::new(transformed);
                team::each(count, |tile| {
                    let range = tile..tile + 1;
                    // SAFETY: `isa` proves the instruction set; each tile belongs to one task.
                    unsafe {
                        dispatch!(self.isa, transform(job: &Job<'_>, range: Range<usize>, shared: SharedMut<'_>));
                    };
                });
                let transformed = &*transformed;
                team::each(self.panels.count(), |panel| {
                    with_scratch(self.products_len(count), |products| {
                        // SAFETY: `isa` proves the instruction set; each panel's filters belong to one task.
                        unsafe {
                            dispatch!(self.isa, filter(job: &Job<'_>, panel: usize, transformed: &[f32], products: &mut [f32]));
                        }
                    });
                });
            });
        }
    }

    fn transformed_len(&self, tiles: usize) -> usize {
        POINTS * (tiles * self.conv.channels.next_multiple_of(BLOCK) + SKEW)
    }

    fn products_len(&self, tiles: usize) -> usize {
        POINTS * (tiles * super::panel::panel_blocks(self.isa) * BLOCK + SKEW)
    }
}

/// Tiles `first..first + count` of a batch.
struct Job<'a> {
    layer: &'a WinogradConv,
    tiles: Tiles,
    first: usize,
    count: usize,
    input: &'a [f32],
    finish: Finish<'a>,
    out: SharedMut<'a>,
}

impl Job<'_> {
    /// Elements from one point of the transformed tiles, `[point][tile][channel]`, to the next.
    fn point_stride(&self) -> usize {
        self.count * self.layer.conv.channels.next_multiple_of(BLOCK) + SKEW
    }
}

/// Bᵀ d B of tiles `range` of the job.
///
/// # Safety
/// The processor has the instruction set of `S`, and nobody else touches these tiles in `transformed`.
#[inline(always)]
unsafe fn transform<S: Simd>(job: &Job<'_>, range: Range<usize>, transformed: SharedMut<'_>) {
    let conv = &job.layer.conv;
    let (height, width) = conv.input;
    let count = blocks(conv.channels);
    let point_stride = job.point_stride();
    assert!(range.end <= job.count && transformed.len() >= POINTS * point_stride);
    let mut window = [0.0f32; POINTS * BLOCK];
    for tile in range {
        let (image, row, column) = job.tiles.place(job.first + tile);
        // The tile's corner, counted from the padding's.
        let (top, left) = (row * OUT, column * OUT);
        let inside = top >= conv.pad.0
            && left >= conv.pad.1
            && top + TILE <= height + conv.pad.0
            && left + TILE <= width + conv.pad.1;
        for block in 0..count {
            let plane = &job.input[(image * count + block) * height * width * BLOCK..][..height * width * BLOCK];
            let (source, row_stride) = if inside {
                let start = ((top - conv.pad.0) * width + left - conv.pad.1) * BLOCK;
                (&plane[start..][..((TILE - 1) * width + TILE) * BLOCK], width * BLOCK)
            } else {
                for (index, lanes) in window.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
                    let y = (top + index / TILE).checked_sub(conv.pad.0).filter(|&y| y < height);
                    let x = (left + index % TILE).checked_sub(conv.pad.1).filter(|&x| x < width);
                    *lanes = match (y, x) {
                        (Some(y), Some(x)) => std::array::from_fn(|lane| plane[(y * width + x) * BLOCK + lane]),
                        _ => [0.0; BLOCK],
                    };
                }
                (&window[..], TILE * BLOCK)
            };
            let at = (tile * count + block) * BLOCK;
            for lane in (0..BLOCK).step_by(S::LANES) {
                // SAFETY: `source` holds six rows of six pixels; the points lie inside `transformed`.
                unsafe {
                    let mut half = [[S::splat(0.0); TILE]; TILE];
                    for x in 0..TILE {
                        let column: [S::Vector; TILE] =
                            std::array::from_fn(|y| S::load(source.as_ptr().add(y * row_stride + x * BLOCK + lane)));
                        for (half, value) in half.iter_mut().zip(input_line::<S>(column)) {
                            half[x] = value;
                        }
                    }
                    for (y, half) in half.into_iter().enumerate() {
                        for (x, value) in input_line::<S>(half).into_iter().enumerate() {
                            let to = transformed.pointer().add((y * TILE + x) * point_stride + at + lane);
                            S::store(to, value);
                        }
                    }
                }
            }
        }
    }
}

/// Bᵀ applied to six points.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn input_line<S: Simd>([a, b, c, d, e, f]: [S::Vector; TILE]) -> [S::Vector; TILE] {
    // SAFETY: as the caller promises.
    unsafe {
        let (two, four, five) = (S::splat(2.0), S::splat(4.0), S::splat(-5.0));
        let minus_four = S::splat(-4.0);
        let (even, odd) = (S::multiply_add(minus_four, c, e), S::multiply_add(minus_four, b, d));
        let (even_half, odd_half) = (S::sub(e, c), S::sub(d, b));
        [
            S::multiply_add(four, a, S::multiply_add(five, c, e)),
            S::add(even, odd),
            S::sub(even, odd),
            S::multiply_add(two, odd_half, even_half),
            S::multiply_add(S::splat(-2.0), odd_half, even_half),
            S::multiply_add(four, b, S::multiply_add(five, d, f)),
        ]
    }
}

/// The products of the job's tiles with a panel of filters, and Aᵀ m A of them, written to the output.
///
/// # Safety
/// The processor has the instruction set of `S`, and nobody else touches these tiles and filters of the output.
#[inline(always)]
unsafe fn filter<S: Simd>(job: &Job<'_>, panel: usize, transformed: &[f32], products: &mut [f32]) {
    let conv = &job.layer.conv;
    let channels = conv.channels.next_multiple_of(BLOCK);
    let range = job.layer.panels.blocks_of(panel);
    let width = range.len() * BLOCK;
    let point_stride = job.point_stride();
    let products_stride = job.count * width + SKEW;
    assert!(transformed.len() >= POINTS * point_stride && products.len() >= POINTS * products_stride);
    let taps: Vec<usize> = (0..channels).step_by(BLOCK).collect();
    let (whole, rest) = (conv.channels / BLOCK, conv.channels % BLOCK);
    let chunks = taps[..whole].chunks(CHAIN / BLOCK).map(|taps| (taps, BLOCK));
    let rest_chunk = (rest > 0).then(|| (&taps[whole..], rest));
    for point in 0..POINTS {
        let source = &transformed[point * point_stride..][..job.count * channels];
        let to = products[point * products_stride..][..job.count * width].as_mut_ptr();
        for (taps, length) in chunks.clone().chain(rest_chunk) {
            let sink = Products { to, width, first: taps[0] == 0 };
            let weights = job.layer.panels.rows(panel, point * conv.channels + taps[0]);
            // The same channels of the next point: with few tiles, reading weights takes longer than using them.
            let next = match point + 1 < POINTS {
                true => {
                    &job.layer.panels.rows(panel, (point + 1) * conv.channels + taps[0])[..taps.len() * length * width]
                }
                false => &[],
            };
            let product = Product { count: job.count, taps, channels: length, weights, next };
            // SAFETY: every tile has `channels` channels in `source` and `width` products in `sink`.
            unsafe {
                let pixel = |tile: usize| source.as_ptr().add(tile * channels);
                multiply::<S>(range.len(), product, pixel, &sink);
            }
        }
    }
    let finish = job.finish;
    for tile in 0..job.count {
        let (image, row, column) = job.tiles.place(job.first + tile);
        let (top, left) = (row * OUT, column * OUT);
        let (rows, columns) = (OUT.min(conv.output.0 - top), OUT.min(conv.output.1 - left));
        for block in range.clone() {
            let plane = (image * blocks(conv.filters) + block) * conv.positions();
            for lane in (0..BLOCK).step_by(S::LANES) {
                let at = tile * width + (block - range.start) * BLOCK + lane;
                // SAFETY: the points lie inside `products`, the pixels inside the output.
                unsafe {
                    let mut half = [[S::splat(0.0); TILE]; OUT];
                    for x in 0..TILE {
                        let column: [S::Vector; TILE] = std::array::from_fn(|y| {
                            S::load(products.as_ptr().add((y * TILE + x) * products_stride + at))
                        });
                        for (half, value) in half.iter_mut().zip(output_line::<S>(column)) {
                            half[x] = value;
                        }
                    }
                    for (y, half) in half.into_iter().enumerate().take(rows) {
                        for (x, value) in output_line::<S>(half).into_iter().enumerate().take(columns) {
                            let to = (plane + (top + y) * conv.output.1 + left + x) * BLOCK + lane;
                            debug_assert!(to + S::LANES <= job.out.len());
                            let value = finish.apply::<S>(value, block * BLOCK + lane, to);
                            S::store(job.out.pointer().add(to), value);
                        }
                    }
                }
            }
        }
    }
}

/// Aᵀ applied to six points: four results.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn output_line<S: Simd>([a, b, c, d, e, f]: [S::Vector; TILE]) -> [S::Vector; OUT] {
    // SAFETY: as the caller promises.
    unsafe {
        let (sum, difference) = (S::add(b, c), S::sub(b, c));
        let (sum_double, difference_double) = (S::add(d, e), S::sub(d, e));
        [
            S::add(S::add(a, sum), sum_double),
            S::multiply_add(S::splat(2.0), difference_double, difference),
            S::multiply_add(S::splat(4.0), sum_double, sum),
            S::add(S::multiply_add(S::splat(8.0), difference_double, difference), f),
        ]
    }
}

/// Products as `[tile, width]`.
struct Products {
    to: *mut f32,
    width: usize,
    first: bool,
}

impl Sink for Products {
    #[inline(always)]
    unsafe fn put<S: Simd, const VECTORS: usize, const PIXELS: usize>(
        &self,
        first: usize,
        mut sums: [[S::Vector; VECTORS]; PIXELS],
    ) {
        // SAFETY: the caller promises tiles of the job.
        unsafe {
            let to = self.to.add(first * self.width);
            if !self.first {
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    for (vector, sum) in sums.iter_mut().enumerate() {
                        *sum = S::add(S::load(to.add(pixel * self.width + vector * S::LANES)), *sum);
                    }
                }
            }
            for (pixel, sums) in sums.into_iter().enumerate() {
                for (vector, sum) in sums.into_iter().enumerate() {
                    S::store(to.add(pixel * self.width + vector * S::LANES), sum);
                }
            }
        }
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
