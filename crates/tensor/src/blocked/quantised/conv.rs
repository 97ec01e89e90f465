//! Convolution on codes.

use std::ops::Range;
use std::sync::Arc;

use super::super::epilogue::{Epilogue, Finish};
use super::super::frame::{Frame, LARGEST_FRAME, Walk};
use super::super::{BLOCK, blocks, filling_is_small};
use super::Quantisation;
use super::dot::{Coder, Dot, Fours, Method, Pairs, Plain, Work};
use super::packed::Packed;
use crate::conv::Conv2d;
use crate::scratch::with_scratch_of;
use crate::shared::SharedMut;
use crate::simd::{Isa, Simd};
use crate::team;

/// Most products of 255 and −128 that an i32 holds the sum of.
const LARGEST_DEPTH: usize = (1 << 16) - 1;
/// Pixels of a task.
const PIXELS_PER_TASK: usize = 128;
/// Tasks that keep a handful of threads busy to the end.
const FEW_TASKS: usize = 16;
/// Rows of codes that a task makes, at least as many pixels.
const ENCODED_PIXELS: usize = 1024;

/// A convolution of one group whose input is rounded to codes and whose weights are codes.
///
/// `[N, ⌈C / 16⌉, H, W, 16]` goes in and `[N, ⌈O / 16⌉, H', W', 16]` comes out, both f32; the lanes beyond C may hold anything.
#[derive(Debug, Clone)]
pub struct QuantisedConv {
    conv: Conv2d,
    input: Quantisation,
    weights: Arc<Weights>,
    /// Σ codes · zero for each filter.
    offsets: Arc<[i32]>,
    /// What a sum is multiplied by to become a value, for each filter.
    scales: Arc<[f32]>,
}

/// Codes, packed for the best method.
#[derive(Debug)]
enum Weights {
    Plain(Packed<Plain>),
    Pairs(Packed<Pairs>),
    Fours(Packed<Fours>),
}

impl QuantisedConv {
    /// Whether `conv` can be computed so: one group, pads and dilations in proportion to the image, and sums that i32 holds.
    pub fn fits(conv: &Conv2d) -> bool {
        let planes = blocks(conv.channels).saturating_mul(Frame::new(conv, conv.output.0, BLOCK).plane());
        conv.groups == 1 && conv.depth() <= LARGEST_DEPTH && planes <= LARGEST_FRAME && filling_is_small(conv)
    }

    /// Packs `codes`, `[filters, channels, kernel.0, kernel.1]`, each filter with its scale.
    ///
    /// # Panics
    /// When the codes or scales have another number of elements, or it does not fit.
    pub fn new(isa: Isa, conv: Conv2d, input: Quantisation, codes: &[i8], scales: &[f32]) -> Self {
        assert!(Self::fits(&conv) && codes.len() == conv.weights_len(), "weights do not fit {conv:?}");
        assert_eq!(scales.len(), conv.filters, "scales do not fit");
        let taps = conv.kernel.0 * conv.kernel.1;
        // Row (block, tap, channel of the block), spare channels are 0.
        let depth = blocks(conv.channels) * taps * BLOCK;
        let at = |filter: usize, k: usize| {
            let channel = k / (taps * BLOCK) * BLOCK + k % BLOCK;
            let tap = k / BLOCK % taps;
            if channel < conv.channels { codes[(filter * conv.channels + channel) * taps + tap] } else { 0 }
        };
        let weights = match Method::of(isa) {
            Method::Plain => Weights::Plain(Packed::new(conv.filters, depth, at)),
            Method::Pairs => Weights::Pairs(Packed::new(conv.filters, depth, at)),
            Method::Fours => Weights::Fours(Packed::new(conv.filters, depth, at)),
        };
        let mut offsets = vec![0; blocks(conv.filters) * BLOCK];
        let mut factors = vec![0.0; offsets.len()];
        for (filter, codes) in codes.chunks_exact(conv.depth().max(1)).enumerate() {
            offsets[filter] = i32::from(input.zero) * codes.iter().map(|&code| i32::from(code)).sum::<i32>();
            factors[filter] = input.scale * scales[filter];
        }
        Self { conv, input, weights: Arc::new(weights), offsets: offsets.into(), scales: factors.into() }
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
        match &*self.weights {
            Weights::Plain(weights) => self.run_with(weights, input, epilogue, out),
            Weights::Pairs(weights) => self.run_with(weights, input, epilogue, out),
            Weights::Fours(weights) => self.run_with(weights, input, epilogue, out),
        }
    }

