//! Photographs that are about to be published: who in a gallery could be looked up with them, and behind which mask nobody.

mod files;
mod present;

pub use files::outputs;

use std::path::PathBuf;
use std::sync::Arc;

use eyebar_explain::perturbation::Occlusion;
use eyebar_explain::{ExplainError, Progress, Similarity, unwatched};
use eyebar_face::{Face, FaceError, Landmarks, Mask, MaskOptions, Placement, cosine};
use eyebar_gallery::{Event, Gallery, Reference, SubjectName};
use eyebar_imaging::{RgbImage, ssim::ssim};
use serde::Serialize;

use super::audit::families;
use super::gallery::rule;
use super::occlude::{OcclusionResult, occlude_scene};
use crate::decision::Rule;
use crate::error::Error;
use crate::model::Model;
use crate::recogniser::Recogniser;
use crate::scene::{Photo, Scene};
use crate::target::Resolved;

/// Last rank that is told.
const LAST_RANK: usize = 1000;

/// A face that is found behind a mask is the one that was there before where their middles are this near, in distances
/// between the eyes.
const SAME_PLACE: f32 = 1.0;

/// Patch of the maps, for an aligned face of 112 × 112.
const PATCH: Occlusion = Occlusion { patch: 16, stride: 8, fill: 128.0 };

/// What is to be published.
#[derive(Debug, Clone)]
pub struct PublicationRequest {
    /// The photographs.
    pub photos: Vec<PathBuf>,
    /// Masks.
    pub masks: Vec<Mask>,
    /// Whom they show, where that is known; else whoever is recognised without a mask.
    pub subject: Option<SubjectName>,
    /// False match rate of the decision; the gallery's usual one where none is named.
    pub fmr: Option<f64>,
    /// Seed of noise.
    pub seed: u64,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct PublicationResult {
    /// The network.
    pub model: String,
    /// The decision's rule.
    pub rule: Rule,
    /// People in the gallery who can be looked up.
    pub subjects: usize,
    /// What was found in each photograph.
    pub photos: Vec<PublishedPhoto>,
    /// The masks that were asked for.
    #[serde(skip)]
    pub masks: Vec<Mask>,
}

/// One photograph.
#[derive(Debug, Clone, Serialize)]
pub struct PublishedPhoto {
    /// The file.
    pub photo: PathBuf,
    /// Metadata found in it, none of which is written again: a thumbnail or a place undoes any mask.
    pub metadata: Vec<String>,
    /// Its faces, from left to right.
    pub faces: Vec<PublishedFace>,
    /// Masks that hide nothing of a face here, which is too small for them or cut off, and why: they were not put on.
    pub refused: Vec<String>,
    /// The weakest mask of each family behind which nobody of the gallery is recognised.
    pub smallest: Vec<SmallestMask>,
    /// The photograph behind each mask.
    #[serde(skip)]
    pub masked: Vec<(Mask, RgbImage)>,
}

/// What would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SmallestMask {
    /// The family.
    pub family: &'static str,
    /// Its weakest mask that hides everybody; nothing where the strongest that was tried does not.
    pub mask: Option<String>,
}

/// One face.
#[derive(Debug, Clone, Serialize)]
pub struct PublishedFace {
    /// Its place, from 1 at the left.
    pub place: usize,
    /// Whom it shows: who was named, or recognised without a mask; nobody where the gallery does not know the face.
    pub person: Option<SubjectName>,
    /// Without a mask, then behind each.
    pub shown: Vec<ShownFace>,
}

/// A face as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct ShownFace {
    /// The mask; `none` for none.
    pub mask: String,
    /// Likeness of the whole photograph to the one without a mask (SSIM).
    pub ssim: Option<f64>,
    /// Whether a detector still finds the face.
    pub detected: bool,
    /// Largest similarity with the person's templates, by the better of two alignments: of the face without a mask, and as it
    /// is found again.
    pub similarity: Option<f32>,
    /// The person's place among all in the gallery; nothing beyond the first thousand.
    pub rank: Option<usize>,
    /// Whether that is enough to be taken for the person.
    pub recognised: bool,
    /// Who comes first.
    pub first: Option<SubjectName>,
    /// The first's similarity.
    pub first_similarity: Option<f32>,
    /// Where the similarity to the person comes from.
    #[serde(skip)]
    pub map: Option<OcclusionResult>,
}

/// Everything that looks.
struct Desk<'a> {
    gallery: &'a mut Gallery,
    recogniser: &'a Recogniser,
    model: &'a Model,
    rule: Rule,
    options: MaskOptions,
    now: i64,
    /// People who can be looked up.
    subjects: usize,
}

