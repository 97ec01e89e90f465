//! How a probe is assigned to somebody.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::heads::{self, Head};
use super::vectors::Vectors;
use super::{Answer, Enrolled, nearest};
use crate::error::AuditError;

/// Weight of the squares of a head's weights where none is named, for vectors of length 1.
pub const DEFAULT_PENALTY: f64 = 1e-4;

/// Units of the hidden layer.
const HIDDEN: usize = 128;

/// How a probe is assigned to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The nearest neighbour by cosine.
    Nearest,
    /// The three nearest by cosine, their similarities added up for each person.
    ThreeNearest,
    /// The nearest mean of a person's vectors.
    Mean,
    /// A softmax head (multinomial logistic regression) trained on the enrolled vectors.
    Softmax,
    /// A network with one hidden layer of 128 units, trained on them.
    Hidden,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Nearest, Self::ThreeNearest, Self::Mean, Self::Softmax, Self::Hidden];

    /// As options and results name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::ThreeNearest => "three-nearest",
            Self::Mean => "mean",
            Self::Softmax => "softmax",
            Self::Hidden => "hidden",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Nearest => "nearest neighbour",
            Self::ThreeNearest => "3 nearest neighbours",
            Self::Mean => "nearest mean",
            Self::Softmax => "softmax head",
            Self::Hidden => "one hidden layer",
        }
    }

    /// Whether something is trained.
    pub fn is_trained(self) -> bool {
        matches!(self, Self::Softmax | Self::Hidden)
    }

    pub(super) fn answers(
        self,
        enrolled: &Enrolled<'_>,
        probes: &Vectors,
        penalty: f64,
        seed: u64,
    ) -> Result<Vec<Answer>, AuditError> {
        match self {
            Self::Nearest => Ok(nearest::neighbours(enrolled, 1)),
            Self::ThreeNearest => Ok(nearest::neighbours(enrolled, 3)),
            Self::Mean => Ok(nearest::means(enrolled, probes)),
            Self::Softmax => heads::answers(enrolled, probes, Head { hidden: 0, penalty, seed }),
            Self::Hidden => heads::answers(enrolled, probes, Head { hidden: HIDDEN, penalty, seed }),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|method| method.name() == text)
            .ok_or_else(|| format!("hint: the methods are {}", Self::ALL.map(Self::name).join(", ")))
    }
}
