//! Faces: detection, alignment, embedding and templates, facial regions, and masks (anonymisers).
//!
//! ```text
//! photo ─ Detector ─► Face { bbox, landmarks } ─┬─ aligned ─► crop 112 × 112 ─ Embedder ─► Template
//!                                               ├─ FacialRegions ─► a mask for each part of the face
//!                                               └─ Mask ─► anonymised photo
//! ```
//!
//! Positions are in pixels of the photograph, x to the right and y down. Landmarks and boxes follow OpenCV: the centre
//! of the upper left pixel is (0, 0). Polygons follow [`eyebar_imaging::draw`]: its outer corner is (0, 0).
//! *Right* and *left* are the person's: the right eye of somebody who looks at the camera is on the left of the photo.

#![forbid(unsafe_code)]

pub mod align;
pub mod detect;
mod embed;
mod error;
mod landmarks;
pub mod mask;
mod model;
pub mod quality;
mod regions;
mod template;

pub use align::{aligned, alignment};
pub use detect::{DetectOptions, Detector, Face};
pub use embed::Embedder;
pub use error::FaceError;
pub use landmarks::{FaceFrame, Landmarks, Point};
pub use mask::{Mask, MaskOptions, Masked, Placement};
pub use regions::{FacialRegions, NamedRegion, Region};
pub use template::{Template, cosine};
