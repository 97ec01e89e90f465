//! Colour maps.

use std::fmt;
use std::str::FromStr;

/// A colour map from 0..1 to colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Colormap {
    /// Turbo (Mikhailov 2019): a rainbow without jet's false edges. The default.
    #[default]
    Turbo,
    /// Jet, the rainbow of older papers.
    Jet,
    /// Viridis (Smith & van der Walt 2015): perceptually uniform, safe for colour-blind readers.
    Viridis,
    /// Black to white.
    Grey,
    /// Blue over white to red (ColorBrewer RdBu reversed), for values about zero at 0.5.
    Diverging,
}

/// Tables of 256 colours, made by `assets/make_colormaps.py`.
const TURBO: &[u8; 768] = include_bytes!("../assets/turbo.rgb");
const JET: &[u8; 768] = include_bytes!("../assets/jet.rgb");
const VIRIDIS: &[u8; 768] = include_bytes!("../assets/viridis.rgb");
const DIVERGING: &[u8; 768] = include_bytes!("../assets/diverging.rgb");

impl Colormap {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Turbo, Self::Jet, Self::Viridis, Self::Grey, Self::Diverging];

    /// The colour of `t`, clamped to 0..1 (NaN counts as 0).
    pub fn colour(self, t: f32) -> [u8; 3] {
        // A NaN becomes 0 in the conversion.
        let index = (t.clamp(0.0, 1.0) * 255.0 + 0.5) as usize;
        let table = match self {
            Self::Turbo => TURBO,
            Self::Jet => JET,
            Self::Viridis => VIRIDIS,
            Self::Diverging => DIVERGING,
            Self::Grey => return [index as u8; 3],
        };
        [table[3 * index], table[3 * index + 1], table[3 * index + 2]]
    }

    /// Its name, as [`FromStr`] reads it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Turbo => "turbo",
            Self::Jet => "jet",
            Self::Viridis => "viridis",
            Self::Grey => "grey",
            Self::Diverging => "diverging",
        }
    }
}

impl fmt::Display for Colormap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no colour map of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no colour map {0:?}; hint: use turbo, jet, viridis, grey or diverging")]
pub struct UnknownColormap(pub String);

impl FromStr for Colormap {
    type Err = UnknownColormap;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|map| map.name().eq_ignore_ascii_case(name));
        known.ok_or_else(|| UnknownColormap(name.to_string()))
    }
}
