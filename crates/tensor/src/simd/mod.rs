//! SIMD: what the processor can do, found once, and vectors of each instruction set.
//!
//! A kernel is written once, generic over `Simd` and `#[inline(always)]`; `dispatch!` makes one entry per
//! instruction set and picks it at run time. Only [`Isa::detect`] makes an [`Isa`], so that holding one proves that the
//! processor has it.

mod isa;
mod peak;
mod vector;

pub use isa::Isa;
pub use peak::multiply_adds;
pub(crate) use vector::{Avx2, Avx512, Scalar, Simd};

/// Calls the generic kernel `$kernel::<S, …>` with `S` the vectors of `$isa`, compiled for that instruction set.
macro_rules! dispatch {
    ($isa:expr, $kernel:ident ( $($arg:ident : $ty:ty),* $(,)? ) $(-> $result:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
        unsafe fn avx512($($arg: $ty),*) $(-> $result)? {
            // SAFETY: as the caller promises for the kernel; the features are enabled here.
            unsafe { $kernel::<$crate::simd::Avx512>($($arg),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2($($arg: $ty),*) $(-> $result)? {
            // SAFETY: as the caller promises for the kernel; the features are enabled here.
            unsafe { $kernel::<$crate::simd::Avx2>($($arg),*) }
        }
        match $isa.level() {
            #[cfg(target_arch = "x86_64")]
            $crate::simd::Level::Avx512 => avx512($($arg),*),
            #[cfg(target_arch = "x86_64")]
            $crate::simd::Level::Avx2 => avx2($($arg),*),
            _ => $kernel::<$crate::simd::Scalar>($($arg),*),
        }
    }};
}
pub(crate) use dispatch;
pub(crate) use isa::Level;
