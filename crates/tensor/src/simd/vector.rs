//! One f32 vector per instruction set, behind one trait.

/// Vectors of an instruction set, and the tile of its matrix product.
///
/// # Safety
/// Every method needs a processor with the instruction set; pointers must be valid for `LANES` elements (unaligned).
pub(crate) trait Simd {
    type Vector: Copy;
    const LANES: usize;
    /// Rows of a matrix product's tile.
    const TILE_ROWS: usize;
    /// Pixels of a tile of the blocked layout's products.
    const PIXELS: usize;
    /// Blocks of filters of such a tile.
    const BLOCKS: usize;
    /// Vectors in a row of a matrix product's tile.
    const TILE_VECTORS: usize;
    /// Columns of a matrix product's tile.
    const TILE_COLUMNS: usize = Self::TILE_VECTORS * Self::LANES;

    unsafe fn splat(value: f32) -> Self::Vector;
    unsafe fn load(from: *const f32) -> Self::Vector;
    unsafe fn store(to: *mut f32, value: Self::Vector);
    /// Asks for the cache line at `from`, which need not be readable, in the second cache.
    unsafe fn prefetch(from: *const f32);
    /// a · b + c.
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The larger; `b` where either is NaN.
    unsafe fn max(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The larger; NaN where either is.
    unsafe fn maximum(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The smaller; `b` where either is NaN.
    unsafe fn min(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `value` where `gate` is above 0, and 0 elsewhere.
    unsafe fn where_positive(gate: Self::Vector, value: Self::Vector) -> Self::Vector;
    /// `yes` where `a` is larger than `b`, or NaN; `no` elsewhere.
    unsafe fn where_larger(a: Self::Vector, b: Self::Vector, yes: Self::Vector, no: Self::Vector) -> Self::Vector;
}

/// Plain Rust on small arrays; compilers turn it into whatever baseline vectors there are.
pub(crate) struct Scalar;

const SCALAR_LANES: usize = 4;

impl Simd for Scalar {
    type Vector = [f32; SCALAR_LANES];
    const LANES: usize = SCALAR_LANES;
    const TILE_ROWS: usize = 4;
    const TILE_VECTORS: usize = 2;
    const PIXELS: usize = 2;
    const BLOCKS: usize = 1;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::Vector {
        [value; SCALAR_LANES]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::Vector {
        // SAFETY: the caller promises LANES readable elements; an array of f32 has the alignment of f32.
        unsafe { from.cast::<Self::Vector>().read() }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: Self::Vector) {
        // SAFETY: the caller promises LANES writable elements; an array of f32 has the alignment of f32.
        unsafe { to.cast::<Self::Vector>().write(value) }
    }

    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}

    #[inline(always)]
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
    }

    #[inline(always)]
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    unsafe fn max(a: Self::Vector, b: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    unsafe fn maximum(a: Self::Vector, b: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| if a[lane] > b[lane] || a[lane].is_nan() { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    unsafe fn min(a: Self::Vector, b: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    unsafe fn where_positive(gate: Self::Vector, value: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| if gate[lane] > 0.0 { value[lane] } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn where_larger(a: Self::Vector, b: Self::Vector, yes: Self::Vector, no: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| if a[lane] > b[lane] || a[lane].is_nan() { yes[lane] } else { no[lane] })
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _CMP_GT_OQ, _CMP_UNORD_Q, _MM_HINT_T1, _mm_prefetch, _mm256_add_ps, _mm256_and_ps,
        _mm256_blendv_ps, _mm256_cmp_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_min_ps, _mm256_or_ps,
        _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps, _mm256_sub_ps, _mm512_add_ps, _mm512_cmp_ps_mask,
        _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_mov_ps, _mm512_maskz_mov_ps, _mm512_max_ps, _mm512_min_ps,
        _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps, _mm512_sub_ps,
    };

    use super::Simd;

    /// 256-bit vectors with fused multiply-add.
    pub(crate) struct Avx2;

    /// 512-bit vectors.
    pub(crate) struct Avx512;

    macro_rules! implement {
        ($name:ident, $vector:ty, $lanes:literal, $rows:literal, $vectors:literal, $pixels:literal, $blocks:literal,
         $splat:ident, $load:ident, $store:ident, $fma:ident, $add:ident, $sub:ident, $max:ident, $min:ident, $maximum:expr, $positive:expr, $larger:expr) => {
            // SAFETY (all methods): the trait's caller promises the instruction set and valid pointers.
            impl Simd for $name {
                type Vector = $vector;
                const LANES: usize = $lanes;
                const TILE_ROWS: usize = $rows;
                const TILE_VECTORS: usize = $vectors;
                const PIXELS: usize = $pixels;
                const BLOCKS: usize = $blocks;

                #[inline(always)]
                unsafe fn splat(value: f32) -> Self::Vector {
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self::Vector {
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn store(to: *mut f32, value: Self::Vector) {
                    unsafe { $store(to, value) }
                }

                #[inline(always)]
                unsafe fn prefetch(from: *const f32) {
                    unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
                }

                #[inline(always)]
                unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                    unsafe { $fma(a, b, c) }
                }

                #[inline(always)]
                unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector {
                    unsafe { $add(a, b) }
                }

                #[inline(always)]
                unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector {
                    unsafe { $sub(a, b) }
                }

                #[inline(always)]
                unsafe fn max(a: Self::Vector, b: Self::Vector) -> Self::Vector {
                    unsafe { $max(a, b) }
                }

                #[inline(always)]
                unsafe fn maximum(a: Self::Vector, b: Self::Vector) -> Self::Vector {
                    unsafe { $maximum(a, b) }
                }

                #[inline(always)]
                unsafe fn min(a: Self::Vector, b: Self::Vector) -> Self::Vector {
                    unsafe { $min(a, b) }
                }

                #[inline(always)]
                unsafe fn where_positive(gate: Self::Vector, value: Self::Vector) -> Self::Vector {
                    unsafe { $positive(gate, value) }
                }

                #[inline(always)]
                unsafe fn where_larger(
                    a: Self::Vector,
                    b: Self::Vector,
                    yes: Self::Vector,
                    no: Self::Vector,
                ) -> Self::Vector {
                    unsafe { $larger(a, b, yes, no) }
                }
            }
        };
    }

    implement!(
        Avx2,
        __m256,
        8,
        4,
        3,
        6,
        1,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_max_ps,
        _mm256_min_ps,
        |a, b| _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a)),
        |gate, value| _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(gate, _mm256_setzero_ps()), value),
        |a, b, yes, no| {
            let larger = _mm256_or_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b), _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a));
            _mm256_blendv_ps(no, yes, larger)
        }
    );
    implement!(
        Avx512,
        __m512,
        16,
        8,
        2,
        8,
        2,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_max_ps,
        _mm512_min_ps,
        |a, b| _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a), a),
        |gate, value| _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(gate, _mm512_setzero_ps()), value),
        |a, b, yes, no| {
            let larger = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a);
            _mm512_mask_mov_ps(no, larger, yes)
        }
    );
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) type Avx2 = Scalar;

#[cfg(not(target_arch = "x86_64"))]
pub(crate) type Avx512 = Scalar;
