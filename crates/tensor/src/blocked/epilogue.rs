//! What is done to a convolution's sums before they are written.

use super::BLOCK;
use crate::simd::Simd;

/// An activation function that costs a convolution nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Activation {
    /// x.
    Identity,
    /// max(x, 0); NaN stays NaN.
    Relu,
    /// min(max(x, low), high).
    Clip {
        /// The least value.
        low: f32,
        /// The greatest value.
        high: f32,
    },
    /// x, or x times the channel's slope where x < 0. One slope for each channel, filled up to whole blocks.
    Leaky(Vec<f32>),
}

/// Bias, a second summand, an activation and a gate: `activation(sums + bias + residual)`, or 0 where the gate is closed.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a> {
    /// One number for each filter, filled up to whole blocks.
    pub bias: &'a [f32],
    /// As large as the output.
    pub residual: Option<&'a [f32]>,
    /// Applied to the sum.
    pub activation: &'a Activation,
    /// As large as the output; open where it is above 0. With a ReLU's output it makes the ReLU's gradient.
    pub gate: Option<&'a [f32]>,
}

impl Epilogue<'_> {
    pub(super) fn check(&self, blocks: usize, out: usize) {
        assert_eq!(self.bias.len(), blocks * BLOCK, "bias does not fit");
        assert!(self.residual.is_none_or(|residual| residual.len() == out), "residual does not fit");
        assert!(self.gate.is_none_or(|gate| gate.len() == out), "gate does not fit");
        if let Activation::Leaky(slopes) = self.activation {
            assert_eq!(slopes.len(), blocks * BLOCK, "slopes do not fit");
        }
    }

    /// Finishes the sums of lanes `channel..` that go to element `at` of the output.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`, [`Epilogue::check`] was passed, and a vector from `channel` and `at`
    /// on lies inside.
    #[inline(always)]
    pub(super) unsafe fn apply<S: Simd>(&self, sums: S::Vector, channel: usize, at: usize) -> S::Vector {
        // SAFETY: as the caller promises.
        unsafe {
            let mut value = S::add(sums, S::load(self.bias.as_ptr().add(channel)));
            if let Some(residual) = self.residual {
                value = S::add(value, S::load(residual.as_ptr().add(at)));
            }
            let value = match self.activation {
                Activation::Identity => value,
                Activation::Relu => S::max(S::splat(0.0), value),
                Activation::Clip { low, high } => S::min(S::splat(*high), S::max(S::splat(*low), value)),
                Activation::Leaky(slopes) => {
                    let (zero, slope) = (S::splat(0.0), S::load(slopes.as_ptr().add(channel)));
                    S::multiply_add(slope, S::min(zero, value), S::max(zero, value))
                }
            };
            match self.gate {
                Some(gate) => S::where_positive(S::load(gate.as_ptr().add(at)), value),
                None => value,
            }
        }
    }
}
