//! Enrolment, with a look at what is enrolled.

use std::path::PathBuf;

use eyebar_face::quality::{Fault, Quality};
use eyebar_face::{Template, cosine};
use eyebar_gallery::{Details, Gallery, Progress, Subject, SubjectName};
use eyebar_report::Table;
use serde::Serialize;

use super::{rule, seen};
use crate::error::Error;
use crate::recogniser::Recogniser;
use crate::scene::Photo;

/// Similarity from which two templates are of the same photograph.
const SAME_PHOTO: f32 = 0.999;

/// Who is enrolled from what.
#[derive(Debug, Clone)]
pub struct EnrolRequest {
    /// The subject.
    pub name: SubjectName,
    /// The photographs.
    pub photos: Vec<PhotoToRead>,
    /// What for, and how long.
    pub details: Details,
    /// Whether photographs are taken that are not good enough, and faces that another subject has.
    pub force: bool,
    /// False match rate at which a face is taken for another subject's; the usual one where none is named.
    pub fmr: Option<f64>,
}

/// A photograph, in memory or still in a file.
#[derive(Debug, Clone)]
pub enum PhotoToRead {
    /// In a file, read when its turn comes.
    File(PathBuf),
    /// In memory.
    Read(Photo),
}

impl PhotoToRead {
    fn read(&self) -> Result<Photo, Error> {
        match self {
            Self::File(path) => Photo::open(path),
            Self::Read(photo) => Ok(photo.clone()),
        }
    }
}

/// What an enrolment did.
#[derive(Debug, Clone, Serialize)]
pub struct EnrolResult {
    /// The subject as it is now.
    pub subject: Subject,
    /// Whether nobody had that name before.
    pub new: bool,
    /// Templates that were added.
    pub added: usize,
    /// The network that made them.
    pub model: String,
    /// Each photograph.
    pub photos: Vec<EnrolledPhoto>,
}

/// One photograph of an enrolment.
#[derive(Debug, Clone, Serialize)]
pub struct EnrolledPhoto {
    /// The file.
    pub photo: PathBuf,
    /// Faces in it.
    pub faces: usize,
    /// Measures of the face that was taken.
    pub quality: Quality,
    /// What speaks against it.
    pub faults: Vec<Fault>,
    /// Whether it was enrolled before: nothing was added for it.
    pub known: bool,
    /// Another subject with the same face, and the similarity.
    pub resembles: Option<(SubjectName, f32)>,
}

/// Enrols the face of each photograph. All are looked at before anything is stored: all are, or none. `progress` is told
/// the templates that they are compared with.
///
/// # Errors
/// When a photograph cannot be read, has no face, or, without `force`, several faces, one that is not good enough, or one
/// that another subject has.
pub fn enrol(
    gallery: &mut Gallery,
    recogniser: &Recogniser,
    request: &EnrolRequest,
    now: i64,
    progress: Progress<'_>,
) -> Result<EnrolResult, Error> {
    let known = gallery.subject_if_any(&request.name)?;
    check_time(request, known.as_ref(), now)?;
    let rule = match rule(gallery, recogniser, request.fmr) {
        // Without a rule nobody can be said to be somebody else; that is no reason against whoever is the first.
        Err(error) if !request.force && gallery.stats(now)?.subjects > 0 => return Err(error),
        rule => rule.ok(),
    };
    let (mut photos, mut templates) = look(recogniser, request)?;
    let own = match known {
        Some(_) => gallery.references(&request.name)?,
        None => Vec::new(),
    };
    let values: Vec<&[f32]> = templates.iter().map(Template::values).collect();
    // The second where the first is the subject.
    let nearest = gallery.nearest(recogniser.model(), &values, 2, now, progress)?;
    for ((index, photo), found) in photos.iter_mut().enumerate().zip(nearest.matches) {
        let template = &templates[index];
        photo.known = templates[..index].iter().any(|other| is_same(other, template))
            || own.iter().any(|reference| {
                reference.model == recogniser.model() && cosine(&reference.values, template.values()) >= SAME_PHOTO
            });
        let other = found.into_iter().find(|found| found.subject.name != request.name);
        photo.resembles = other
            .filter(|found| rule.as_ref().is_some_and(|rule| rule.accepts(found.similarity)))
            .map(|found| (found.subject.name, found.similarity));
        if !request.force {
            photo.check(&request.name)?;
        }
    }
    let mut unknown = photos.iter().map(|photo| !photo.known);
    templates.retain(|_| unknown.next().unwrap_or(true));
    let values: Vec<&[f32]> = templates.iter().map(Template::values).collect();
    let enrolled = gallery.enrol(&request.name, request.details.clone(), recogniser.model(), &values, now)?;
    Ok(EnrolResult {
        subject: enrolled.subject,
        new: enrolled.new,
        added: enrolled.added,
        model: recogniser.model().to_owned(),
        photos,
    })
}

