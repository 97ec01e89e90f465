//! One person, or any of all.

use std::path::{Path, PathBuf};

use eyebar_gallery::search::Index;
use eyebar_gallery::{Event, Gallery, GalleryError, Subject, SubjectName};
use eyebar_report::Table;
use serde::Serialize;

use super::enrol::cosine;
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
    /// How often a search among so many would accept a stranger: 1 − (1 − FMR) to their number.
    pub fpir: f64,
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
    path: &Path,
    fmr: f64,
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
    let (seen, faces) = seen(&Photo::open(path)?, recogniser)?;
    let similarities = of_model.iter().map(|reference| cosine(&reference.values, seen.template.values()));
    let similarity = similarities.fold(f32::NEG_INFINITY, f32::max);
    let accepted = rule.accepts(similarity);
    gallery.record(Event::Verify, Some(&subject), outcome(accepted), now)?;
    Ok(VerifyResult {
        subject: name.clone(),
        photo: path.to_path_buf(),
        faces,
        model: recogniser.model().to_owned(),
        similarity,
        templates: of_model.len(),
        decision: Decision { accepted, subject: accepted.then(|| name.clone()), rule },
    })
}

/// Searches for the face of a photograph; `top` candidates are named.
///
/// # Errors
/// When nobody is enrolled with this network, or the photograph has no face.
pub fn identify(
    gallery: &mut Gallery,
    recogniser: &Recogniser,
    path: &Path,
    top: usize,
    fmr: f64,
    now: i64,
) -> Result<IdentifyResult, Error> {
    let rule = rule(gallery, recogniser, fmr)?;
    let searchable = Searchable::of(gallery, recogniser, now)?;
    let (seen, faces) = seen(&Photo::open(path)?, recogniser)?;
    let found = searchable.top(gallery, seen.template.values(), top.max(1))?;
    let accepted = found.first().is_some_and(|(_, similarity)| rule.accepts(*similarity));
    let best = if accepted { found.first().map(|&(owner, _)| &searchable.subjects[owner]) } else { None };
    let decision = Decision { accepted, subject: best.map(|subject| subject.name.clone()), rule };
    gallery.record(Event::Identify, best, outcome(accepted), now)?;
    let candidate = |(index, (owner, similarity)): (usize, (usize, f32))| Candidate {
        rank: index + 1,
        subject: searchable.subjects[owner].name.clone(),
        similarity,
    };
    let people = searchable.subjects.len();
    Ok(IdentifyResult {
        photo: path.to_path_buf(),
        faces,
        model: recogniser.model().to_owned(),
        subjects: people,
        candidates: found.into_iter().take(top).enumerate().map(candidate).collect(),
        fpir: 1.0 - (1.0 - decision.rule.fmr).powf(people as f64),
        decision,
    })
}

fn outcome(accepted: bool) -> &'static str {
    if accepted { "accepted" } else { "refused" }
}

/// The templates of one network, ready to be searched.
struct Searchable {
    index: Index,
    subjects: Vec<Subject>,
    /// Subject and number in the gallery of each row.
    rows: Vec<(usize, i64)>,
}

impl Searchable {
    fn of(gallery: &Gallery, recogniser: &Recogniser, now: i64) -> Result<Self, Error> {
        let mut this =
            Self { index: Index::new(recogniser.embedder().dimension()), subjects: Vec::new(), rows: Vec::new() };
        let mut odd = None;
        gallery.each_reference(recogniser.model(), now, |subject, reference| {
            if reference.values.len() != recogniser.embedder().dimension() {
                odd = Some(subject.name.to_string());
                return;
            }
            if this.subjects.last().is_none_or(|last| last.id != subject.id) {
                this.subjects.push(subject.clone());
            }
            this.index.push(&reference.values);
            this.rows.push((this.subjects.len() - 1, reference.id));
        })?;
        if let Some(name) = odd {
            return Err(GalleryError::Altered { what: format!("a template of {name:?}") }.into());
        }
        if this.index.is_empty() {
            let all = gallery.stats(now)?;
            let others: Vec<_> = all.models.iter().map(|(model, _)| model.as_str()).collect();
            return Err(Error::Refused(match others[..] {
                [] => "the gallery is empty; hint: `eyebar enrol SUBJECT PHOTO` adds somebody".to_owned(),
                _ => format!(
                    "nobody to be matched has a template of {}; hint: the gallery has those of {}: name that network with \
                     --model, or enrol again",
                    recogniser.model(),
                    others.join(", ")
                ),
            }));
        }
        Ok(this)
    }

    /// The `count` most similar subjects, each with its most similar template.
    fn top(&self, gallery: &Gallery, query: &[f32], count: usize) -> Result<Vec<(usize, f32)>, Error> {
        // Several templates of one subject may come first: then more are asked for.
        let mut wanted = count;
        loop {
            let exact = |row: usize, values: &mut Vec<f32>| -> Result<(), Error> {
                let id = self.rows[row].1;
                let gone = || GalleryError::Altered { what: "a template that was read a moment ago".to_owned() };
                values.extend_from_slice(&gallery.reference(id)?.ok_or_else(gone)?.values);
                Ok(())
            };
            let hits = self.index.top(query, wanted, exact)?;
            let mut best: Vec<(usize, f32)> = Vec::new();
            for hit in &hits {
                let subject = self.rows[hit.row].0;
                if best.iter().all(|(known, _)| *known != subject) {
                    best.push((subject, hit.similarity));
                }
            }
            if best.len() >= count || hits.len() == self.index.len() {
                best.truncate(count);
                return Ok(best);
            }
            wanted = (wanted * 4).min(self.index.len());
        }
    }
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
        table.note(format!(
            "{} Among {} people, a stranger would be accepted in {:.1e} of searches.",
            self.decision.rule.describe(),
            self.subjects,
            self.fpir
        ))
    }
}
