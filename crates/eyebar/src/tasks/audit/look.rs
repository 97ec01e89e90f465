//! Photographs become vectors: decoded and detected once, shown in every way, seen by every matcher.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use eyebar_audit::{AuditError, FEWEST_ACCEPTED, Pca};
use eyebar_explain::{ExplainError, Progress};
use eyebar_face::{FaceError, Landmarks, MaskOptions, Placement};
use eyebar_imaging::ssim::ssim;
use rayon::prelude::*;
use serde_json::json;

use super::cast::{Cast, Entry};
use super::condition::Shown;
use super::evidence::{Beside, Evidence, Witness};
use super::figures::STRANGER_RATE;
use super::roster::Shard;
use super::store::{Cache, Sighting};
use super::{AuditRequest, Finding};
use crate::dataset::Person;
use crate::error::Error;
use crate::matcher::{EIGENFACES, Extracted, Extractor, Matcher, Whole};
use crate::model::Model;
use crate::provenance::Source;
use crate::scene::{Faces, Photo};

/// Photographs that are worked on before progress is reported and what was seen is kept.
const AT_ONCE: usize = 16;

/// Why nothing is seen of a photograph.
const NO_FACE: &str = "no face";
const UNREADABLE: &str = "cannot be read as a picture";

/// A photograph as it is shown in one way.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct View {
    /// Of the whole photograph.
    pub(super) whole: Extracted,
    /// Of the face, aligned by the landmarks that it has without a mask.
    pub(super) oracle: Extracted,
    /// Of the face, aligned by those that are found on the masked photograph; nothing where none is found.
    pub(super) redetected: Option<Extracted>,
    /// Whether a face was looked for there.
    pub(super) searched: bool,
    /// Likeness to the photograph as it is (SSIM); nothing for tiny photographs.
    pub(super) ssim: Option<f64>,
    /// What makes it like another photograph of the person, where that was to be found out.
    pub(super) evidence: Option<Evidence>,
}

/// A photograph shown in every way.
pub(super) type Views = Vec<Arc<View>>;

/// A person with her photographs, each shown in every way.
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) photos: Vec<Views>,
}

/// What was seen of everybody.
pub(super) struct Look {
    pub(super) people: Vec<Seen>,
    pub(super) learners: Vec<Seen>,
    pub(super) strangers: Vec<Seen>,
    pub(super) findings: Vec<Finding>,
}

/// What was seen of a photograph.
#[derive(Debug, Clone)]
pub(super) struct Looked {
    pub(super) sha256: String,
    /// What was seen, or why nothing was.
    pub(super) views: Result<Views, String>,
}

impl Look {
    /// Sorts what was seen of all photographs of the cast, in its order: those without a face, and those that are there
    /// twice, are left out and named, and so are people who are then too few photographs short.
    pub(super) fn sorted(cast: &Cast, request: &AuditRequest, looked: Vec<Looked>) -> Self {
        let (mut findings, mut known) = (Vec::new(), HashMap::new());
        let mut looked = looked.into_iter();
        let mut sort = |people: &[Person]| -> Vec<Seen> {
            let mut all = Vec::with_capacity(people.len());
            for person in people {
                let mut photos = Vec::new();
                for (path, Looked { sha256, views }) in person.photos.iter().zip(looked.by_ref()) {
                    let mut found =
                        |problem, done| findings.push(Finding { what: path.display().to_string(), problem, done });
                    let before = known.insert(sha256, person.name.clone());
                    match (views, before) {
                        (Err(problem), _) if problem == NO_FACE => found(NO_FACE, "left out"),
                        (Err(_), _) => found(UNREADABLE, "left out"),
                        (Ok(_), Some(before)) if before == person.name => found("the same file twice", "left out"),
                        (Ok(_), Some(_)) => found("the same file as another person's", "left out"),
                        (Ok(views), None) => {
                            if views.iter().skip(1).any(|view| view.ssim == Some(1.0)) {
                                found("a mask hides nothing of the face", "shown as it is");
                            }
                            photos.push(views);
                        }
                    }
                }
                all.push(Seen { name: person.name.clone(), photos });
            }
            all
        };
        let (people, learners, strangers) = (sort(&cast.people), sort(&cast.learners), sort(&cast.strangers));
        let mut complete = Vec::new();
        for person in people {
            if person.photos.len() == request.photos {
                complete.push(person);
            } else {
                let problem = "one of the photographs used shows no face, or is there twice";
                let done = "left out; where she has more, take that one away and the next is used";
                findings.push(Finding { what: person.name, problem, done });
            }
        }
        let seen = |people: Vec<Seen>| people.into_iter().filter(|person| !person.photos.is_empty()).collect();
        let (learners, strangers): (Vec<Seen>, Vec<Seen>) = (seen(learners), seen(strangers));
        // Half of them set thresholds.
        if request.strangers > 0 && STRANGER_RATE * ((strangers.len() / 2) as f64) < FEWEST_ACCEPTED as f64 {
            findings.push(Finding {
                what: format!("{} strangers", strangers.len()),
                problem: "too few to set thresholds with",
                done: "no figures with strangers; 200 are needed",
            });
        }
        Self { people: complete, learners, strangers, findings }
    }