/// Looks who could be looked up with each photograph, without a mask and behind each; `progress` counts photographs.
///
/// # Errors
/// When a photograph cannot be read or shows no face, nobody in the gallery can be looked up, the subject is not in it, and
/// when `progress` cancels.
pub fn publication(
    request: &PublicationRequest,
    gallery: &mut Gallery,
    model: &Model,
    now: i64,
    progress: Progress<'_>,
) -> Result<PublicationResult, Error> {
    let recogniser = Recogniser::new(model)?;
    let rule = rule(gallery, &recogniser, request.fmr)?;
    if let Some(subject) = &request.subject {
        gallery.subject(subject)?;
    }
    let options = MaskOptions { seed: request.seed, ..MaskOptions::default() };
    let mut desk = Desk { gallery, recogniser: &recogniser, model, rule, options, now, subjects: 0 };
    let mut photos = Vec::with_capacity(request.photos.len());
    for (index, path) in request.photos.iter().enumerate() {
        if progress(index, request.photos.len()).is_break() {
            return Err(ExplainError::Cancelled.into());
        }
        photos.push(desk.photo(&Photo::open(path)?, request)?);
    }
    Ok(PublicationResult {
        model: recogniser.model().to_owned(),
        rule: desk.rule,
        subjects: desk.subjects,
        photos,
        masks: request.masks.clone(),
    })
}

/// A face with the person whom it shows.
struct Known {
    face: Face,
    person: Option<SubjectName>,
    references: Vec<Reference>,
}

