//! One person, or any of all.

use std::path::PathBuf;

use eyebar_face::cosine;
use eyebar_gallery::{Event, Gallery, Match, Progress, Search, SubjectName};
use eyebar_report::Table;
use serde::Serialize;

use super::{rule, seen};
use crate::decision::Rule;
use crate::error::Error;
use crate::recogniser::Recogniser;
use crate::scene::Photo;

/// What was decided, and by what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// Whether the face was recognised.
    pub accepted: bool,
    /// As whom; nobody where the face is unknown.
    pub subject: Option<SubjectName>,
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
}

/// A photograph beside one subject.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyResult {
    /// The subject.
    pub subject: SubjectName,
    /// The photograph.
    pub photo: PathBuf,
    /// Faces in it; the one nearest to the middle was compared.
    pub faces: usize,
    /// The network.
    pub model: String,
    /// Largest similarity with one of the subject's templates.
    pub similarity: f32,
    /// Number of those.
    pub templates: usize,
    /// How often a stranger would be accepted by one of them, at most: 1 − (1 − FMR) to their number.
    pub false_accept: f64,
    /// The decision.
    pub decision: Decision,
}

/// A photograph among all subjects.
#[derive(Debug, Clone, Serialize)]
pub struct IdentifyResult {
    /// The photograph.
    pub photo: PathBuf,
    /// Faces in it; the one nearest to the middle was searched for.
    pub faces: usize,
    /// The network.
    pub model: String,
    /// People who were searched: those with templates of the network, whose time is not over.
    pub subjects: usize,
    /// The most similar, most similar first.
    pub candidates: Vec<Candidate>,
    /// The decision about the first.
    pub decision: Decision,
    /// Their templates.
    pub templates: usize,
    /// How often a search among so many templates would accept a stranger, at most: 1 − (1 − FMR) to their number.
    pub fpir: f64,
    /// Whether the face was compared with all of them, or searched for by an index of the server, which may pass over some.
    pub search: Search,
}

/// Somebody who may be on the photograph.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The place, from 1.
    pub rank: usize,
    /// The subject.
    pub subject: SubjectName,
    /// Largest similarity with one of the subject's templates.
    pub similarity: f32,
}

/// Compares the face of a photograph with the templates of `name`.
///
/// # Errors
/// When there is no such subject or no template of this network, the subject's time is over, or the photograph has no face.
pub fn verify(
    gallery: &mut Gallery,
    recogniser: &Recogniser,
    name: &SubjectName,
    photo: &Photo,
    fmr: Option<f64>,
    now: i64,
) -> Result<VerifyResult, Error> {
    let subject = gallery.subject(name)?;
    if subject.details.expired(now) {
        return Err(Error::Refused(format!(
            "{:?} is kept no longer, so nobody is compared with it; hint: `eyebar gallery purge` erases what is left",
            name.as_str()
        )));
    }
    let rule = rule(gallery, recogniser, fmr)?;
    let references = gallery.references(name)?;
    let of_model: Vec<_> = references.iter().filter(|reference| reference.model == recogniser.model()).collect();
    if of_model.is_empty() {
        let other = references.first().map_or("no network", |reference| &reference.model);
        return Err(Error::Refused(format!(
            "{:?} has templates of {other}, none of {}; hint: name that network with --model, or enrol again with this one",
            name.as_str(),
            recogniser.model()
        )));
    }
    let (seen, faces) = seen(photo, recogniser)?;
    let similarities = of_model.iter().map(|reference| cosine(&reference.values, seen.template.values()));
    let similarity = similarities.fold(f32::NEG_INFINITY, f32::max);
    let accepted = rule.accepts(similarity);
    gallery.record(Event::Verify, Some(&subject), outcome(accepted), now)?;
    Ok(VerifyResult {
        subject: name.clone(),
        photo: photo.path.clone(),
        faces,
        model: recogniser.model().to_owned(),
        similarity,
        templates: of_model.len(),
        false_accept: of_many(rule.fmr, of_model.len()),
        decision: Decision { accepted, subject: accepted.then(|| name.clone()), rule },
    })
}

