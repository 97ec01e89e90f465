//! Masks as text, and what they may say.

use std::fmt;
use std::str::FromStr;

use super::{DEFAULT_CELLS, DEFAULT_SIGMA, Mask, Part};
use crate::error::FaceError;

/// The masks and how they are written.
pub const SYNTAX: &str = "write eye-bar, eyes-nose, face or head (eye-bar:2 for a box twice as large), blur or blur:0.3 (sigma in eye distances), pixelate or \
    pixelate:8 (cells across the face), noise, or custom:-1.1,-0.35,1.1,0.35 (left, top, right, bottom in eye distances \
    from the midpoint between the eyes)";

/// Largest σ and largest coordinate of a custom box, in units of d.
const MAX_SIGMA: f32 = 10.0;
const MAX_REACH: f32 = 100.0;
const MAX_CELLS: u32 = 1000;
/// Of boxes.
const SCALES: std::ops::RangeInclusive<f32> = 0.1..=10.0;

impl Part {
    const ALL: [Self; 4] = [Self::EyeBar, Self::EyesNose, Self::Face, Self::Head];

    fn name(self) -> &'static str {
        match self {
            Self::EyeBar => "eye-bar",
            Self::EyesNose => "eyes-nose",
            Self::Face => "face",
            Self::Head => "head",
        }
    }
}

impl Mask {
    /// Refuses strengths and boxes that make no sense.
    ///
    /// # Errors
    /// [`FaceError::Option`].
    pub fn check(&self) -> Result<(), FaceError> {
        let (name, remedy, good) = match *self {
            Self::Blur { sigma } => {
                let good = sigma > 0.0 && sigma <= MAX_SIGMA;
                ("sigma of the blur", "it must be more than 0 and at most 10 eye distances, such as 0.3", good)
            }
            Self::Pixelate { cells } => {
                ("number of cells", "it must be from 1 to 1000, such as 8", (1..=MAX_CELLS).contains(&cells))
            }
            Self::Custom { left, top, right, bottom } => {
                let near = [left, top, right, bottom].iter().all(|value| value.abs() <= MAX_REACH);
                let remedy = "left must be less than right, top less than bottom, and none beyond 100";
                ("custom box", remedy, near && left < right && top < bottom)
            }
            Self::Box { scale, .. } => {
                ("size of the box", "it must be from 0.1 to 10 times its default, such as 1.5", SCALES.contains(&scale))
            }
            Self::Noise => return Ok(()),
        };
        if good { Ok(()) } else { Err(FaceError::Option { name, value: self.to_string(), remedy }) }
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Box { part, scale: 1.0 } => f.write_str(part.name()),
            Self::Box { part, scale } => write!(f, "{}:{scale}", part.name()),
            Self::Blur { sigma } => write!(f, "blur:{sigma}"),
            Self::Pixelate { cells } => write!(f, "pixelate:{cells}"),
            Self::Noise => f.write_str("noise"),
            Self::Custom { left, top, right, bottom } => write!(f, "custom:{left},{top},{right},{bottom}"),
        }
    }
}

impl FromStr for Mask {
    type Err = FaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |reason: String| FaceError::UnknownMask { text: text.to_owned(), reason };
        let lower = text.trim().to_ascii_lowercase();
        let (name, strength) = match lower.split_once(':') {
            Some((name, strength)) => (name, Some(strength.trim())),
            None => (lower.as_str(), None),
        };
        let mask = match name.trim() {
            "noise" if strength.is_some() => return Err(refuse("noise has no strength".to_owned())),
            "noise" => Self::Noise,
            "blur" => {
                let sigma = strength.map_or(Ok(DEFAULT_SIGMA), str::parse);
                Self::Blur { sigma: sigma.map_err(|_| refuse("the sigma is not a number".to_owned()))? }
            }
            "pixelate" => {
                let cells = strength.map_or(Ok(DEFAULT_CELLS), str::parse);
                Self::Pixelate { cells: cells.map_err(|_| refuse("the cells are not a whole number".to_owned()))? }
            }
            "custom" => {
                let numbers: Result<Vec<f32>, _> =
                    strength.unwrap_or("").split(',').map(|number| number.trim().parse()).collect();
                let Ok([left, top, right, bottom]) = numbers.as_deref() else {
                    return Err(refuse("custom takes four numbers".to_owned()));
                };
                Self::Custom { left: *left, top: *top, right: *right, bottom: *bottom }
            }
            name => {
                let part = Part::ALL.into_iter().find(|part| part.name() == name);
                let part = part.ok_or_else(|| refuse(format!("{name:?} is not known")))?;
                let scale = strength.map_or(Ok(1.0), str::parse);
                Self::Box { part, scale: scale.map_err(|_| refuse("the size is not a number".to_owned()))? }
            }
        };
        mask.check()?;
        Ok(mask)
    }
}

#[cfg(test)]
mod tests {
    use super::Mask;

    #[test]
    fn text_goes_there_and_back() {
        for text in [
            "eye-bar",
            "eyes-nose:1.5",
            "face",
            "head:0.75",
            "blur:0.25",
            "pixelate:12",
            "noise",
            "custom:-1,-0.5,1,2.25",
        ] {
            let mask: Mask = text.parse().unwrap();
            assert_eq!(mask.to_string(), text);
        }
        assert_eq!("blur".parse::<Mask>().unwrap(), Mask::Blur { sigma: 0.3 });
        assert_eq!(" Pixelate : 4 ".parse::<Mask>().unwrap(), Mask::Pixelate { cells: 4 });
    }

    #[test]
    fn nonsense_is_refused_with_a_remedy() {
        for text in [
            "",
            "eyebar",
            "face:",
            "face:0",
            "head:nan",
            "eye-bar:11",
            "noise:3",
            "blur:",
            "blur:0",
            "blur:-1",
            "blur:nan",
            "blur:inf",
            "blur:1e9",
            "pixelate:0",
            "pixelate:-3",
            "pixelate:2.5",
            "pixelate:4000000000",
            "custom",
            "custom:1,2,3",
            "custom:1,2,0,3",
            "custom:0,0,nan,1",
            "custom:0,0,1000,1",
        ] {
            let error = text.parse::<Mask>().unwrap_err().to_string();
            assert!(error.contains("hint"), "{text:?}: {error}");
        }
    }
}