    /// What a matcher needs of the learners' faces without a mask; nothing for most.
    pub(super) fn eigenfaces(&self, matcher: Matcher) -> Result<Option<Pca>, AuditError> {
        if matcher != Matcher::Eigenfaces {
            return Ok(None);
        }
        let pixels = self.learners.iter().flat_map(|person| &person.photos).map(|views| &views[0].oracle.pixels[..]);
        Pca::fit(&pixels.collect::<Vec<_>>(), EIGENFACES).map(Some)
    }
}

/// What looks at photographs.
pub(super) struct Eyes {
    faces: Faces,
    face: Extractor,
    whole: Extractor,
    witness: Option<Witness>,
    options: MaskOptions,
    models: Vec<String>,
    settings: String,
}

impl Eyes {
    pub(super) fn new(request: &AuditRequest) -> Result<Self, Error> {
        let (whole, face): (Vec<Matcher>, Vec<Matcher>) =
            request.matchers.iter().partition(|matcher| matcher.sees_whole_photograph());
        let (face, whole) = (Extractor::new(&face)?, Extractor::new(&whole)?);
        let models: Vec<String> = face.models().iter().chain(whole.models()).cloned().collect();
        let settings = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "detector": Model::open("yunet", None)?.identity(),
            "models": models,
            "matchers": request.matchers,
            "evidence": request.explained() > 0,
            "seed": request.seed,
        });
        Ok(Self {
            faces: Faces::new(),
            face,
            whole,
            witness: if request.explained() > 0 { Some(Witness::new()?) } else { None },
            options: MaskOptions { seed: request.seed, ..MaskOptions::default() },
            models,
            settings: settings.to_string(),
        })
    }

    /// The networks, with the start of their hashes.
    pub(super) fn models(&self) -> &[String] {
        &self.models
    }

    /// What embeddings depend on beside the photograph and its mask.
    pub(super) fn settings(&self) -> &str {
        &self.settings
    }

    /// Looks at the photographs of a shard, or at all; nothing for those of other shards. What `cache` knows is not looked
    /// at again, what is new it keeps.
    pub(super) fn look(
        &self,
        entries: &[Entry<'_>],
        shown: &[Shown],
        shard: Option<Shard>,
        cache: &mut Cache,
        progress: Progress<'_>,
    ) -> Result<Vec<Option<Looked>>, Error> {
        let mut all: Vec<Option<Looked>> = vec![None; entries.len()];
        let own: Vec<usize> = (0..entries.len())
            .filter(|place| shard.is_none_or(|shard| place % shard.count == shard.index - 1))
            .collect();
        let mut done = 0;
        for some in own.chunks(AT_ONCE * rayon::current_num_threads()) {
            if progress(done, own.len()).is_break() {
                return Err(ExplainError::Cancelled.into());
            }
            let work = |&place: &usize| self.sightings(&entries[place], shown, cache);
            let found: Vec<Vec<Sighting>> = some.par_iter().map(work).collect::<Result<_, Error>>()?;
            let new: Vec<Sighting> =
                found.iter().flatten().filter(|sighting| !cache.knows(sighting)).cloned().collect();
            cache.keep(new)?;
            for (&place, sightings) in some.iter().zip(found) {
                let sha256 = sightings.first().map_or_else(String::new, |first| first.sha256.clone());
                let views: Result<Views, String> = sightings.into_iter().map(|sighting| sighting.view).collect();
                all[place] = Some(Looked { sha256, views });
            }
            done += some.len();
        }
        progress(done, own.len()).is_continue().then_some(all).ok_or_else(|| ExplainError::Cancelled.into())
    }

    /// One photograph shown in every way; a single sighting without a view where it shows no face.
    fn sightings(&self, entry: &Entry<'_>, shown: &[Shown], cache: &Cache) -> Result<Vec<Sighting>, Error> {
        let hash = |path: &std::path::Path| {
            let source = Source::of_file(path);
            source.sha256.unwrap_or(source.file)
        };
        let (sha256, reference) = (hash(entry.path), entry.reference.map(|path| hash(path)));
        let sighting = |shown: Shown, view: Result<Arc<View>, String>| Sighting {
            sha256: sha256.clone(),
            subject: entry.subject.to_owned(),
            photograph: entry.path.display().to_string(),
            mask: shown.to_string(),
            reference: reference.clone(),
            view,
        };
        let known: Vec<_> = shown
            .iter()
            .map(|shown| cache.recall(&sha256, &shown.to_string(), entry.redetects, reference.as_deref()))
            .collect();
        let nothing = |problem: &str| vec![sighting(Shown::Plain, Err(problem.to_owned()))];
        if let Some(Some(Err(problem))) = known.first() {
            return Ok(nothing(problem));
        }
        if known.iter().all(Option::is_some) {
            let known = shown.iter().zip(known.into_iter().flatten());
            return Ok(known.map(|(&shown, view)| sighting(shown, view)).collect());
        }
        let Ok(photo) = Photo::open(entry.path) else { return Ok(nothing(UNREADABLE)) };
        let Some(face) = self.faces.central(&photo.image)? else { return Ok(nothing(NO_FACE)) };
        let other = entry.reference.and_then(|path| Photo::open(path).ok());
        let beside = match (&self.witness, &other) {
            (Some(witness), Some(other)) => match self.faces.central(&other.image)? {
                Some(face) => Some(witness.beside(other, &face.landmarks)?),
                None => None,
            },
            _ => None,
        };
        let case = Case {
            photo: &photo,
            landmarks: &face.landmarks,
            whole: self.whole.whole(&photo.image)?,
            beside,
            redetects: entry.redetects,
        };
        let views = shown.iter().zip(known).map(|(&shown, known)| match known {
            Some(view) => Ok(sighting(shown, view)),
            None => Ok(sighting(shown, Ok(Arc::new(self.view(&case, shown)?)))),
        });
        views.collect()
    }

    fn view(&self, case: &Case<'_>, shown: Shown) -> Result<View, Error> {
        let Case { photo, landmarks, whole, beside, redetects } = case;
        let image = match shown.mask() {
            None => Arc::clone(&photo.image),
            Some(mask) => match mask.apply(&photo.image, Placement::Landmarks(&[**landmarks]), &self.options) {
                Ok(masked) => Arc::new(masked.image),
                // On a small face, or one at the border: then all of it is seen.
                Err(FaceError::NothingHidden { .. }) => Arc::clone(&photo.image),
                Err(error) => return Err(Error::Refused(format!("{}: {error}", photo.path.display()))),
            },
        };
        let oracle = self.face.extract(&image, landmarks)?;
        let searched = *redetects || shown == Shown::Plain;
        let redetected = match (shown, searched) {
            (Shown::Plain, _) => Some(oracle.clone()),
            (_, true) => {
                let face = self.faces.central(&image)?;
                face.map(|face| self.face.extract(&image, &face.landmarks)).transpose()?
            }
            (_, false) => None,
        };
        let ssim = if shown == Shown::Plain { Some(1.0) } else { ssim(&photo.image, &image).ok() };
        let evidence = beside.as_ref().map(|beside| beside.evidence(photo, &image, landmarks)).transpose()?;
        Ok(View { whole: whole.changed(&image)?, oracle, redetected, searched, ssim, evidence })
    }
}

