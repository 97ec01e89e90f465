//! Convolution as it is defined, some pixels times a panel of filters at a time.

use std::ops::Range;
use std::sync::Arc;

use super::epilogue::{Epilogue, Finish};
use super::frame::{Frame, LARGEST_FRAME, Walk};
use super::panel::{Panels, Product, Sink, multiply, tile_pixels};
use super::{BLOCK, blocks, filling_is_small};
use crate::conv::Conv2d;
use crate::scratch::with_scratch;
use crate::shared::SharedMut;
use crate::simd::{Isa, Simd, dispatch};
use crate::team;

/// Taps that are added up in one go: 512 channels, so that a panel of weights and the pixels of a task stay in the second
/// cache.
const TAPS: usize = 32;
/// Elements of a task's framed input (512 KiB).
const FRAME_ELEMENTS: usize = 1 << 17;
/// Pixels of a task without a frame.
const PIXELS_PER_TASK: usize = 192;
/// Tasks that keep a handful of threads busy to the end.
const FEW_TASKS: usize = 16;

/// A convolution of one group with packed weights.
///
/// `[N, ⌈C / 16⌉, H, W, 16]` goes in, or `[N, C, H, W]` where C is small; `[N, ⌈O / 16⌉, H', W', 16]` comes out.
#[derive(Debug, Clone)]
pub struct DirectConv {
    isa: Isa,
    conv: Conv2d,
    panels: Arc<Panels>,
    dense: bool,
}

impl DirectConv {
    /// Whether `conv` can be computed so: one group, pads and dilations in proportion to the image, and not much more memory
    /// for the packed weights than for themselves.
    pub fn fits(conv: &Conv2d) -> bool {
        let planes = blocks(conv.channels).saturating_mul(Frame::new(conv, 1, BLOCK).plane());
        conv.groups == 1 && planes <= LARGEST_FRAME && filling_is_small(conv)
    }

    /// Packs `weights`, `[filters, channels, kernel.0, kernel.1]`. Where the input `may_be_dense`, fewer than 16 channels
    /// are read so.
    ///
    /// # Panics
    /// When the weights have another number of elements, or it does not fit.
    pub fn new(isa: Isa, conv: Conv2d, weights: &[f32], may_be_dense: bool) -> Self {
        assert!(Self::fits(&conv) && weights.len() == conv.weights_len(), "weights do not fit {conv:?}");
        let taps = conv.kernel.0 * conv.kernel.1;
        let dense = may_be_dense && conv.channels < BLOCK;
        let lanes = if dense { 1 } else { BLOCK };
        // Row (block, tap, channel of the block); the last block has the channels that are left.
        let whole = conv.channels / lanes * lanes;
        let panels = Panels::new(isa, conv.filters, conv.depth(), |filter, k| {
            let first = if k < whole * taps { k / (lanes * taps) * lanes } else { whole };
            let (k, width) = (k - first * taps, lanes.min(conv.channels - first));
            weights[(filter * conv.channels + first + k % width) * taps + k / width]
        });
        Self { isa, conv, panels: Arc::new(panels), dense }
    }

    /// Whether the input is dense, `[N, C, H, W]`.
    pub fn is_dense(&self) -> bool {
        self.dense
    }

    /// The same filters on an input of another size, with other padding: sizes of `conv` that weights do not depend on.
    ///
    /// # Panics
    /// When the weights would be others.
    #[must_use]
    pub fn resized(&self, conv: Conv2d) -> Self {
        assert!(self.conv.has_weights_of(&conv), "{conv:?} has other weights than {:?}", self.conv);
        assert!(Self::fits(&conv), "{conv:?} reaches too far");
        Self { conv, ..self.clone() }
    }

