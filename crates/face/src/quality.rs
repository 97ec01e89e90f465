//! Whether a photograph of a face is good enough to be enrolled: everybody is compared with it later.

use std::fmt;

use eyebar_imaging::RgbImage;
use serde::Serialize;

use crate::align::SIDE;
use crate::error::FaceError;
use crate::landmarks::Landmarks;

/// Least distance between the eyes, in pixels of the photograph. The embedder sees eyes 35 pixels apart: below 20, most of
/// what it sees is made up by enlarging.
pub const LEAST_EYE_DISTANCE: f32 = 20.0;

/// Least sharpness; see [`Quality::sharpness`].
pub const LEAST_SHARPNESS: f32 = 0.02;

/// Furthest that a head may be turned aside or nod; see [`Quality::turn`] and [`Quality::nod`].
pub const LARGEST_TURN: f32 = 0.3;

/// Measures of one face.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quality {
    /// Distance between the eyes, in pixels of the photograph.
    pub eye_distance: f32,
    /// Share of what changes from pixel to pixel in the aligned face: the energy of its Laplacian against that of its
    /// grey values about their mean. It falls with every blur, and does not depend on contrast or brightness.
    pub sharpness: f32,
    /// How far the tip of the nose lies beside the middle between the eyes, in eye distances: 0 for a face that looks
    /// straight on, about ±0.5 in profile.
    pub turn: f32,
    /// How far the tip of the nose lies off its usual place between the eyes and the mouth, as a share of that way: below 0
    /// for a face that looks up, above for one that looks down.
    pub nod: f32,
}

/// Why a face should not be enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Too few pixels.
    Small,
    /// Out of focus, or enlarged from few pixels.
    Blurred,
    /// Turned aside, up or down.
    Turned,
}

impl Quality {
    /// Measures a face: `crop` is the aligned one ([`crate::aligned`]), the landmarks are those of the photograph.
    ///
    /// # Errors
    /// When the landmarks do not form a face, or the crop is not 112 × 112.
    pub fn measure(crop: &RgbImage, landmarks: &Landmarks) -> Result<Self, FaceError> {
        if crop.dimensions() != (SIDE, SIDE) {
            return Err(FaceError::EmptyImage);
        }
        let frame = landmarks.frame()?;
        let (nose, mouth) = (frame.from_photo(landmarks.nose), frame.from_photo(landmarks.mouth_centre()));
        // Of the alignment's template: where the nose of an average face is.
        const USUAL: f32 = 0.5;
        let nod = if mouth.1.abs() > f32::EPSILON { nose.1 / mouth.1 - USUAL } else { f32::MAX };
        Ok(Self { eye_distance: landmarks.eye_distance(), sharpness: sharpness(crop), turn: nose.0, nod })
    }

    /// What speaks against enrolling the face.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.eye_distance < LEAST_EYE_DISTANCE {
            faults.push(Fault::Small);
        }
        if self.sharpness < LEAST_SHARPNESS {
            faults.push(Fault::Blurred);
        }
        if self.turn.abs() > LARGEST_TURN || self.nod.abs() > LARGEST_TURN {
            faults.push(Fault::Turned);
        }
        faults
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Small => "the face is too small",
            Self::Blurred => "the face is blurred",
            Self::Turned => "the head is turned too far",
        })
    }
}

/// Energy of the Laplacian over that of the grey values, in the inner half of the crop, where there is face.
fn sharpness(crop: &RgbImage) -> f32 {
    let inner = SIDE / 4..SIDE * 3 / 4;
    let grey = |x: u32, y: u32| {
        let [r, g, b] = crop.get_pixel(x, y).0.map(f64::from);
        0.299 * r + 0.587 * g + 0.114 * b
    };
    let (mut sum, mut squares, mut changes, mut count) = (0.0, 0.0, 0.0, 0.0);
    for y in inner.clone() {
        for x in inner.clone() {
            let here = grey(x, y);
            let laplacian = grey(x - 1, y) + grey(x + 1, y) + grey(x, y - 1) + grey(x, y + 1) - 4.0 * here;
            sum += here;
            squares += here * here;
            changes += laplacian * laplacian;
            count += 1.0;
        }
    }
    let variance = squares / count - (sum / count).powi(2);
    if variance > 1.0 { (changes / count / variance) as f32 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use eyebar_imaging::{Rgb, RgbImage};

    use super::{Fault, Landmarks, Quality};
    use crate::align::{SIDE, TEMPLATE};

    fn texture() -> RgbImage {
        RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([((x * 7919 + y * 104_729) % 251) as u8; 3]))
    }

    fn large() -> Landmarks {
        Landmarks::from_points(TEMPLATE)
    }

    #[test]
    fn a_good_face_has_no_fault() {
        assert_eq!(Quality::measure(&texture(), &large()).unwrap().faults(), []);
    }

    #[test]
    fn each_fault_is_seen() {
        let small = large().map(|(x, y)| (x / 2.0, y / 2.0));
        assert_eq!(Quality::measure(&texture(), &small).unwrap().faults(), [Fault::Small]);
        let smooth = RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([(x + y) as u8; 3]));
        assert_eq!(Quality::measure(&smooth, &large()).unwrap().faults(), [Fault::Blurred]);
        let flat = RgbImage::new(SIDE, SIDE);
        assert_eq!(Quality::measure(&flat, &large()).unwrap().faults(), [Fault::Blurred]);
        for (x, y) in [(15.0, 0.0), (-15.0, 0.0), (0.0, 15.0), (0.0, -15.0)] {
            let mut turned = large();
            turned.nose = (turned.nose.0 + x, turned.nose.1 + y);
            assert_eq!(Quality::measure(&texture(), &turned).unwrap().faults(), [Fault::Turned], "{x} {y}");
        }
    }

    #[test]
    fn sharpness_does_not_depend_on_contrast() {
        let faint = RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb(texture().get_pixel(x, y).0.map(|v| 100 + v / 4)));
        let sharp = Quality::measure(&texture(), &large()).unwrap().sharpness;
        let other = Quality::measure(&faint, &large()).unwrap().sharpness;
        assert!((sharp / other - 1.0).abs() < 0.1, "{sharp} {other}");
    }
}
