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

impl<'a> Epilogue<'a> {
    /// Checks the sizes and gets ready for `blocks` of filters and an output of `out` elements.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub(super) fn prepare(&self, blocks: usize, out: usize) -> Finish<'a> {
        assert_eq!(self.bias.len(), blocks * BLOCK, "bias does not fit");
        assert!(self.residual.is_none_or(|residual| residual.len() == out), "residual does not fit");
        assert!(self.gate.is_none_or(|gate| gate.len() == out), "gate does not fit");
        let (low, high, slopes) = match self.activation {
            Activation::Identity => (f32::NEG_INFINITY, f32::INFINITY, None),
            Activation::Relu => (0.0, f32::INFINITY, None),
            Activation::Clip { low, high } => (*low, *high, None),
            Activation::Leaky(slopes) => {
                assert_eq!(slopes.len(), blocks * BLOCK, "slopes do not fit");
                (f32::NEG_INFINITY, f32::INFINITY, Some(&slopes[..]))
            }
        };
        Finish { bias: self.bias, residual: self.residual, gate: self.gate, low, high, slopes }
    }
}

/// An epilogue without indirections: kernels keep it in registers or on their stack.
#[derive(Clone, Copy)]
pub(super) struct Finish<'a> {
    bias: &'a [f32],
    residual: Option<&'a [f32]>,
    gate: Option<&'a [f32]>,
    low: f32,
    high: f32,
    slopes: Option<&'a [f32]>,
}

impl Finish<'_> {
    /// Finishes the sums of lanes `channel..` that go to element `at` of the output.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`, and a vector from `channel` and `at` on lies inside what was prepared
    /// for.
    #[inline(always)]
    pub(super) unsafe fn apply<S: Simd>(&self, sums: S::Vector, channel: usize, at: usize) -> S::Vector {
        // SAFETY: as the caller promises.
        unsafe { self.apply_all::<S, 1, 1>([[sums]], channel, |_, _| at)[0][0] }
    }

    /// Finishes a tile: `sums[pixel][vector]` of lanes `channel..` go to elements `at(pixel, vector)` of the output.
    ///
    /// Every part of the epilogue is asked for once, then done to the whole tile: loops without branches unroll, and the
    /// tile stays in registers.
    ///
    /// # Safety
    /// As [`Finish::apply`], for every vector.
    #[inline(always)]
    pub(super) unsafe fn apply_all<S: Simd, const VECTORS: usize, const PIXELS: usize>(
        &self,
        mut sums: [[S::Vector; VECTORS]; PIXELS],
        channel: usize,
        at: impl Fn(usize, usize) -> usize,
    ) -> [[S::Vector; VECTORS]; PIXELS] {
        // SAFETY: as the caller promises.
        unsafe {
            for vector in 0..VECTORS {
                let bias = S::load(self.bias.as_ptr().add(channel + vector * S::LANES));
                for sums in &mut sums {
                    sums[vector] = S::add(sums[vector], bias);
                }
            }
            if let Some(residual) = self.residual {
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    for (vector, sum) in sums.iter_mut().enumerate() {
                        *sum = S::add(*sum, S::load(residual.as_ptr().add(at(pixel, vector))));
                    }
                }
            }
            match self.slopes {
                None => {
                    let (low, high) = (S::splat(self.low), S::splat(self.high));
                    for sum in sums.as_flattened_mut() {
                        *sum = S::min(high, S::max(low, *sum));
                    }
                }
                Some(slopes) => {
                    let zero = S::splat(0.0);
                    for vector in 0..VECTORS {
                        let slope = S::load(slopes.as_ptr().add(channel + vector * S::LANES));
                        for sums in &mut sums {
                            let value = sums[vector];
                            sums[vector] = S::multiply_add(slope, S::min(zero, value), S::max(zero, value));
                        }
                    }
                }
            }
            if let Some(gate) = self.gate {
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    for (vector, sum) in sums.iter_mut().enumerate() {
                        *sum = S::where_positive(S::load(gate.as_ptr().add(at(pixel, vector))), *sum);
                    }
                }
            }
            sums
        }
    }
}
