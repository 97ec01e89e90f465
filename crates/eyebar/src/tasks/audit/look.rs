//! Photographs become vectors: decoded and detected once, shown in every way, seen by every matcher.

use std::collections::HashMap;
use std::path::PathBuf;

use eyebar_explain::Progress;
use eyebar_face::{Landmarks, MaskOptions, Placement};
use eyebar_imaging::RgbImage;
use eyebar_imaging::ssim::ssim;

use super::cast::Cast;
use super::condition::Shown;
use super::{AuditRequest, Finding};
use crate::dataset::Person;
use crate::error::Error;
use crate::matcher::{Extracted, Extractor, Matcher};
use crate::recogniser::each_photo;
use crate::scene::{Faces, Photo};

/// A photograph as it is shown in one way.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// Of the whole photograph.
    pub(super) whole: Extracted,
    /// Of the face, aligned by the landmarks that it has without a mask.
    pub(super) oracle: Extracted,
    /// Of the face, aligned by those that are found on the masked photograph; nothing where none is found.
    pub(super) redetected: Option<Extracted>,
    /// Likeness to the photograph as it is (SSIM); nothing for tiny photographs.
    pub(super) ssim: Option<f64>,
}

/// A person with her photographs, each shown in every way.
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) photos: Vec<Vec<View>>,
}

/// What was seen of everybody.
pub(super) struct Look {
    pub(super) people: Vec<Seen>,
    pub(super) learners: Vec<Seen>,
    pub(super) models: Vec<String>,
    pub(super) findings: Vec<Finding>,
}

impl Look {
    pub(super) fn at(
        cast: &Cast,
        request: &AuditRequest,
        shown: &[Shown],
        stage: &dyn Fn(&str),
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let eyes = Eyes::new(request, shown)?;
        let (mut findings, mut known) = (Vec::new(), HashMap::new());
        stage("photographs");
        let people = eyes.look(&cast.people, true, (&mut known, &mut findings), progress)?;
        stage("photographs of others");
        let learners = eyes.look(&cast.learners, false, (&mut known, &mut findings), progress)?;
        let mut complete = Vec::new();
        for person in people {
            if person.photos.len() == request.photos {
                complete.push(person);
            } else {
                let problem = "too few photographs with a face";
                findings.push(Finding { what: person.name, problem, done: "left out" });
            }
        }
        let models = eyes.face.models().iter().chain(eyes.whole.models()).cloned().collect();
        Ok(Self { people: complete, learners, models, findings })
    }
}

/// What looks at photographs.
struct Eyes<'a> {
    faces: Faces,
    face: Extractor,
    whole: Extractor,
    shown: &'a [Shown],
    options: MaskOptions,
}

impl<'a> Eyes<'a> {
    fn new(request: &AuditRequest, shown: &'a [Shown]) -> Result<Self, Error> {
        let (whole, face): (Vec<Matcher>, Vec<Matcher>) =
            request.matchers.iter().partition(|matcher| matcher.sees_whole_photograph());
        Ok(Self {
            faces: Faces::new(),
            face: Extractor::new(&face)?,
            whole: Extractor::new(&whole)?,
            shown,
            options: MaskOptions { seed: request.seed, ..MaskOptions::default() },
        })
    }

    /// Looks at all photographs; those without a face, and those that are `known`, are left out and named.
    fn look<'p>(
        &self,
        people: &'p [Person],
        redetects: bool,
        (known, findings): (&mut HashMap<String, &'p str>, &mut Vec<Finding>),
        progress: Progress<'_>,
    ) -> Result<Vec<Seen>, Error> {
        let paths: Vec<PathBuf> = people.iter().flat_map(|person| person.photos.iter().cloned()).collect();
        let all = each_photo(&paths, |photo| self.views(photo, redetects), progress)?;
        let owner = people.iter().flat_map(|person| std::iter::repeat_n(person.name.as_str(), person.photos.len()));
        let mut seen: Vec<Seen> =
            people.iter().map(|person| Seen { name: person.name.clone(), photos: Vec::new() }).collect();
        let mut at = 0;
        for ((path, owner), (hash, views)) in paths.iter().zip(owner).zip(all) {
            let mut found = |problem, done| findings.push(Finding { what: path.display().to_string(), problem, done });
            let before = known.insert(hash, owner);
            while seen[at].name != owner {
                at += 1;
            }
            match (views, before) {
                (None, _) => found("no face", "left out"),
                (Some(_), Some(before)) if before == owner => found("the same file twice", "left out"),
                (Some(_), Some(_)) => found("the same file as another person's", "left out"),
                (Some(views), None) => seen[at].photos.push(views),
            }
        }
        Ok(seen)
    }

    fn views(&self, photo: &Photo, redetects: bool) -> Result<(String, Option<Vec<View>>), Error> {
        let hash = photo.source.sha256.clone().unwrap_or_else(|| photo.path.display().to_string());
        let Some(face) = self.faces.central(&photo.image)? else { return Ok((hash, None)) };
        let views = self.shown.iter().map(|&shown| self.view(&photo.image, &face.landmarks, shown, redetects));
        Ok((hash, Some(views.collect::<Result<_, _>>()?)))
    }

    fn view(&self, image: &RgbImage, landmarks: &Landmarks, shown: Shown, redetects: bool) -> Result<View, Error> {
        let Some(mask) = shown.mask() else {
            let oracle = self.face.extract(image, landmarks)?;
            let redetected = Some(oracle.clone());
            return Ok(View { whole: self.whole.extract(image, landmarks)?, oracle, redetected, ssim: Some(1.0) });
        };
        let masked = mask.apply(image, Placement::Landmarks(std::slice::from_ref(landmarks)), &self.options)?.image;
        let redetected = match redetects {
            true => {
                let face = self.faces.central(&masked)?;
                face.map(|face| self.face.extract(&masked, &face.landmarks)).transpose()?
            }
            false => None,
        };
        Ok(View {
            whole: self.whole.extract(&masked, landmarks)?,
            oracle: self.face.extract(&masked, landmarks)?,
            redetected,
            ssim: ssim(image, &masked).ok(),
        })
    }
}
