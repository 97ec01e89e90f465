//! Masks (anonymisers): what they cover, and how.
//!
//! By landmarks, a mask is a box along the eye line that turns with the face. All its measures are in units of d, the
//! distance between the eyes, counted from the midpoint between them (see [`crate::FaceFrame`]):
//!
//! | mask | across | from | to |
//! |---|---|---|---|
//! | `eye-bar` | ± 1.1 | 0.35 above the eyes | 0.35 below the eyes |
//! | `eyes-nose` | ± 1.1 | 0.35 above the eyes | 0.2 below the tip of the nose |
//! | `face`, `blur`, `pixelate`, `noise` | ± 1.1 | 0.9 above the eyes | 0.8 below the mouth |
//! | `head` | ± 1.9, more on the side that a turned head shows | 2.3 above the eyes | 1.3 below the mouth |
//!
//! A box of one colour may be scaled about its middle: `eye-bar:2` is twice as wide and twice as high.
//!
//! Placed by fixed fractions of the picture (the workshop that Eyebar started from, for portraits that fill it): eyes
//! y 28–42 %, eyes and nose y 28–58 %, both over the whole width; face and noise y 15–80 %, x 10–90 %; blur and
//! pixelation y 10–85 %, x 5–95 %. Boxes are rounded outwards to whole pixels, and d is taken as the box's width / 2.2.

mod apply;
mod fill;
mod place;
mod syntax;

pub use apply::Masked;
pub use syntax::SYNTAX;

use crate::landmarks::Landmarks;

/// Gaussian σ of `blur` where none is given, in units of d: features melt, the head stays a head.
pub const DEFAULT_SIGMA: f32 = 0.3;

/// Cells across the face of `pixelate` where no number is given, as in the news.
pub const DEFAULT_CELLS: u32 = 8;

/// A part of the face that a box covers; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The eyes.
    EyeBar,
    /// Eyes and nose.
    EyesNose,
    /// The face.
    Face,
    /// The head with hair, ears and chin.
    Head,
}

/// An anonymiser. Its text form ([`std::str::FromStr`], [`std::fmt::Display`]) is described by [`SYNTAX`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mask {
    /// A box of one colour.
    Box {
        /// What it covers.
        part: Part,
        /// By which the box is larger than it is by default, about its middle: 0.1 to 10.
        scale: f32,
    },
    /// The face blurred with a Gaussian.
    Blur {
        /// Standard deviation in units of d: more than 0, at most 10.
        sigma: f32,
    },
    /// The face as square cells of their mean colour, aligned with it.
    Pixelate {
        /// Cells across the face: 1 to 1000.
        cells: u32,
    },
    /// Each pixel of the face replaced by a random colour.
    Noise,
    /// A box of one's own: left, top, right and bottom in units of d from the midpoint between the eyes, along the eye
    /// line and towards the chin; fractions of the picture where the placement is fixed.
    Custom {
        /// Left end: on the side of the person's right eye.
        left: f32,
        /// Upper end (negative: above the eyes).
        top: f32,
        /// Right end.
        right: f32,
        /// Lower end.
        bottom: f32,
    },
}

impl Mask {
    /// A bar over the eyes.
    pub const EYE_BAR: Self = Self::Box { part: Part::EyeBar, scale: 1.0 };
    /// A box over eyes and nose.
    pub const EYES_NOSE: Self = Self::Box { part: Part::EyesNose, scale: 1.0 };
    /// A box over the face.
    pub const FACE: Self = Self::Box { part: Part::Face, scale: 1.0 };
    /// A box over the head with hair, ears and chin.
    pub const HEAD: Self = Self::Box { part: Part::Head, scale: 1.0 };
}

/// What may be chosen about any mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaskOptions {
    /// Colour of bars and boxes: red, green, blue (default black).
    pub colour: [u8; 3],
    /// Seed of [`Mask::Noise`].
    pub seed: u64,
}

/// Where masks go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Placement<'a> {
    /// On each of these faces.
    Landmarks(&'a [Landmarks]),
    /// At fixed fractions of the picture, whatever it shows.
    Fixed,
}