impl Desk<'_> {
    fn photo(&mut self, photo: &Photo, request: &PublicationRequest) -> Result<PublishedPhoto, Error> {
        let mut faces = self.recogniser.faces().all(&photo.image)?;
        faces.sort_by(|a, b| a.centre().0.total_cmp(&b.centre().0));
        if faces.is_empty() {
            return Err(Error::NoFace { path: photo.path.clone() });
        }
        if request.subject.is_some() && faces.len() > 1 {
            return Err(Error::Usage(format!(
                "{} shows {} faces, so --subject does not say whom each shows; hint: leave it out, or cut the photograph",
                photo.path.display(),
                faces.len()
            )));
        }
        let mut known = Vec::with_capacity(faces.len());
        for &face in &faces {
            known.push(self.known(&photo.image, face, request.subject.as_ref())?);
        }
        let landmarks: Vec<Landmarks> = faces.iter().map(|face| face.landmarks).collect();
        let (mut masked, mut refused) = (Vec::new(), Vec::new());
        for &mask in &request.masks {
            match self.masked(photo, mask, &landmarks)? {
                Ok(image) => masked.push((mask, image)),
                Err(reason) => refused.push(reason),
            }
        }
        let mut published = Vec::with_capacity(known.len());
        for (index, known) in known.iter().enumerate() {
            let mut shown = vec![self.shown("none".to_owned(), photo, &photo.image, known)?];
            for (mask, image) in &masked {
                shown.push(self.shown(mask.to_string(), photo, image, known)?);
            }
            published.push(PublishedFace { place: index + 1, person: known.person.clone(), shown });
        }
        let smallest = match known.iter().any(|known| known.person.is_some()) {
            true => self.smallest(photo, &landmarks, &known)?,
            false => Vec::new(),
        };
        Ok(PublishedPhoto {
            photo: photo.path.clone(),
            metadata: photo.metadata.clone(),
            faces: published,
            refused,
            smallest,
            masked,
        })
    }

    /// Whom a face shows.
    fn known(&mut self, image: &RgbImage, face: Face, named: Option<&SubjectName>) -> Result<Known, Error> {
        let template = self.recogniser.embed(image, face)?.template;
        let model = self.recogniser.model().to_owned();
        let found = self.gallery.nearest(&model, &[template.values()], 1, self.now, &unwatched)?;
        self.subjects = found.subjects;
        let first = found.matches.into_iter().next().and_then(|people| people.into_iter().next());
        let first = first.ok_or_else(|| {
            Error::Refused(format!(
                "nobody in the gallery can be looked up with {model}; hint: `eyebar enrol SUBJECT PHOTO` adds somebody"
            ))
        })?;
        let recognised = self.rule.accepts(first.similarity).then_some(&first.subject);
        let outcome = if recognised.is_some() { "accepted" } else { "refused" };
        self.gallery.record(Event::Identify, recognised, outcome, self.now)?;
        let person = named.cloned().or_else(|| recognised.map(|subject| subject.name.clone()));
        let references = match &person {
            Some(person) => self.gallery.references(person)?,
            None => Vec::new(),
        };
        let references: Vec<Reference> = references.into_iter().filter(|reference| reference.model == model).collect();
        if let (Some(person), true) = (&person, references.is_empty()) {
            return Err(Error::Refused(format!(
                "{:?} has no template of {model}; hint: enrol the person again with this network",
                person.as_str()
            )));
        }
        Ok(Known { face, person, references })
    }

    /// The photograph behind a mask, or why that hides nothing of it.
    fn masked(&self, photo: &Photo, mask: Mask, landmarks: &[Landmarks]) -> Result<Result<RgbImage, String>, Error> {
        match mask.apply(&photo.image, Placement::Landmarks(landmarks), &self.options) {
            Ok(masked) => Ok(Ok(masked.image)),
            Err(error @ FaceError::NothingHidden { .. }) => Ok(Err(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// The face aligned in both ways: as it was without a mask, and as it is found again.
    fn templates(&self, image: &RgbImage, face: &Face) -> Result<(Vec<Vec<f32>>, bool), Error> {
        let mut templates = vec![self.recogniser.embed(image, *face)?.template.values().to_vec()];
        let (x, y) = face.landmarks.eye_centre();
        let near = SAME_PLACE * face.landmarks.frame()?.d;
        let found = self.recogniser.faces().all(image)?.into_iter().find(|other| {
            let (u, v) = other.landmarks.eye_centre();
            (u - x).hypot(v - y) < near
        });
        let detected = found.is_some();
        if let Some(found) = found {
            templates.push(self.recogniser.embed(image, found)?.template.values().to_vec());
        }
        Ok((templates, detected))
    }

    fn shown(&mut self, mask: String, photo: &Photo, image: &RgbImage, known: &Known) -> Result<ShownFace, Error> {
        let (templates, detected) = self.templates(image, &known.face)?;
        let model = self.recogniser.model();
        let queries: Vec<&[f32]> = templates.iter().map(Vec::as_slice).collect();
        let found = self.gallery.nearest(model, &queries, LAST_RANK, self.now, &unwatched)?;
        let place = |people: &Vec<eyebar_gallery::Match>| {
            let person = known.person.as_ref()?;
            people.iter().position(|candidate| candidate.subject.name == *person).map(|index| index + 1)
        };
        let rank = found.matches.iter().filter_map(place).min();
        let firsts = found.matches.iter().filter_map(|people| people.first());
        let first = firsts.max_by(|a, b| a.similarity.total_cmp(&b.similarity));
        let best = best(&templates, &known.references);
        let similarity = best.map(|(similarity, _)| similarity);
        let map = match best {
            Some((_, reference)) => Some(self.map(photo, image, &known.face, reference)?),
            None => None,
        };
        Ok(ShownFace {
            ssim: ssim(&photo.image, image).ok(),
            mask,
            detected,
            recognised: similarity.is_some_and(|similarity| self.rule.accepts(similarity)),
            similarity,
            rank,
            first: first.map(|first| first.subject.name.clone()),
            first_similarity: first.map(|first| first.similarity),
            map,
        })
    }

    /// Where the similarity to a template of the gallery comes from.
    fn map(
        &self,
        photo: &Photo,
        image: &RgbImage,
        face: &Face,
        reference: &Reference,
    ) -> Result<OcclusionResult, Error> {
        let target = Resolved {
            objective: Box::new(Similarity::to(&reference.values)?),
            output: self.model.output()?,
            title: "similarity to the person's template".to_owned(),
            class: None,
            reference: None,
        };
        let shown = Photo { image: Arc::new(image.clone()), ..photo.clone() };
        let scene = Scene::placed(&shown, Some(&face.landmarks), self.model)?;
        occlude_scene(&scene, self.model, &target, PATCH, &unwatched)
    }

    /// The weakest mask of each family behind which nobody is recognised, by trying all from the weakest on.
    fn smallest(&self, photo: &Photo, landmarks: &[Landmarks], known: &[Known]) -> Result<Vec<SmallestMask>, Error> {
        let hides = |mask: Mask| -> Result<bool, Error> {
            let Ok(image) = self.masked(photo, mask, landmarks)? else { return Ok(false) };
            for known in known.iter().filter(|known| known.person.is_some()) {
                let (templates, _) = self.templates(&image, &known.face)?;
                if best(&templates, &known.references).is_some_and(|(similarity, _)| self.rule.accepts(similarity)) {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        let mut smallest = Vec::new();
        for family in families() {
            let mut mask = None;
            for candidate in family.masks {
                if hides(candidate)? {
                    mask = Some(candidate.to_string());
                    break;
                }
            }
            smallest.push(SmallestMask { family: family.name, mask });
        }
        Ok(smallest)
    }
}

/// The largest similarity of a person's templates with those of a face, and which of them it is.
fn best<'r>(templates: &[Vec<f32>], references: &'r [Reference]) -> Option<(f32, &'r Reference)> {
    let pairs = references
        .iter()
        .flat_map(|reference| templates.iter().map(move |template| (cosine(&reference.values, template), reference)));
    pairs.max_by(|a, b| a.0.total_cmp(&b.0))
}
