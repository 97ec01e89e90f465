//! Activation maximisation: the picture that a filter responds to most.
//!
//! x* = argmax_x mean A_f(x) by gradient ascent on the picture, from noise (Erhan et al. 2009, *Visualizing Higher-Layer
//! Features of a Deep Network*; Simonyan et al. 2014, *Deep Inside Convolutional Networks*). The activation is taken
//! before its activation function, so that a filter that does not respond to the noise still has a gradient.

mod adam;
mod climb;
mod colour;
mod fft;
mod fourier;
mod frame;
mod measures;
mod pixels;
mod random;
mod view;

use eyebar_imaging::RgbImage;

pub use climb::maximise;
pub use measures::{Measures, correlation, entropy, measure, spatial_variance};

/// What is known of pictures beforehand, that is, what the ascent moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prior {
    /// Nothing: each pixel for itself, x ← x + η · g / ‖g‖₂ for pixels x of 0 to 1.
    ///
    /// Nothing is clipped on the way: pixels leave 0 to 1, and the network sees them beyond black and white. Only the
    /// picture that is shown is brought to the mean ½ and the standard deviation 0.15, and cut off at 0 and 1; it tells
    /// of the pattern, not of its contrast.
    Pixels {
        /// Steps of the ascent.
        steps: usize,
        /// Length η of a step, the norm of the change of the whole picture, in units of the range 0 to 1: above 0.
        ///
        /// The default of 10 changes a picture of 128 × 128 × 3 values by 10 / √49 152 = 0.045 a value (root mean
        /// square), 11.5 of 255 grey levels. On a range of 0 to 255 the same step has the length 2550; one of 10 *there*
        /// never leaves the starting noise, whose norm is about 4000.
        rate: f32,
    },
    /// The amplitudes of waves, falling with frequency as those of photographs do, in colours that are uncorrelated in
    /// photographs, under random shifts, scales and turns (Olah, Mordvintsev, Schubert 2017, *Feature Visualization*,
    /// Distill). Ascent by Adam.
    Fourier {
        /// Steps of the ascent.
        steps: usize,
        /// Adam's step size.
        rate: f32,
    },
}

impl Prior {
    /// The workshop's: 30 steps of length 10.
    pub const PIXELS: Self = Self::Pixels { steps: 30, rate: 10.0 };
    /// 48 steps of 0.05: with VGG16 more of them saturate the colours.
    pub const FOURIER: Self = Self::Fourier { steps: 48, rate: 0.05 };

    fn steps(self) -> usize {
        match self {
            Self::Pixels { steps, .. } | Self::Fourier { steps, .. } => steps,
        }
    }

    fn rate(self) -> f32 {
        match self {
            Self::Pixels { rate, .. } | Self::Fourier { rate, .. } => rate,
        }
    }
}

/// How filters are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Maximisation {
    /// What the ascent moves.
    pub prior: Prior,
    /// Width and height of the pictures; `None` takes the network's own size where it is fixed, 128 × 128 otherwise.
    pub size: Option<(usize, usize)>,
    /// Cells left out of the mean at each border of the layer ([`crate::ChannelMean::border`]).
    pub border: usize,
    /// Seed of the noise. A filter's picture does not depend on the other filters of a call.
    pub seed: u64,
    /// Bytes that activations and gradients may take; filters are drawn together as far as it goes.
    pub memory_limit: usize,
}

impl Default for Maximisation {
    /// The workshop's parameters, 2 GiB.
    fn default() -> Self {
        Self { prior: Prior::PIXELS, size: None, border: 2, seed: 0, memory_limit: 2 << 30 }
    }
}

/// What a filter responds to.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Index of the filter in its layer.
    pub channel: usize,
    /// The picture; `None` for a dead filter, which is never drawn as noise.
    pub image: Option<RgbImage>,
    /// Mean activation (before the activation function) of the starting noise.
    pub start: f32,
    /// Mean activation of the final picture.
    pub end: f32,
    /// Whether the activation did not rise.
    pub dead: bool,
    /// Mean activation before each step; of shifted and turned views with [`Prior::Fourier`].
    pub trace: Vec<f32>,
}
