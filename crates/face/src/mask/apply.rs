//! Masks a photograph.

use eyebar_imaging::draw::polygon_mask;
use eyebar_imaging::{Rgb, RgbImage};
use eyebar_tensor::Tensor;

use super::place::{Placed, fixed, on_face};
use super::{Mask, MaskOptions, Placement, fill};
use crate::error::FaceError;
use crate::landmarks::Point;

/// Below this σ, in pixels, a Gaussian rounds to no change.
const LEAST_SIGMA: f32 = 0.3;

/// A masked photograph.
#[derive(Debug, Clone)]
pub struct Masked {
    /// The photograph with the mask on.
    pub image: RgbImage,
    /// The corners of the box on each face, upper left first, then clockwise (as seen on an upright face), in the
    /// coordinates of [`eyebar_imaging::draw`]; they may lie beyond the photograph.
    pub polygons: Vec<[Point; 4]>,
    /// How much of each pixel is covered: `[H, W]`, 0 to 1. All 0 where the box lies beyond the photograph.
    pub covered: Tensor,
}

impl Masked {
    /// The covered share of the photograph, 0 to 1.
    pub fn covered_share(&self) -> f64 {
        let sum: f64 = self.covered.data().iter().map(|&weight| f64::from(weight)).sum();
        sum / self.covered.len().max(1) as f64
    }
}

impl Mask {
    /// Puts the mask on each face (or at its fixed place). Edges are antialiased.
    ///
    /// # Errors
    /// When the photograph has no pixels, there is no face, landmarks do not form a face, the mask's strength makes no
    /// sense, its cells or σ are too small to change a pixel, or it has no fixed place.
    pub fn apply(
        &self,
        image: &RgbImage,
        placement: Placement<'_>,
        options: &MaskOptions,
    ) -> Result<Masked, FaceError> {
        self.check()?;
        let (width, height) = image.dimensions();
        if image.is_empty() {
            return Err(FaceError::EmptyImage);
        }
        let boxes = match placement {
            Placement::Landmarks([]) => return Err(FaceError::NoFace),
            Placement::Landmarks(faces) => {
                faces.iter().map(|face| on_face(self, face)).collect::<Result<Vec<_>, _>>()?
            }
            Placement::Fixed => vec![fixed(self, width, height)?],
        };
        let mut masked = Masked {
            image: image.clone(),
            polygons: boxes.iter().map(Placed::polygon).collect(),
            covered: Tensor::zeros(&[height as usize, width as usize]),
        };
        for placed in &boxes {
            self.cover(&mut masked, placed, options)?;
        }
        Ok(masked)
    }

    fn cover(&self, masked: &mut Masked, placed: &Placed, options: &MaskOptions) -> Result<(), FaceError> {
        let image = &mut masked.image;
        let (width, height) = image.dimensions();
        let bounds = placed.bounds();
        let (x0, y0, x1, y1) = bounds.clip(width, height);
        let filling = match *self {
            Self::Blur { sigma } => {
                self.check_fine(sigma * placed.d, LEAST_SIGMA, "sigma", "more")?;
                fill::blurred(image, sigma * placed.d, bounds)
            }
            Self::Pixelate { cells } => {
                self.check_fine(placed.width / cells as f32, 1.5, "cells", "fewer cells")?;
                fill::pixelated(image, placed, cells)
            }
            Self::Noise => fill::noise(image, options.seed, bounds),
            Self::EyeBar | Self::EyesNose | Self::Face | Self::Head | Self::Custom { .. } => {
                RgbImage::from_pixel(x1 - x0, y1 - y0, Rgb(options.colour))
            }
        };
        let coverage = polygon_mask(&placed.polygon(), width, height);
        for (x, y, over) in filling.enumerate_pixels() {
            let index = (y0 + y) as usize * width as usize + (x0 + x) as usize;
            let weight = coverage.data()[index];
            let pixel = image.get_pixel_mut(x0 + x, y0 + y);
            for (value, &over) in pixel.0.iter_mut().zip(&over.0) {
                *value = (f32::from(*value) * (1.0 - weight) + f32::from(over) * weight + 0.5) as u8;
            }
            let covered = &mut masked.covered.data_mut()[index];
            *covered = covered.max(weight);
        }
        Ok(())
    }

    /// Refuses a strength of `pixels` that would hide nothing.
    fn check_fine(&self, pixels: f32, least: f32, what: &str, remedy: &str) -> Result<(), FaceError> {
        if pixels >= least {
            return Ok(());
        }
        let reason = format!("its {what} of {pixels:.2} pixels is less than {least}; hint: give {remedy}");
        Err(FaceError::NothingHidden { mask: self.to_string(), reason })
    }
}