    /// Convolves a batch.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub fn run(&self, input: &[f32], epilogue: Epilogue<'_>, out: &mut [f32]) {
        let conv = &self.conv;
        let (planes, lanes) = if self.dense { (conv.channels, 1) } else { (blocks(conv.channels), BLOCK) };
        let image_len = planes * conv.input.0 * conv.input.1 * lanes;
        let positions = conv.positions();
        let out_len = blocks(conv.filters) * positions * BLOCK;
        assert_eq!(input.len() * out_len, out.len() * image_len, "input and output do not fit");
        let finish = epilogue.prepare(blocks(conv.filters), out.len());
        if out.is_empty() {
            return;
        }
        if conv.kernel == (1, 1) && conv.stride != (1, 1) && !Frame::is_needed(conv) {
            self.run_compact(input, epilogue, out);
            return;
        }
        let framed = Frame::is_needed(conv);
        let images = out.len() / out_len;
        let pixels = self.pixels_per_task(framed, planes, lanes);
        let ranges = positions.div_ceil(pixels);
        // Where there are too few pixels to share out, the filters are.
        let groups = FEW_TASKS.div_ceil(images * ranges).min(self.panels.count());
        let panels_per_group = self.panels.count().div_ceil(groups);
        let groups = self.panels.count().div_ceil(panels_per_group);
        let range = |index: usize| index * pixels..positions.min((index + 1) * pixels);
        let frame_of = |pixels: &Range<usize>| {
            let rows = pixels.start / conv.output.1..pixels.end.div_ceil(conv.output.1);
            (rows.start, if framed { Frame::new(conv, rows.len(), lanes) } else { Frame::none(conv, lanes) })
        };
        let largest = planes * frame_of(&range(0)).1.plane();
        // Frames that several groups of filters look at are filled once.
        let all = (images * ranges).saturating_mul(largest);
        let shared = if framed && groups > 1 && all <= LARGEST_FRAME { all } else { 0 };
        let out = SharedMut::new(out);
        with_scratch(shared, |frames| {
            let plane_len = image_len / planes;
            if shared > 0 {
                team::each_chunk(frames, largest / planes, planes.div_ceil(FEW_TASKS), |index, data| {
                    let (range_index, image) = (index / planes % ranges, index / planes / ranges);
                    let (row, frame) = frame_of(&range(range_index));
                    let plane = &input[(image * planes + index % planes) * plane_len..][..plane_len];
                    frame.fill(conv, row, plane, data);
                });
            }
            let frames = &*frames;
            team::each(images * ranges * groups, |task| {
                let (group, task) = (task % groups, task / groups);
                let (pixels, image) = (range(task % ranges), task / ranges);
                let panels = group * panels_per_group..self.panels.count().min((group + 1) * panels_per_group);
                let input = &input[image * image_len..][..image_len];
                let (row, frame) = frame_of(&pixels);
                let work = |data: &[f32], plane: usize, row: usize| {
                    let first = image * out_len;
                    let (pixels, panels) = (pixels.clone(), panels.clone());
                    let job = &Job { layer: self, data, frame, plane, row, pixels, panels, finish, out, first };
                    // SAFETY: `isa` proves the instruction set; tasks write disjoint pixels and filters.
                    unsafe { dispatch!(self.isa, sum(job: &Job<'_>)) }
                };
                if !framed {
                    work(input, plane_len, 0);
                } else if shared > 0 {
                    work(&frames[task * largest..][..largest], largest / planes, row);
                } else {
                    with_scratch(planes * frame.plane(), |data| {
                        frame.fill(conv, row, input, data);
                        work(data, frame.plane(), row);
                    });
                }
            });
        });
    }

    /// A strided 1 × 1 convolution: the pixels that it sees are brought together first.
    fn run_compact(&self, input: &[f32], epilogue: Epilogue<'_>, out: &mut [f32]) {
        let conv = &self.conv;
        let lanes = if self.dense { 1 } else { BLOCK };
        let (plane, row) = (conv.input.0 * conv.input.1 * lanes, conv.input.1 * lanes);
        let compact = conv.positions() * lanes;
        with_scratch(input.len() / plane * compact, |data| {
            team::each_chunk(data, compact, 1, |index, data| {
                let plane = &input[index * plane..][..plane];
                for (y, to) in data.chunks_exact_mut(conv.output.1 * lanes).enumerate() {
                    let from = &plane[y * conv.stride.0 * row..][..row];
                    for (x, to) in to.chunks_exact_mut(lanes).enumerate() {
                        to.copy_from_slice(&from[x * conv.stride.1 * lanes..][..lanes]);
                    }
                }
            });
            let conv = Conv2d { input: conv.output, stride: (1, 1), ..*conv };
            Self { conv, ..self.clone() }.run(data, epilogue, out);
        });
    }

    /// Whole rows with a frame; whole tiles, in parts about as large, without.
    fn pixels_per_task(&self, framed: bool, planes: usize, lanes: usize) -> usize {
        let conv = &self.conv;
        if !framed {
            let parts = (conv.positions() / PIXELS_PER_TASK).max(1);
            return conv.positions().div_ceil(parts).next_multiple_of(tile_pixels(self.isa));
        }
        let elements = |rows: usize| planes * Frame::new(conv, rows, lanes).plane();
        let filters_suffice = self.panels.count() >= FEW_TASKS;
        let most = if filters_suffice { conv.output.0 } else { conv.output.0.div_ceil(FEW_TASKS) };
        let rows = (1..=most.max(1)).rev().find(|&rows| elements(rows) <= FRAME_ELEMENTS).unwrap_or(1);
        // In equal parts: a short last one would have half-empty tiles.
        let rows = conv.output.0.div_ceil(conv.output.0.div_ceil(rows));
        rows * conv.output.1
    }
}

struct Job<'a> {
    layer: &'a DirectConv,
    data: &'a [f32],
    frame: Frame,
    /// Elements from one plane of `data` to the next.
    plane: usize,
    /// Row of the output that the frame begins with.
    row: usize,
    pixels: Range<usize>,
    panels: Range<usize>,
    finish: Finish<'a>,
    out: SharedMut<'a>,
    /// First element of the image's output.
    first: usize,
}

/// # Safety
/// The processor has the instruction set of `S`, and nobody else touches the job's outputs.
#[inline(always)]
unsafe fn sum<S: Simd>(job: &Job<'_>) {
    let (conv, frame) = (&job.layer.conv, job.frame);
    let lanes = frame.lanes;
    let planes = conv.channels.div_ceil(lanes);
    let taps = frame.taps(conv);
    let (whole, rest) = (conv.channels / lanes, conv.channels % lanes);
    // The taps of whole blocks in chunks, then those of the last block.
    let whole_taps = whole * taps.len();
    let chunks = (0..whole_taps).step_by(TAPS).map(|start| (start..whole_taps.min(start + TAPS), lanes));
    let end = planes * taps.len();
    let rest_chunks = (whole_taps..end).step_by(TAPS).map(|start| (start..end.min(start + TAPS), rest));
    let mut chunk_taps = Vec::with_capacity(TAPS);
    for (range, channels) in chunks.chain(rest_chunks) {
        chunk_taps.clear();
        chunk_taps.extend(range.clone().map(|tap| tap / taps.len() * job.plane + taps[tap % taps.len()]));
        let row = range.start.min(whole_taps) * lanes + range.start.saturating_sub(whole_taps) * rest;
        let depth = chunk_taps.len() * channels;
        for panel in job.panels.clone() {
            let blocks = job.layer.panels.blocks_of(panel);
            let positions = conv.positions();
            let sink = Output {
                out: job.out,
                finish: job.finish,
                at: job.first + (blocks.start * positions + job.pixels.start) * BLOCK,
                block_stride: positions * BLOCK,
                channel: blocks.start * BLOCK,
                first: range.start == 0,
                last: range.end == end,
            };
            let weights = &job.layer.panels.rows(panel, row)[..depth * blocks.len() * BLOCK];
            let next = match panel + 1 < job.panels.end {
                true => &job.layer.panels.rows(panel + 1, row)[..depth * BLOCK],
                false => &[],
            };
            let product = Product { count: job.pixels.len(), taps: &chunk_taps, channels, weights, next };
            let mut walk = Walk::new(conv, frame, job.row, job.pixels.start);
            let pixel = |_| {
                let offset = walk.step();
                debug_assert!(offset < job.data.len());
                job.data.as_ptr().wrapping_add(offset)
            };
            // SAFETY: the frame holds every tap of the job's pixels.
            unsafe { multiply::<S>(blocks.len(), product, pixel, &sink) };
        }
    }
}

/// Sums go to the output itself; the last ones through the epilogue.
struct Output<'a> {
    out: SharedMut<'a>,
    finish: Finish<'a>,
    /// Element of the first pixel and filter.
    at: usize,
    block_stride: usize,
    channel: usize,
    first: bool,
    last: bool,
}

