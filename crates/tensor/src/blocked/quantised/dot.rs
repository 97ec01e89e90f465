//! Sums of products of codes, a method for each instruction set that has its own.

use super::Quantisation;
use crate::scratch::Bits;
use crate::simd::{Isa, Level, Scalar, Simd};

/// The part of a [`Quantisation`] that kernels keep in registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coder {
    steps: f32,
    zero: i32,
}

impl Coder {
    pub(super) fn new(quantisation: Quantisation) -> Self {
        Self { steps: 1.0 / quantisation.scale, zero: quantisation.zero.into() }
    }

    /// The lowest and the highest number of steps from 0.
    fn range(self) -> (f32, f32) {
        (-self.zero as f32, (i32::from(u8::MAX) - self.zero) as f32)
    }

    /// One code; kernels round the same.
    #[inline(always)]
    pub(super) fn code(self, x: f32) -> u8 {
        let (low, high) = self.range();
        let steps = x * self.steps;
        let steps = if steps > low { steps } else { low };
        let steps = if steps < high { steps } else { high };
        (steps.round_ties_even() as i32 + self.zero) as u8
    }
}

/// How a processor multiplies codes by weights and adds up.
///
/// # Safety
/// Every unsafe method needs a processor with the instruction set; pointers must be valid for as many elements as a vector,
/// or a step, has (unaligned).
pub(super) trait Dot: Sized {
    /// Sums as floats.
    type Floats: Simd;
    /// How a code of an activation is held.
    type Code: Bits + From<u8> + Send + Sync;
    /// How a code of a weight is held.
    type Weight: Copy + Default + From<i8> + Send + Sync;
    /// A sum for each of some filters.
    type Sums: Copy;
    /// [`Dot::STEP`] weights for each of these filters.
    type Weights: Copy;
    /// Codes that are multiplied and added up at once.
    const STEP: usize;
    /// Pixels of a tile.
    const PIXELS: usize;
    /// Blocks of filters of a tile.
    const BLOCKS: usize;

    unsafe fn zeros() -> Self::Sums;
    unsafe fn load(weights: *const Self::Weight) -> Self::Weights;
    /// sums + Σ codes · weights, the same codes for every filter.
    unsafe fn add(sums: Self::Sums, codes: *const Self::Code, weights: Self::Weights) -> Self::Sums;
    /// sums − offsets, as floats.
    unsafe fn floats(sums: Self::Sums, offsets: *const i32) -> <Self::Floats as Simd>::Vector;
    /// The codes of 16 values.
    unsafe fn encode(coder: Coder, values: *const f32, codes: *mut Self::Code);
    /// Does `work` where the compiler may use the instruction set.
    unsafe fn with_features<W: Work<Self>>(work: W);
}

/// Something that is compiled once for each instruction set.
pub(super) trait Work<D: Dot> {
    /// # Safety
    /// The processor has the instruction set of `D`.
    unsafe fn run(self);
}

/// The methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Plain,
    /// Products of pairs in i16.
    Pairs,
    /// VNNI: products of four.
    Fours,
}

