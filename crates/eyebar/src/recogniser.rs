//! From photographs to templates.

use std::path::PathBuf;

use eyebar_explain::{ExplainError, Progress};
use eyebar_face::{Embedder, Face, Template, aligned};
use eyebar_imaging::RgbImage;
use rayon::prelude::*;

use crate::error::Error;
use crate::model::Model;
use crate::scene::{Faces, Photo};

/// Most values of a template.
const LARGEST_DIMENSION: usize = 4096;

/// Photographs that are worked on before progress is reported.
const AT_ONCE: usize = 32;

/// A face that was found, with its template.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Where it is, in pixels of the photograph.
    pub face: Face,
    /// The face upright, 112 × 112.
    pub crop: RgbImage,
    /// What it is compared by.
    pub template: Template,
}

/// Finds faces and embeds them. It may be shared by threads.
#[derive(Debug)]
pub struct Recogniser {
    faces: Faces,
    embedder: Embedder,
}

impl Recogniser {
    /// Takes a bundled embedder, or a user's own network that is fed aligned faces.
    ///
    /// # Errors
    /// When the model is no embedder, or nobody said how it is fed.
    pub fn new(model: &Model) -> Result<Self, Error> {
        if model.entry().is_some() && !model.is_embedder() {
            return Err(Error::Usage(format!(
                "model {} does not embed faces; hint: use sface, or an ONNX file with --input",
                model.name()
            )));
        }
        let embedder = Embedder::new(model.graph(), model.spec()?.clone(), &model.identity())?;
        if embedder.dimension() > LARGEST_DIMENSION {
            return Err(Error::Usage(format!(
                "model {} gives {} values for a face; hint: templates have at most {LARGEST_DIMENSION}, use an embedder",
                model.name(),
                embedder.dimension()
            )));
        }
        Ok(Self { faces: Faces::new(), embedder })
    }

    /// The model's identity in templates ([`Model::identity`]).
    pub fn model(&self) -> &str {
        self.embedder.model()
    }

    /// Finds faces.
    pub fn faces(&self) -> &Faces {
        &self.faces
    }

    /// Embeds crops.
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    /// The face nearest to the middle; nothing where there is none.
    ///
    /// # Errors
    /// When a network fails.
    pub fn central(&self, image: &RgbImage) -> Result<Option<Seen>, Error> {
        self.faces.central(image)?.map(|face| self.embed(image, face)).transpose()
    }

    /// A face that was found already.
    ///
    /// # Errors
    /// When the network fails.
    pub fn embed(&self, image: &RgbImage, face: Face) -> Result<Seen, Error> {
        let crop = aligned(image, &face.landmarks)?;
        let template = self.embedder.embed(&crop)?;
        Ok(Seen { face, crop, template })
    }
}

/// Calls `work` for every photograph, on all cores; the results stand in the order of the paths.
///
/// # Errors
/// When a photograph cannot be read, the first error of `work`, or when `progress` cancels.
pub(crate) fn each_photo<T: Send>(
    paths: &[PathBuf],
    work: impl Fn(&Photo) -> Result<T, Error> + Sync,
    progress: Progress<'_>,
) -> Result<Vec<T>, Error> {
    let mut results: Vec<T> = Vec::with_capacity(paths.len());
    for some in paths.chunks(AT_ONCE * rayon::current_num_threads()) {
        if progress(results.len(), paths.len()).is_break() {
            return Err(ExplainError::Cancelled.into());
        }
        let some: Result<Vec<T>, Error> = some.par_iter().map(|path| work(&Photo::open(path)?)).collect();
        results.extend(some?);
    }
    Ok(results)
}
