//! What an attacker knows, how faces are aligned, and what is shown.

use std::fmt;
use std::str::FromStr;

use eyebar_face::Mask;
use serde::{Deserialize, Serialize};

use crate::matcher::Matcher;

/// What an attacker knows about the mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attacker {
    /// Looks for the masked face among ordinary photographs.
    Naive,
    /// Puts the same mask on the ordinary photographs.
    MaskedGallery,
    /// Does that, and has learnt from masked photographs of other people what tells people apart (Fisher's linear
    /// discriminant).
    Adapted,
}

impl Attacker {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Naive, Self::MaskedGallery, Self::Adapted];

    /// As options and results name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::MaskedGallery => "masked-gallery",
            Self::Adapted => "adapted",
        }
    }
}

impl fmt::Display for Attacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Attacker {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|attacker| attacker.name() == text);
        found.ok_or_else(|| format!("hint: the attackers are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Where the landmarks of a masked face come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alignment {
    /// From the photograph without its mask: the stronger attacker.
    Oracle,
    /// From a detector that sees the mask; a face that it does not find is a miss.
    Redetected,
    /// Nobody needs them: the matcher looks at the whole photograph.
    Whole,
}

impl Alignment {
    /// Those that a matcher is tried with.
    pub(super) fn of(matcher: Matcher) -> &'static [Self] {
        if matcher.sees_whole_photograph() { &[Self::Whole] } else { &[Self::Oracle, Self::Redetected] }
    }

    /// As results name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Oracle => "oracle",
            Self::Redetected => "redetected",
            Self::Whole => "whole",
        }
    }
}

/// What is shown of a photograph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shown {
    /// All of it.
    Plain,
    /// What a mask leaves.
    Masked(Mask),
    /// What a bar of the size of the eye bar leaves that lies over the mouth: is it the eyes, or any bar?
    Elsewhere,
}

/// A bar of the eye bar's size, over the mouth of most faces: the corners of SFace's template lie 1.15 d below the eyes.
const ELSEWHERE: Mask = Mask::Custom { left: -1.1, top: 0.8, right: 1.1, bottom: 1.5 };

impl Shown {
    /// Everything that is tried with these masks, controls included. Two are masks themselves: nothing, and the head, which
    /// leaves only the surroundings.
    pub(super) fn all(masks: &[Mask]) -> Vec<Self> {
        let mut all = vec![Self::Plain];
        all.extend(masks.iter().copied().map(Self::Masked));
        if masks.contains(&Mask::EYE_BAR) {
            all.push(Self::Elsewhere);
        }
        all
    }

    /// The mask; nothing where all is shown.
    pub fn mask(self) -> Option<Mask> {
        match self {
            Self::Plain => None,
            Self::Masked(mask) => Some(mask),
            Self::Elsewhere => Some(ELSEWHERE),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("none"),
            Self::Masked(mask) => mask.fmt(f),
            Self::Elsewhere => f.write_str("mouth-bar"),
        }
    }
}
