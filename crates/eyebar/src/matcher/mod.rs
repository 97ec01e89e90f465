//! What faces are told apart by: networks, eigenfaces, pixels.

mod extractor;
mod features;

use std::fmt;
use std::str::FromStr;

use eyebar_audit::Pca;
use serde::{Deserialize, Serialize};

use extractor::PIXELS;
pub(crate) use extractor::{Extracted, Extractor};
use features::CHANNELS;
pub(crate) use features::Whole;

/// Principal components of eigenfaces.
pub(crate) const EIGENFACES: usize = 100;

/// A way to turn a photograph of a face into a vector; vectors are compared by cosine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matcher {
    /// The bundled face recogniser: 128 values of the aligned face.
    Sface,
    /// VGG16 (ImageNet), `block5_pool` of the whole photograph as it is: 25 088 values.
    Vgg16,
    /// The same averaged over its 7 × 7 places: 512 values.
    Vgg16Averaged,
    /// The first 100 principal components of the aligned face's pixels, fitted on other people (Turk and Pentland 1991).
    Eigenfaces,
    /// The aligned face's grey pixels, 56 × 56, less their mean.
    Pixels,
}

impl Matcher {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sface, Self::Vgg16, Self::Vgg16Averaged, Self::Eigenfaces, Self::Pixels];

    /// As options and results name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sface => "sface",
            Self::Vgg16 => "vgg16",
            Self::Vgg16Averaged => "vgg16-averaged",
            Self::Eigenfaces => "eigenfaces",
            Self::Pixels => "pixels",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sface => "SFace",
            Self::Vgg16 => "VGG16, pool5 flattened",
            Self::Vgg16Averaged => "VGG16, pool5 averaged",
            Self::Eigenfaces => "Eigenfaces",
            Self::Pixels => "Grey pixels",
        }
    }

    /// Values that are kept of a picture for it.
    pub(crate) fn values(self) -> usize {
        match self {
            Self::Sface => 128,
            Self::Vgg16 | Self::Vgg16Averaged => 49 * CHANNELS,
            Self::Eigenfaces | Self::Pixels => PIXELS,
        }
    }

    /// The first of those that are made from the same numbers.
    pub(crate) fn kind(self) -> Self {
        match self {
            Self::Vgg16Averaged => Self::Vgg16,
            Self::Eigenfaces => Self::Pixels,
            other => other,
        }
    }

    /// Whether it looks at the whole photograph, not at the aligned face.
    pub(crate) fn sees_whole_photograph(self) -> bool {
        matches!(self, Self::Vgg16 | Self::Vgg16Averaged)
    }

    /// The vector of what was extracted for this matcher; `eigenfaces` are needed for those.
    pub(crate) fn vector(self, extracted: &Extracted, eigenfaces: Option<&Pca>) -> Vec<f32> {
        match self {
            Self::Sface => extracted.template.clone(),
            Self::Vgg16 => extracted.features.clone(),
            Self::Vgg16Averaged => {
                let places = (extracted.features.len() / CHANNELS).max(1);
                let mean = |channel: &[f32]| channel.iter().sum::<f32>() / places as f32;
                extracted.features.chunks_exact(places).map(mean).collect()
            }
            Self::Eigenfaces => eigenfaces.map_or_else(Vec::new, |pca| pca.project(&extracted.pixels)),
            Self::Pixels => extracted.pixels.clone(),
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Matcher {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|matcher| matcher.name() == text);
        found.ok_or_else(|| format!("hint: the matchers are {}", Self::ALL.map(Self::name).join(", ")))
    }
}