impl Method {
    /// The best of an instruction set.
    pub(super) fn of(isa: Isa) -> Self {
        match isa.level() {
            Level::Scalar => Self::Plain,
            Level::Avx512 if has_vnni() => Self::Fours,
            Level::Avx2 | Level::Avx512 => Self::Pairs,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_vnni() -> bool {
    is_x86_feature_detected!("avx512vnni")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_vnni() -> bool {
    false
}

/// Plain Rust.
#[derive(Debug, Clone)]
pub(super) struct Plain;

const PLAIN_LANES: usize = Scalar::LANES;

impl Dot for Plain {
    type Floats = Scalar;
    type Code = u8;
    type Weight = i8;
    type Sums = [i32; PLAIN_LANES];
    type Weights = [i8; 4 * PLAIN_LANES];
    const STEP: usize = 4;
    const PIXELS: usize = 2;
    const BLOCKS: usize = 1;

    #[inline(always)]
    unsafe fn zeros() -> Self::Sums {
        [0; PLAIN_LANES]
    }

    #[inline(always)]
    unsafe fn load(weights: *const i8) -> Self::Weights {
        // SAFETY: the caller promises as many readable elements.
        unsafe { weights.cast::<Self::Weights>().read() }
    }

    #[inline(always)]
    unsafe fn add(sums: Self::Sums, codes: *const u8, weights: Self::Weights) -> Self::Sums {
        // SAFETY: the caller promises a step of readable codes.
        let codes = unsafe { codes.cast::<[u8; 4]>().read() };
        std::array::from_fn(|lane| {
            let own = weights[4 * lane..].iter().zip(codes);
            own.fold(sums[lane], |sum, (&weight, code)| sum + i32::from(weight) * i32::from(code))
        })
    }

    #[inline(always)]
    unsafe fn floats(sums: Self::Sums, offsets: *const i32) -> <Scalar as Simd>::Vector {
        // SAFETY: the caller promises as many readable elements.
        let offsets = unsafe { offsets.cast::<Self::Sums>().read() };
        std::array::from_fn(|lane| (sums[lane] - offsets[lane]) as f32)
    }

    #[inline(always)]
    unsafe fn encode(coder: Coder, values: *const f32, codes: *mut u8) {
        for index in 0..16 {
            // SAFETY: the caller promises 16 readable values and as many codes that can be written.
            unsafe { *codes.add(index) = coder.code(*values.add(index)) };
        }
    }

    #[inline(always)]
    unsafe fn with_features<W: Work<Self>>(work: W) {
        // SAFETY: nothing special is needed.
        unsafe { work.run() }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Fours, Pairs};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m256i, __m512, __m512i, _mm_storeu_si128, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_cvtps_epi32,
        _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps,
        _mm256_packs_epi32, _mm256_permute4x64_epi64, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256,
        _mm256_storeu_si256, _mm256_sub_epi32, _mm512_add_epi32, _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps,
        _mm512_cvtps_epi32, _mm512_dpbusd_epi32, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_max_ps, _mm512_min_ps,
        _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512, _mm512_sub_epi32,
    };

    use super::{Coder, Dot, Work};
    use crate::simd::{Avx2, Avx512};

    /// AVX2: `vpmaddwd` on codes that were widened to i16.
    #[derive(Debug, Clone)]
    pub(in super::super) struct Pairs;

    // SAFETY (all methods): the trait's caller promises the instruction set and valid pointers.
    impl Dot for Pairs {
        type Floats = Avx2;
        type Code = i16;
        type Weight = i16;
        type Sums = __m256i;
        type Weights = __m256i;
        const STEP: usize = 2;
        const PIXELS: usize = 6;
        const BLOCKS: usize = 1;

        #[inline(always)]
        unsafe fn zeros() -> __m256i {
            unsafe { _mm256_setzero_si256() }
        }

        #[inline(always)]
        unsafe fn load(weights: *const i16) -> __m256i {
            unsafe { _mm256_loadu_si256(weights.cast()) }
        }

        #[inline(always)]
        unsafe fn add(sums: __m256i, codes: *const i16, weights: __m256i) -> __m256i {
            unsafe {
                let codes = _mm256_set1_epi32(codes.cast::<i32>().read_unaligned());
                _mm256_add_epi32(sums, _mm256_madd_epi16(codes, weights))
            }
        }

        #[inline(always)]
        unsafe fn floats(sums: __m256i, offsets: *const i32) -> __m256 {
            unsafe { _mm256_cvtepi32_ps(_mm256_sub_epi32(sums, _mm256_loadu_si256(offsets.cast()))) }
        }

        #[inline(always)]
        unsafe fn encode(coder: Coder, values: *const f32, codes: *mut i16) {
            unsafe {
                // Halves of both come side by side, and are put in order.
                let both = _mm256_packs_epi32(eight(coder, values), eight(coder, values.add(8)));
                _mm256_storeu_si256(codes.cast(), _mm256_permute4x64_epi64::<0b11_01_10_00>(both));
            }
        }

        #[inline(always)]
        unsafe fn with_features<W: Work<Self>>(work: W) {
            #[target_feature(enable = "avx2,fma")]
            unsafe fn run<W: Work<Pairs>>(work: W) {
                unsafe { work.run() }
            }
            unsafe { run(work) }
        }
    }

    /// The codes of 8 values, widened.
    #[inline(always)]
    unsafe fn eight(coder: Coder, values: *const f32) -> __m256i {
        // SAFETY: as the caller promises.
        unsafe {
            let (low, high) = coder.range();
            let steps = _mm256_mul_ps(_mm256_loadu_ps(values), _mm256_set1_ps(coder.steps));
            let steps = _mm256_max_ps(steps, _mm256_set1_ps(low));
            let steps = _mm256_min_ps(steps, _mm256_set1_ps(high));
            _mm256_add_epi32(_mm256_cvtps_epi32(steps), _mm256_set1_epi32(coder.zero))
        }
    }

    /// AVX-512 with VNNI: `vpdpbusd`.
    #[derive(Debug, Clone)]
    pub(in super::super) struct Fours;

    // SAFETY (all methods): the trait's caller promises the instruction set and valid pointers.
    impl Dot for Fours {
        type Floats = Avx512;
        type Code = u8;
        type Weight = i8;
        type Sums = __m512i;
        type Weights = __m512i;
        const STEP: usize = 4;
        const PIXELS: usize = 8;
        const BLOCKS: usize = 2;

        #[inline(always)]
        unsafe fn zeros() -> __m512i {
            unsafe { _mm512_setzero_si512() }
        }

        #[inline(always)]
        unsafe fn load(weights: *const i8) -> __m512i {
            unsafe { _mm512_loadu_si512(weights.cast()) }
        }

        #[inline(always)]
        unsafe fn add(sums: __m512i, codes: *const u8, weights: __m512i) -> __m512i {
            unsafe {
                let codes = _mm512_set1_epi32(codes.cast::<i32>().read_unaligned());
                _mm512_dpbusd_epi32(sums, codes, weights)
            }
        }

        #[inline(always)]
        unsafe fn floats(sums: __m512i, offsets: *const i32) -> __m512 {
            unsafe { _mm512_cvtepi32_ps(_mm512_sub_epi32(sums, _mm512_loadu_si512(offsets.cast()))) }
        }

        #[inline(always)]
        unsafe fn encode(coder: Coder, values: *const f32, codes: *mut u8) {
            unsafe {
                let (low, high) = coder.range();
                let steps = _mm512_mul_ps(_mm512_loadu_ps(values), _mm512_set1_ps(coder.steps));
                let steps = _mm512_max_ps(steps, _mm512_set1_ps(low));
                let steps = _mm512_min_ps(steps, _mm512_set1_ps(high));
                let found = _mm512_add_epi32(_mm512_cvtps_epi32(steps), _mm512_set1_epi32(coder.zero));
                _mm_storeu_si128(codes.cast(), _mm512_cvtepi32_epi8(found));
            }
        }

        #[inline(always)]
        unsafe fn with_features<W: Work<Self>>(work: W) {
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,avx2,fma")]
            unsafe fn run<W: Work<Fours>>(work: W) {
                unsafe { work.run() }
            }
            unsafe { run(work) }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) type Pairs = Plain;

#[cfg(not(target_arch = "x86_64"))]
pub(super) type Fours = Plain;