/// Searches for the face of a photograph; `top` candidates are named. `progress` is told the templates compared.
///
/// # Errors
/// When nobody is enrolled with this network, or the photograph has no face.
pub fn identify(
    gallery: &mut Gallery,
    recogniser: &Recogniser,
    photo: &Photo,
    top: usize,
    fmr: Option<f64>,
    now: i64,
    progress: Progress<'_>,
) -> Result<IdentifyResult, Error> {
    let rule = rule(gallery, recogniser, fmr)?;
    let (seen, faces) = seen(photo, recogniser)?;
    let found = gallery.nearest(recogniser.model(), &[seen.template.values()], top.max(1), now, progress)?;
    let people = found.matches.into_iter().next().unwrap_or_default();
    let Some(first) = people.first() else {
        return Err(nobody(gallery, recogniser, now)?);
    };
    let accepted = rule.accepts(first.similarity);
    let best = accepted.then_some(&first.subject);
    gallery.record(Event::Identify, best, outcome(accepted), now)?;
    let decision = Decision { accepted, subject: best.map(|subject| subject.name.clone()), rule };
    let candidate = |(index, Match { subject, similarity }): (usize, Match)| Candidate {
        rank: index + 1,
        subject: subject.name,
        similarity,
    };
    Ok(IdentifyResult {
        photo: photo.path.clone(),
        faces,
        model: recogniser.model().to_owned(),
        subjects: found.subjects,
        templates: found.templates,
        candidates: people.into_iter().enumerate().map(candidate).collect(),
        fpir: of_many(decision.rule.fmr, found.templates),
        decision,
        search: found.search,
    })
}

/// How often one of `count` comparisons with a stranger is accepted where each is at the rate `fmr`.
fn of_many(fmr: f64, count: usize) -> f64 {
    1.0 - (1.0 - fmr).powf(count as f64)
}

fn nobody(gallery: &Gallery, recogniser: &Recogniser, now: i64) -> Result<Error, Error> {
    let all = gallery.stats(now)?;
    let others: Vec<_> = all.models.iter().map(|(model, _)| model.as_str()).collect();
    Ok(Error::Refused(match others[..] {
        [] => "the gallery is empty; hint: `eyebar enrol SUBJECT PHOTO` adds somebody".to_owned(),
        _ => format!(
            "nobody to be matched has a template of {}; hint: the gallery has those of {}: name that network with --model, or \
             enrol again",
            recogniser.model(),
            others.join(", ")
        ),
    }))
}

fn outcome(accepted: bool) -> &'static str {
    if accepted { "accepted" } else { "refused" }
}

impl VerifyResult {
    /// The comparison.
    pub fn table(&self) -> Table {
        let table = Table::new(format!("Is this {}?", self.subject)).text("").text("");
        let answer = if self.decision.accepted { "yes" } else { "no" };
        table
            .row(["Answer".to_owned(), answer.to_owned()])
            .row(["Similarity".to_owned(), format!("{:.4}", self.similarity)])
            .row(["Templates compared".to_owned(), self.templates.to_string()])
            .note(self.decision.rule.describe())
    }
}

impl IdentifyResult {
    /// The candidates.
    pub fn table(&self) -> Table {
        let who = match &self.decision.subject {
            Some(name) => format!("Recognised: {name}"),
            None => "Not recognised: nobody in the gallery".to_owned(),
        };
        let mut table = Table::new(who).number("Rank", "").text("Subject").number("Similarity", "");
        for candidate in &self.candidates {
            let similarity = format!("{:.4}", candidate.similarity);
            table = table.row([candidate.rank.to_string(), candidate.subject.to_string(), similarity]);
        }
        let search = match self.search {
            Search::Exact => "",
            Search::Approximate => " The server's index searched them, and may have passed over somebody.",
        };
        table.note(format!(
            "{} Among {} people with {} templates, a stranger would be accepted in at most {:.1e} of searches.{search}",
            self.decision.rule.describe(),
            self.subjects,
            self.templates,
            self.fpir
        ))
    }
}