    fn run_with<D: Dot>(&self, weights: &Packed<D>, input: &[f32], epilogue: Epilogue<'_>, out: &mut [f32]) {
        let conv = &self.conv;
        let planes = blocks(conv.channels);
        let image_len = planes * conv.input.0 * conv.input.1 * BLOCK;
        let positions = conv.positions();
        let out_len = blocks(conv.filters) * positions * BLOCK;
        assert_eq!(input.len() * out_len, out.len() * image_len, "input and output do not fit");
        let finish = epilogue.prepare(blocks(conv.filters), out.len());
        if out.is_empty() {
            return;
        }
        let frame = match Frame::is_needed(conv) {
            true => Frame::new(conv, conv.output.0, BLOCK),
            false => Frame::none(conv, BLOCK),
        };
        let ranges = positions.div_ceil(PIXELS_PER_TASK);
        let pixels = positions.div_ceil(ranges).next_multiple_of(D::PIXELS);
        let ranges = positions.div_ceil(pixels);
        // Where there are too few pixels to share out, the filters are.
        let groups = FEW_TASKS.div_ceil(ranges).min(weights.count());
        let panels_per_group = weights.count().div_ceil(groups);
        let groups = weights.count().div_ceil(panels_per_group);
        let taps = self.taps(frame);
        let out_of = SharedMut::new(out);
        with_scratch_of(planes * frame.plane(), |codes: &mut [D::Code]| {
            for (image, values) in input.chunks_exact(image_len).enumerate() {
                self.encode::<D>(frame, values, codes);
                let codes = &*codes;
                team::each(ranges * groups, |task| {
                    let (group, range) = (task % groups, task / groups);
                    let job = Job::<D> {
                        layer: self,
                        weights,
                        codes,
                        frame,
                        taps: &taps,
                        pixels: range * pixels..positions.min((range + 1) * pixels),
                        panels: group * panels_per_group..weights.count().min((group + 1) * panels_per_group),
                        finish,
                        out: out_of,
                        first: image * out_len,
                    };
                    // SAFETY: the weights were packed for a method of this processor; tasks write disjoint pixels and
                    // filters.
                    unsafe { D::with_features(job) };
                });
            }
        });
    }

    /// The taps of a window over all blocks of channels, in elements from its corner.
    fn taps(&self, frame: Frame) -> Vec<usize> {
        let taps = frame.taps(&self.conv);
        let planes = 0..blocks(self.conv.channels);
        planes.flat_map(|plane| taps.iter().map(move |tap| plane * frame.plane() + tap)).collect()
    }

    /// The codes of an image, `[planes, H, W, 16]`, framed; 0 where outside.
    fn encode<D: Dot>(&self, frame: Frame, image: &[f32], codes: &mut [D::Code]) {
        let rows = (ENCODED_PIXELS / frame.width).clamp(1, frame.rows);
        let (conv, row_len) = (&self.conv, frame.width * BLOCK);
        let parts = frame.rows.div_ceil(rows);
        let planes = codes.len() / frame.plane();
        let codes = SharedMut::new(codes);
        team::each(planes * parts, |task| {
            let (plane, part) = (task / parts, task % parts);
            let rows = part * rows..frame.rows.min((part + 1) * rows);
            let plane_len = conv.input.0 * conv.input.1 * BLOCK;
            // SAFETY: each row of a plane belongs to one task.
            let own = unsafe { codes.slice(plane * frame.plane() + rows.start * row_len, rows.len() * row_len) };
            let image = &image[plane * plane_len..][..plane_len];
            let work = Encode::<D> { conv, input: self.input, frame, first: rows.start, image, codes: own };
            // SAFETY: as for the products.
            unsafe { D::with_features(work) };
        });
    }
}

/// Rows of a frame of codes.
struct Encode<'a, D: Dot> {
    conv: &'a Conv2d,
    input: Quantisation,
    frame: Frame,
    first: usize,
    image: &'a [f32],
    codes: &'a mut [D::Code],
}

impl<D: Dot> Work<D> for Encode<'_, D> {
    #[inline(always)]
    unsafe fn run(self) {
        let (coder, zero) = (Coder::new(self.input), D::Code::from(self.input.zero));
        let (pad, size) = (self.conv.pad, self.conv.input);
        let left = pad.1.min(self.frame.width);
        let copied = size.1.min(self.frame.width - left);
        for (index, codes) in self.codes.chunks_exact_mut(self.frame.width * BLOCK).enumerate() {
            let Some(y) = (self.first + index).checked_sub(pad.0).filter(|&y| y < size.0) else {
                codes.fill(zero);
                continue;
            };
            codes[..left * BLOCK].fill(zero);
            codes[(left + copied) * BLOCK..].fill(zero);
            let values = &self.image[y * size.1 * BLOCK..][..copied * BLOCK];
            let codes = &mut codes[left * BLOCK..][..copied * BLOCK];
            for (values, codes) in values.as_chunks::<BLOCK>().0.iter().zip(codes.as_chunks_mut::<BLOCK>().0) {
                // SAFETY: the caller promises the instruction set; both have 16 elements.
                unsafe { D::encode(coder, values.as_ptr(), codes.as_mut_ptr()) };
            }
        }
    }
}

