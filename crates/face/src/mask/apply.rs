//! Masks a photograph.

use eyebar_imaging::draw::polygon_mask;
use eyebar_imaging::{Rect, RgbImage};

use super::place::{Placed, bounds, fixed, on_face};
use super::{Mask, MaskOptions, Placement, fill};
use crate::error::FaceError;
use crate::landmarks::Point;

/// Below this σ, in pixels, neighbours hardly mix.
const LEAST_SIGMA: f32 = 0.5;
/// Smaller cells, in pixels, are often single pixels.
const LEAST_CELL: f32 = 2.0;
/// Pixels that a mask covers at least, counting parts.
const LEAST_AREA: f64 = 0.5;
/// Rows whose coverage is held at a time: a mask may be as large as the photograph.
const BAND: u32 = 128;

/// A masked photograph.
#[derive(Debug, Clone)]
pub struct Masked {
    /// The photograph with the mask on.
    pub image: RgbImage,
    /// The corners of the box on each face, upper left first, then clockwise (as seen on an upright face), in the
    /// coordinates of [`eyebar_imaging::draw`]; they may lie beyond the photograph.
    pub polygons: Vec<[Point; 4]>,
}

impl Masked {
    /// The covered share of the photograph, 0 to 1: pixels that edges cut count with their covered part, pixels that
    /// several boxes cover count once.
    pub fn covered_share(&self) -> f64 {
        let (width, height) = self.image.dimensions();
        let mut sum = 0.0;
        for band in bands(0, height) {
            let mut most: Vec<f32> = Vec::new();
            for polygon in &self.polygons {
                let (x0, y0, x1, y1) = bounds(polygon).clip(width, height);
                let (top, bottom) = (y0.max(band.start), y1.min(band.end));
                if x0 == x1 || top >= bottom {
                    continue;
                }
                most.resize(width as usize * band.len(), 0.0);
                let part = Rect::new(x0 as i32, top as i32, x1 - x0, bottom - top);
                let rows = most.chunks_exact_mut(width as usize).skip((top - band.start) as usize);
                for (row, weights) in rows.zip(polygon_mask(polygon, part).data().chunks_exact((x1 - x0) as usize)) {
                    let row = &mut row[x0 as usize..x1 as usize];
                    row.iter_mut().zip(weights).for_each(|(most, &weight)| *most = most.max(weight));
                }
            }
            sum += most.iter().map(|&weight| f64::from(weight)).sum::<f64>();
        }
        sum / (f64::from(width) * f64::from(height)).max(1.0)
    }
}

/// What one box did to the photograph.
struct Effect {
    /// Pixels that it covers, counting parts.
    area: f64,
    /// Whether any pixel has another colour than before.
    changed: bool,
}

impl Mask {
    /// Puts the mask on each face (or at its fixed place). Edges are antialiased.
    ///
    /// # Errors
    /// When the photograph has no pixels, there is no face, landmarks do not form a face, the mask's strength makes no
    /// sense, or it has no fixed place. [`FaceError::NothingHidden`] when cells or σ are too small to change a pixel, a
    /// custom box misses a head or the part of it that the photograph shows, or no box covers any of the photograph.
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
        let mut masked = Masked { image: image.clone(), polygons: boxes.iter().map(Placed::polygon).collect() };
        let mut effects = Vec::with_capacity(boxes.len());
        for placed in &boxes {
            effects.push(self.cover(&mut masked.image, placed, options)?);
        }
        self.check_effects(&effects)?;
        Ok(masked)
    }

    fn cover(&self, image: &mut RgbImage, placed: &Placed, options: &MaskOptions) -> Result<Effect, FaceError> {
        let (width, height) = image.dimensions();
        let (x0, y0, x1, y1) = placed.bounds().clip(width, height);
        let part = Rect::new(x0 as i32, y0 as i32, x1 - x0, y1 - y0);
        let filling = match *self {
            Self::Blur { sigma } => {
                self.check_fine(sigma * placed.d, LEAST_SIGMA, "sigma", "a larger sigma")?;
                Some(fill::blurred(image, sigma * placed.d, part))
            }
            Self::Pixelate { cells } => {
                self.check_fine(placed.width / cells as f32, LEAST_CELL, "cells", "fewer cells")?;
                Some(fill::pixelated(image, placed, cells))
            }
            Self::Noise => Some(fill::noise(image, options.seed, part)),
            Self::Box { .. } | Self::Custom { .. } => None,
        };
        let polygon = placed.polygon();
        let mut effect = Effect { area: 0.0, changed: false };
        for band in bands(y0, y1) {
            let weights = polygon_mask(&polygon, Rect { y: band.start as i32, height: band.end - band.start, ..part });
            for (at, &weight) in weights.data().iter().enumerate().filter(|&(_, &weight)| weight > 0.0) {
                let (x, y) = (at as u32 % part.width, band.start + at as u32 / part.width);
                let over = filling.as_ref().map_or(options.colour, |filling| filling.get_pixel(x, y - y0).0);
                let pixel = image.get_pixel_mut(x0 + x, y);
                for (value, over) in pixel.0.iter_mut().zip(over) {
                    let mixed = (f32::from(*value) * (1.0 - weight) + f32::from(over) * weight + 0.5) as u8;
                    effect.changed |= mixed != *value;
                    *value = mixed;
                }
                effect.area += f64::from(weight);
            }
        }
        Ok(effect)
    }

    /// Refuses a strength of `pixels` that would hide nothing.
    fn check_fine(&self, pixels: f32, least: f32, what: &str, remedy: &str) -> Result<(), FaceError> {
        if pixels >= least {
            return Ok(());
        }
        let reason = format!("its {what} of {pixels:.2} pixels is less than {least}; hint: give {remedy}");
        Err(self.hides_nothing(reason))
    }

    fn check_effects(&self, effects: &[Effect]) -> Result<(), FaceError> {
        let missed = |effect: &Effect| effect.area < LEAST_AREA;
        match *self {
            // Who writes a box of one's own may have written the wrong one, and each face counts.
            Self::Custom { .. } if effects.iter().any(missed) => Err(self.hides_nothing(
                "the box lies beyond the photograph, or is smaller than a pixel; hint: give another one, such as \
                 custom:-1.1,-0.35,1.1,0.35 for the eyes (with --place fixed: fractions of the picture, such as \
                 custom:0.1,0.15,0.9,0.8)",
            )),
            // Of a face at the border, the part to be hidden may lie beyond it: then there is nothing to hide.
            _ if effects.iter().all(missed) => Err(self.hides_nothing(
                "what it covers lies beyond the photograph; hint: give a photograph that shows the face",
            )),
            // A single cell or pixel of a plain colour may stay what it was; all of them hide nothing.
            Self::Blur { .. } | Self::Pixelate { .. } if !effects.iter().any(|effect| effect.changed) => Err(self
                .hides_nothing(
                    "not one pixel changes; hint: make it stronger (a larger sigma, fewer cells), or cover the face \
                     with the mask face",
                )),
            _ => Ok(()),
        }
    }

    pub(super) fn hides_nothing(&self, reason: impl Into<String>) -> FaceError {
        FaceError::NothingHidden { mask: self.to_string(), reason: reason.into() }
    }
}

/// Rows from `from` to `to`, [`BAND`] at a time.
fn bands(from: u32, to: u32) -> impl Iterator<Item = std::ops::Range<u32>> {
    (from..to).step_by(BAND as usize).map(move |start| start..(start + BAND).min(to))
}
