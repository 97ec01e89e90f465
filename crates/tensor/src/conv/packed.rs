//! A convolution with its weights packed for the algorithm chosen for it.

use super::{Conv2d, depthwise, im2col, winograd::Winograd};
use crate::gemm::PackedLeft;
use crate::simd::Isa;

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConvAlgorithm {
    /// A matrix product over columns packed from the image.
    Im2col,
    /// Winograd's F(4×4, 3×3).
    Winograd,
    /// Plane by plane.
    Depthwise,
}

/// A convolution ready to run on batches of any size.
#[derive(Debug, Clone)]
pub struct PackedConv {
    conv: Conv2d,
    isa: Isa,
    weights: Packed,
}

#[derive(Debug, Clone)]
enum Packed {
    Im2col(Vec<PackedLeft>),
    Winograd(Winograd),
    Depthwise(Vec<f32>),
}

impl ConvAlgorithm {
    /// The algorithm expected to be the fastest for `conv`.
    pub fn choose(conv: &Conv2d) -> Self {
        // Below these sizes the transforms cost about what the products save, and their rounding is ten times larger.
        const FEWEST_CHANNELS: usize = 64;
        const SMALLEST_MAP: usize = 4;
        let plain = conv.stride == (1, 1) && conv.dilation == (1, 1) && conv.groups == 1;
        let large =
            conv.channels.min(conv.filters) >= FEWEST_CHANNELS && conv.output.0.min(conv.output.1) >= SMALLEST_MAP;
        if conv.groups > 1 && conv.groups == conv.channels && depthwise::frame_is_small(conv) {
            Self::Depthwise
        } else if plain && conv.kernel == (3, 3) && large {
            Self::Winograd
        } else {
            Self::Im2col
        }
    }
}

impl PackedConv {
    /// Packs `weights` (`[filters, channels / groups, kH, kW]`) for the algorithm that suits `conv`.
    ///
    /// # Panics
    /// When the weights have another number of elements.
    pub fn new(isa: Isa, conv: Conv2d, weights: &[f32]) -> Self {
        Self::with_algorithm(isa, conv, weights, ConvAlgorithm::choose(&conv))
    }

    /// Packs `weights` for a given algorithm, which must be able to compute `conv`.
    ///
    /// # Panics
    /// When the weights have another number of elements, or the algorithm cannot compute `conv`.
    pub fn with_algorithm(isa: Isa, conv: Conv2d, weights: &[f32], algorithm: ConvAlgorithm) -> Self {
        assert_eq!(weights.len(), conv.weights_len(), "weights do not fit {conv:?}");
        let weights = match algorithm {
            ConvAlgorithm::Im2col => Packed::Im2col(im2col::pack(isa, &conv, weights)),
            ConvAlgorithm::Winograd => {
                assert!(conv.kernel == (3, 3) && conv.stride == (1, 1) && conv.dilation == (1, 1) && conv.groups == 1);
                Packed::Winograd(Winograd::new(isa, &conv, weights))
            }
            ConvAlgorithm::Depthwise => {
                assert_eq!(conv.groups, conv.channels);
                Packed::Depthwise(weights.to_vec())
            }
        };
        Self { conv, isa, weights }
    }

    /// The algorithm in use.
    pub fn algorithm(&self) -> ConvAlgorithm {
        match self.weights {
            Packed::Im2col(_) => ConvAlgorithm::Im2col,
            Packed::Winograd(_) => ConvAlgorithm::Winograd,
            Packed::Depthwise(_) => ConvAlgorithm::Depthwise,
        }
    }

    /// Convolves a batch: `input` is `[N, C, H, W]`, `bias` is `[O]`, `out` is `[N, O, H', W']`.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub fn run(&self, input: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        let conv = &self.conv;
        assert_eq!(input.len() * conv.output_len(), out.len() * conv.input_len(), "input and output do not fit");
        assert!(bias.is_none_or(|bias| bias.len() == conv.filters), "bias does not fit");
        if out.is_empty() {
            return;
        }
        match &self.weights {
            Packed::Im2col(groups) => im2col::run(conv, groups, input, bias, out),
            Packed::Winograd(winograd) => winograd.run(conv, input, bias, out),
            Packed::Depthwise(weights) => depthwise::run(self.isa, conv, weights, input, bias, out),
        }
    }
}