/// Some pixels times some panels of filters.
struct Job<'a, D: Dot> {
    layer: &'a QuantisedConv,
    weights: &'a Packed<D>,
    codes: &'a [D::Code],
    frame: Frame,
    taps: &'a [usize],
    pixels: Range<usize>,
    panels: Range<usize>,
    finish: Finish<'a>,
    out: SharedMut<'a>,
    /// First element of the image's output.
    first: usize,
}

impl<D: Dot> Work<D> for Job<'_, D> {
    #[inline(always)]
    unsafe fn run(self) {
        for panel in self.panels.clone() {
            // SAFETY: as the caller promises. Vectors of a panel: its width over that of a vector.
            unsafe {
                match self.weights.blocks_of(panel).len() * BLOCK / D::Floats::LANES {
                    1 => self.tiles::<1>(panel),
                    2 => self.tiles::<2>(panel),
                    4 => self.tiles::<4>(panel),
                    _ => unreachable!("a panel of another size"),
                }
            }
        }
    }
}

impl<D: Dot> Job<'_, D> {
    /// # Safety
    /// The processor has the instruction set of `D`, and nobody else touches the job's outputs.
    #[inline(always)]
    unsafe fn tiles<const VECTORS: usize>(&self, panel: usize) {
        let mut walk = Walk::new(&self.layer.conv, self.frame, 0, self.pixels.start);
        let mut first = self.pixels.start;
        macro_rules! step {
            ($pixels:literal) => {
                while D::PIXELS >= $pixels && self.pixels.end - first >= $pixels {
                    let corners: [usize; $pixels] = std::array::from_fn(|_| walk.step());
                    // SAFETY: as the caller promises; the frame holds every tap of the job's pixels.
                    unsafe { self.tile::<$pixels, VECTORS>(panel, first, corners) };
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
    /// As [`Job::tiles`]; every tap of the corners lies in the frame.
    #[inline(always)]
    unsafe fn tile<const PIXELS: usize, const VECTORS: usize>(
        &self,
        panel: usize,
        first: usize,
        corners: [usize; PIXELS],
    ) {
        let lanes = D::Floats::LANES;
        let blocks = self.weights.blocks_of(panel);
        let (positions, channel) = (self.layer.conv.positions(), blocks.start * BLOCK);
        let place = |pixel: usize, vector: usize| {
            let lane = vector * lanes;
            self.first + ((blocks.start + lane / BLOCK) * positions + first + pixel) * BLOCK + lane % BLOCK
        };
        let panel = self.weights.panel(panel);
        debug_assert!(panel.len() == self.taps.len() * BLOCK * VECTORS * lanes);
        debug_assert!(place(PIXELS - 1, VECTORS - 1) + lanes <= self.out.len());
        debug_assert!(corners.iter().all(|corner| corner + self.taps[self.taps.len() - 1] + BLOCK <= self.codes.len()));
        // SAFETY: as the caller promises.
        unsafe {
            let from = corners.map(|corner| self.codes.as_ptr().add(corner));
            let mut weights = panel.as_ptr();
            let mut sums = [[D::zeros(); VECTORS]; PIXELS];
            for &tap in self.taps {
                for step in 0..BLOCK / D::STEP {
                    let row: [D::Weights; VECTORS] =
                        std::array::from_fn(|vector| D::load(weights.add(vector * lanes * D::STEP)));
                    for (sums, from) in sums.iter_mut().zip(from) {
                        for (sum, weights) in sums.iter_mut().zip(row) {
                            *sum = D::add(*sum, from.add(tap + step * D::STEP), weights);
                        }
                    }
                    weights = weights.add(VECTORS * lanes * D::STEP);
                }
            }
            let (offsets, scales) = (self.layer.offsets.as_ptr(), self.layer.scales.as_ptr());
            // Loops: `map` is compiled apart, without the instruction set.
            let mut values = [[D::Floats::splat(0.0); VECTORS]; PIXELS];
            for vector in 0..VECTORS {
                let at = channel + vector * lanes;
                let scale = D::Floats::load(scales.add(at));
                for (values, sums) in values.iter_mut().zip(&sums) {
                    let sum = D::floats(sums[vector], offsets.add(at));
                    values[vector] = D::Floats::multiply_add(sum, scale, D::Floats::splat(0.0));
                }
            }
            let values = self.finish.apply_all::<D::Floats, VECTORS, PIXELS>(values, channel, place);
            for (pixel, values) in values.into_iter().enumerate() {
                for (vector, value) in values.into_iter().enumerate() {
                    D::Floats::store(self.out.pointer().add(place(pixel, vector)), value);
                }
            }
        }
    }
}