/// A photograph that is shown in several ways.
struct Case<'a> {
    photo: &'a Photo,
    landmarks: &'a Landmarks,
    whole: Whole<'a>,
    beside: Option<Beside<'a>>,
    redetects: bool,
}

/// What was seen of the photographs of all shards.
///
/// # Errors
/// When something is missing.
pub(super) fn recalled(
    entries: &[Entry<'_>],
    shown: &[Shown],
    hashes: &BTreeMap<String, String>,
    cache: &Cache,
) -> Result<Vec<Looked>, Error> {
    let missing = |entry: &Entry<'_>| {
        Error::Usage(format!(
            "{} is in no shard; hint: run the shard that stopped once more, with the same command",
            entry.path.display()
        ))
    };
    let look = |entry: &Entry<'_>| -> Result<Looked, Error> {
        let hash = |path: &std::path::Path| hashes.get(&path.display().to_string());
        let sha256 = hash(entry.path).ok_or_else(|| missing(entry))?;
        let reference = entry.reference.and_then(|path| hash(path)).map(String::as_str);
        let mut views = Ok(Vec::with_capacity(shown.len()));
        for shown in shown {
            match cache.recall(sha256, &shown.to_string(), entry.redetects, reference).ok_or_else(|| missing(entry))? {
                Ok(view) => views.iter_mut().for_each(|views: &mut Views| views.push(view.clone())),
                Err(problem) => {
                    views = Err(problem);
                    break;
                }
            }
        }
        Ok(Looked { sha256: sha256.clone(), views })
    };
    entries.iter().map(look).collect()
}
