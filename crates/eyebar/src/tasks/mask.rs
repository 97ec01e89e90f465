//! Masked photographs.

use std::path::Path;

use eyebar_face::{Landmarks, Mask, MaskOptions, Masked, Placement};
use eyebar_imaging::ssim::ssim;
use serde::Serialize;

use crate::error::Error;
use crate::scene::{Faces, Photo};

/// Where masks go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On every face that is found.
    Landmarks,
    /// At the workshop's fixed fractions of the picture.
    Fixed,
}

/// A mask as a part of a file's name: letters, digits and hyphens.
pub fn file_part(mask: &Mask) -> String {
    mask.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// A masked photograph, with what was done.
#[derive(Debug, Clone, Serialize)]
pub struct MaskResult {
    /// The mask.
    pub mask: String,
    /// Faces that were masked; 0 for a fixed place.
    pub faces: usize,
    /// Share of the photograph that is covered, 0 to 1.
    pub covered: f64,
    /// Likeness of the masked photograph to the original (SSIM, 1 for the same); nothing for photographs too small for it.
    pub ssim: Option<f64>,
    /// Metadata found in the file; none of it is written again.
    pub stripped: Vec<String>,
    /// The photograph with its mask.
    #[serde(skip)]
    pub masked: Masked,
}

/// Masks every face of a photograph.
///
/// # Errors
/// When the photograph cannot be read, there is no face, or the mask makes no sense.
pub fn mask(path: &Path, mask: Mask, place: Place, options: &MaskOptions, faces: &Faces) -> Result<MaskResult, Error> {
    mask_photo(Photo::open(path)?, mask, place, options, faces)
}

/// As [`mask`], for a photograph that was read already.
///
/// # Errors
/// As [`mask`].
pub fn mask_photo(
    photo: Photo,
    mask: Mask,
    place: Place,
    options: &MaskOptions,
    faces: &Faces,
) -> Result<MaskResult, Error> {
    let found: Vec<Landmarks> = match place {
        Place::Landmarks => faces.all(&photo.image)?.into_iter().map(|face| face.landmarks).collect(),
        Place::Fixed => Vec::new(),
    };
    let placement = match place {
        Place::Fixed => Placement::Fixed,
        Place::Landmarks if found.is_empty() => return Err(Error::NoFace { path: photo.path }),
        Place::Landmarks => Placement::Landmarks(&found),
    };
    let masked = mask.apply(&photo.image, placement, options)?;
    Ok(MaskResult {
        mask: mask.to_string(),
        faces: found.len(),
        covered: masked.covered_share(),
        ssim: ssim(&photo.image, &masked.image).ok(),
        stripped: photo.metadata,
        masked,
    })
}
