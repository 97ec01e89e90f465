//! What is to be explained: a class, or the likeness to another photograph.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use eyebar_explain::{ClassScore, Objective, Similarity, logits_of};
use eyebar_network::ValueId;

use crate::error::Error;
use crate::forward::Forward;
use crate::model::Model;
use crate::provenance::Source;
use crate::scene::{Faces, Scene};

/// `top`, `class:ID`, `class:NAME` or `similarity:PHOTO`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The class with the highest score; for a model without classes, the similarity to the picture's mirror image.
    Top,
    /// A class by index or name.
    Class(String),
    /// Likeness to another photograph (or array), by the cosine of the outputs.
    Similarity(PathBuf),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "top" => Ok(Self::Top),
            Some(("class", class)) if !class.is_empty() => Ok(Self::Class(class.to_owned())),
            Some(("similarity", path)) if !path.is_empty() => Ok(Self::Similarity(path.into())),
            _ => Err(format!("{text:?} is no target; hint: write top, class:ID, class:NAME or similarity:PHOTO")),
        }
    }
}

/// A target made ready for one model.
pub struct Resolved {
    /// What is computed.
    pub objective: Box<dyn Objective>,
    /// The value it is computed from.
    pub output: ValueId,
    /// What people call it.
    pub title: String,
    /// The class, where it is one.
    pub class: Option<usize>,
    /// The other picture, where it is a likeness.
    pub reference: Option<Source>,
}

impl Target {
    /// Resolves the target for what the model is shown.
    ///
    /// # Errors
    /// When the class does not exist, the other photograph cannot be used, or the model has no such output.
    pub fn resolve(&self, model: &Model, scene: &Scene, faces: &Faces) -> Result<Resolved, Error> {
        match self {
            Self::Top if has_classes(model) => {
                let logits = logits_of(model.graph(), model.output()?);
                let scores = Forward::new(model, scene.input.shape(), &[logits])?.run(&scene.input)?.remove(0);
                let best = scores.data().iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
                Ok(class_target(model, logits, best.map_or(0, |(class, _)| class)))
            }
            Self::Top => {
                // Not the picture itself: at its maximum a cosine has no gradient.
                let photo = scene
                    .photo
                    .as_ref()
                    .ok_or_else(|| Error::Usage("an array has no mirror image; hint: name a --target".to_owned()))?;
                similarity_to(&Scene::of(&photo.mirrored(), model, faces)?, "its mirror image", model)
            }
            Self::Class(class) => {
                let index = model.class(class)?;
                Ok(class_target(model, logits_of(model.graph(), model.output()?), index))
            }
            Self::Similarity(path) => similarity_to(&Scene::open(path, model, faces)?, &file_name(path), model),
        }
    }
}

/// Whether the output is one score for each class.
pub(crate) fn has_classes(model: &Model) -> bool {
    model.entry().is_none_or(|entry| entry.output.kind == "logits")
}

fn class_target(model: &Model, output: ValueId, class: usize) -> Resolved {
    let title = match model.label(class) {
        Some(label) => first_name(label).to_owned(),
        None => format!("class {class}"),
    };
    Resolved { objective: Box::new(ClassScore { class }), output, title, class: Some(class), reference: None }
}

/// The likeness of the model's output to what it makes of another scene, which people call `name`.
///
/// # Errors
/// When the model refuses the other scene.
pub fn similarity_to(other: &Scene, name: &str, model: &Model) -> Result<Resolved, Error> {
    let output = model.output()?;
    let reference = Forward::new(model, other.input.shape(), &[output])?.run(&other.input)?.remove(0);
    Ok(Resolved {
        objective: Box::new(Similarity::to(reference.data())?),
        output,
        title: format!("similarity to {name}"),
        class: None,
        reference: Some(other.source.clone()),
    })
}

/// The first of a label's names: `tabby` of `tabby, tabby cat`.
pub(crate) fn first_name(label: &str) -> &str {
    label.split(',').next().unwrap_or(label).trim()
}

pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