impl Output<'_> {
    #[inline(always)]
    fn place<S: Simd>(&self, pixel: usize, vector: usize) -> usize {
        let lane = vector * S::LANES;
        self.at + pixel * BLOCK + lane / BLOCK * self.block_stride + lane % BLOCK
    }
}

impl Sink for Output<'_> {
    #[inline(always)]
    unsafe fn put<S: Simd, const VECTORS: usize, const PIXELS: usize>(
        &self,
        first: usize,
        mut sums: [[S::Vector; VECTORS]; PIXELS],
    ) {
        let place = |pixel, vector| self.place::<S>(first + pixel, vector);
        debug_assert!(place(PIXELS - 1, VECTORS - 1) + S::LANES <= self.out.len());
        let out = self.out.pointer();
        // SAFETY: the caller promises pixels of the job, which lie inside the output and are nobody else's.
        unsafe {
            if !self.first {
                // Partial sums are added up: shorter chains round less.
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    for (vector, sum) in sums.iter_mut().enumerate() {
                        *sum = S::add(S::load(out.add(place(pixel, vector))), *sum);
                    }
                }
            }
            if self.last {
                sums = self.finish.apply_all::<S, VECTORS, PIXELS>(sums, self.channel, place);
            }
            for (pixel, sums) in sums.into_iter().enumerate() {
                for (vector, sum) in sums.into_iter().enumerate() {
                    S::store(out.add(place(pixel, vector)), sum);
                }
            }
        }
    }
}
