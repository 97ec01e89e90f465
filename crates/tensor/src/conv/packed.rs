//! A convolution with packed weights.

use super::{Conv2d, im2col};
use crate::gemm::PackedLeft;
use crate::simd::Isa;

/// A convolution ready to run on batches of any size, as a matrix product over columns packed from the image.
#[derive(Debug, Clone)]
pub struct PackedConv {
    conv: Conv2d,
    groups: Vec<PackedLeft>,
}

impl PackedConv {
    /// Packs `weights`, `[filters, channels / groups, kH, kW]`.
    ///
    /// # Panics
    /// When the weights have another number of elements.
    pub fn new(isa: Isa, conv: Conv2d, weights: &[f32]) -> Self {
        assert_eq!(weights.len(), conv.weights_len(), "weights do not fit {conv:?}");
        Self { conv, groups: im2col::pack(isa, &conv, weights) }
    }

    /// Convolves a batch: `input` is `[N, C, H, W]`, `bias` is `[O]`, `out` is `[N, O, H', W']`.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub fn run(&self, input: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        let conv = &self.conv;
        assert_eq!(input.len() * conv.output_len(), out.len() * conv.input_len(), "input and output do not fit");
        assert!(bias.is_none_or(|bias| bias.len() == conv.filters), "bias does not fit");
        if !out.is_empty() {
            im2col::run(conv, &self.groups, input, bias, out);
        }
    }
}