/// The face of each photograph.
fn look(recogniser: &Recogniser, request: &EnrolRequest) -> Result<(Vec<EnrolledPhoto>, Vec<Template>), Error> {
    let (mut photos, mut templates) = (Vec::new(), Vec::new());
    for photo in &request.photos {
        let photo = photo.read()?;
        let (seen, faces) = seen(&photo, recogniser)?;
        let quality = Quality::measure(&seen.crop, &seen.face.landmarks)?;
        let faults = quality.faults();
        let photo = EnrolledPhoto { photo: photo.path, faces, quality, faults, known: false, resembles: None };
        if !request.force {
            photo.check(&request.name)?;
        }
        photos.push(photo);
        templates.push(seen.template);
    }
    Ok((photos, templates))
}

/// Refuses to enrol somebody who would never be matched.
fn check_time(request: &EnrolRequest, known: Option<&Subject>, now: i64) -> Result<(), Error> {
    let name = &request.name;
    let until = request.details.keep_until.or(known.and_then(|subject| subject.details.keep_until));
    if !request.force && until.is_some_and(|until| until <= now) {
        return Err(Error::Refused(format!(
            "{:?} would be kept until a day that is over, and never be matched; hint: give a later day with --keep-until",
            name.as_str()
        )));
    }
    Ok(())
}

fn is_same(a: &Template, b: &Template) -> bool {
    a.similarity(b).is_ok_and(|similarity| similarity >= SAME_PHOTO)
}

impl EnrolledPhoto {
    fn check(&self, name: &SubjectName) -> Result<(), Error> {
        let refuse = |reason: String, remedy: &str| {
            let photo = self.photo.display();
            Err(Error::Refused(format!("{photo}: {reason}; hint: {remedy}, or enrol it all the same with --force")))
        };
        if self.faces > 1 {
            let reason = format!("it shows {} faces, and nobody said which is {:?}", self.faces, name.as_str());
            return refuse(reason, "cut the photograph to one");
        }
        if let Some(fault) = self.faults.first() {
            let quality = &self.quality;
            let (measure, remedy) = match fault {
                Fault::Small => {
                    (format!("{:.0} pixels between the eyes", quality.eye_distance), "take a larger photograph")
                }
                Fault::Blurred => (format!("sharpness {:.3}", quality.sharpness), "take a sharper photograph"),
                Fault::Turned => (
                    format!("nose {:.2} eye distances beside the middle, {:.2} up or down", quality.turn, quality.nod),
                    "take one that looks into the camera",
                ),
            };
            return refuse(format!("{fault} ({measure})"), remedy);
        }
        if let Some((other, similarity)) = &self.resembles {
            let reason = format!("the face is enrolled as {:?} already (similarity {similarity:.3})", other.as_str());
            return refuse(reason, "add the photograph to that name");
        }
        Ok(())
    }
}

impl EnrolResult {
    /// What was stored of each photograph.
    pub fn table(&self) -> Table {
        let mut table = Table::new(format!("Enrolled: {}", self.subject.name))
            .text("Photograph")
            .number("Eyes apart", "px")
            .number("Sharpness", "")
            .text("Note");
        for photo in &self.photos {
            let mut notes: Vec<String> = photo.faults.iter().map(ToString::to_string).collect();
            if photo.known {
                notes.push("enrolled before, not added again".to_owned());
            }
            if photo.faces > 1 {
                notes.push(format!("{} faces, the one in the middle taken", photo.faces));
            }
            if let Some((name, similarity)) = &photo.resembles {
                notes.push(format!("also enrolled as {name} (similarity {similarity:.3})"));
            }
            table = table.row([
                photo.photo.display().to_string(),
                format!("{:.0}", photo.quality.eye_distance),
                format!("{:.3}", photo.quality.sharpness),
                notes.join("; "),
            ]);
        }
        let who = if self.new { "new" } else { "known before" };
        table.note(format!(
            "{} ({who}) has {} template{} now, {} of them new; the photographs are not kept.",
            self.subject.name,
            self.subject.templates,
            if self.subject.templates == 1 { "" } else { "s" },
            self.added
        ))
    }
}
