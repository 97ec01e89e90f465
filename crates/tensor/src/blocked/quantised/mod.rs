//! Kernels on 8-bit codes: activations in u8 with one scale and zero point, weights in i8 with a scale for each filter.
//!
//! A value is `(code − zero) · scale`. Products of codes are added up in i32, which is exact, and only sums become f32 again:
//! every instruction set computes the same sums.

mod conv;
mod dot;
mod packed;

pub use conv::QuantisedConv;

/// How activations become codes: `code = saturate(round(x / scale) + zero)`, ties to even, NaN to the smallest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantisation {
    /// A step; above 0.
    pub scale: f32,
    /// The code of 0.
    pub zero: u8,
}

impl Quantisation {
    /// The value that a code stands for: `x` after it was rounded to the nearest code.
    pub fn rounded(self, x: f32) -> f32 {
        let coder = dot::Coder::new(self);
        (f32::from(coder.code(x)) - f32::from(self.zero)) * self.scale
    }
}
