//! What matchers are made from: one pass of each network that is needed, and the pixels.

use std::sync::OnceLock;

use eyebar_face::{Embedder, Landmarks, aligned};
use eyebar_imaging::input::{Colour, Layout};
use eyebar_imaging::{InputSpec, RgbImage};

use super::Matcher;
use super::features::{Features, Whole};
use crate::error::Error;
use crate::model::Model;

/// Side of the pixels that are compared.
const SIDE: usize = 56;
/// Number of them.
pub(super) const PIXELS: usize = SIDE * SIDE;

/// Loads the networks that some matchers need, and runs them. It may be shared by threads.
pub(crate) struct Extractor {
    embedder: Option<Embedder>,
    /// The template of a crop that is black all over: what a box over the head leaves of every face.
    of_black: OnceLock<Vec<f32>>,
    features: Option<Features>,
    pixels: Option<InputSpec>,
    models: Vec<String>,
}

/// Of one face; what no matcher needs is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Extracted {
    /// SFace's embedding.
    pub(crate) template: Vec<f32>,
    /// VGG16's activations, `[CHANNELS, places]`.
    pub(crate) features: Vec<f32>,
    /// Grey pixels less their mean.
    pub(crate) pixels: Vec<f32>,
}

impl Extractor {
    /// Loads what `matchers` need.
    ///
    /// # Errors
    /// When a model cannot be loaded.
    pub(crate) fn new(matchers: &[Matcher]) -> Result<Self, Error> {
        let needs = |some: &[Matcher]| some.iter().any(|matcher| matchers.contains(matcher));
        let mut models = Vec::new();
        let mut embedder = None;
        if needs(&[Matcher::Sface]) {
            let model = Model::open("sface", None)?;
            embedder = Some(Embedder::new(model.graph(), model.spec()?.clone(), &model.identity())?);
            models.push(model.identity());
        }
        let mut features = None;
        if needs(&[Matcher::Vgg16, Matcher::Vgg16Averaged]) {
            let model = Model::open("vgg16", None)?;
            features = Some(Features::new(&model)?);
            models.push(model.identity());
        }
        let grey = InputSpec {
            layout: Layout::Nchw,
            size: Some((SIDE, SIDE)),
            colour: Colour::Grey,
            mean: vec![0.0],
            scale: vec![1.0],
        };
        let pixels = needs(&[Matcher::Eigenfaces, Matcher::Pixels]).then_some(grey);
        Ok(Self { embedder, of_black: OnceLock::new(), features, pixels, models })
    }

    /// The networks, with the start of their hashes.
    pub(crate) fn models(&self) -> &[String] {
        &self.models
    }

    /// Looks at the face with these landmarks.
    ///
    /// # Errors
    /// When the landmarks coincide, or a network fails.
    pub(crate) fn extract(&self, image: &RgbImage, landmarks: &Landmarks) -> Result<Extracted, Error> {
        let mut extracted = Extracted::default();
        if self.embedder.is_some() || self.pixels.is_some() {
            let crop = aligned(image, landmarks)?;
            if let Some(embedder) = &self.embedder {
                extracted.template = self.template(embedder, &crop)?;
            }
            if let Some(grey) = &self.pixels {
                extracted.pixels = less_mean(grey.fitted_tensor(&crop).data());
            }
        }
        if let Some(features) = &self.features {
            extracted.features = features.of(image)?;
        }
        Ok(extracted)
    }

    fn template(&self, embedder: &Embedder, crop: &RgbImage) -> Result<Vec<f32>, Error> {
        let black = crop.iter().all(|&value| value == 0);
        if let (true, Some(known)) = (black, self.of_black.get()) {
            return Ok(known.clone());
        }
        let template = embedder.embed(crop)?.values().to_vec();
        if black {
            // Another thread may have been first, with the same.
            let _ = self.of_black.set(template.clone());
        }
        Ok(template)
    }

    /// A whole photograph that is about to be changed.
    ///
    /// # Errors
    /// When the network fails.
    pub(crate) fn whole(&self, image: &RgbImage) -> Result<Whole<'_>, Error> {
        Whole::new(self.features.as_ref(), image)
    }
}

/// Brightness is no likeness.
fn less_mean(values: &[f32]) -> Vec<f32> {
    let mean = values.iter().sum::<f32>() / values.len().max(1) as f32;
    values.iter().map(|value| value - mean).collect()
}
