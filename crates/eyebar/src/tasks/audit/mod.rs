//! The anonymisation audit: given one ordinary photograph of each candidate, does an attacker still find the right person
//! behind the mask?

mod cast;
mod condition;
mod figures;
mod look;
mod present;
mod verdict;

use std::path::{Path, PathBuf};

use eyebar_audit::identification::Draws;
use eyebar_explain::Progress;
use eyebar_face::Mask;
use serde::Serialize;

pub use condition::{Alignment, Attacker, Shown};
pub use figures::Row;
pub use verdict::Verdict;

use crate::dataset::{Dataset, Person};
use crate::error::Error;
use crate::matcher::Matcher;
use cast::Cast;
use look::Look;

/// What is tried.
#[derive(Debug, Clone)]
pub struct AuditRequest {
    /// The people.
    pub dataset: PathBuf,
    /// Masks.
    pub masks: Vec<Mask>,
    /// What the attacker knows.
    pub attackers: Vec<Attacker>,
    /// What the attacker tells faces apart by.
    pub matchers: Vec<Matcher>,
    /// Most people who are looked for.
    pub people: usize,
    /// Photographs of each.
    pub photos: usize,
    /// Draws of who is enrolled with which photograph.
    pub draws: usize,
    /// Share of probes of which at most the right person may come first.
    pub target: f64,
    /// Seed of draws, intervals and noise.
    pub seed: u64,
}

impl AuditRequest {
    /// The audit with everything as usual.
    pub fn new(dataset: &Path) -> Self {
        Self {
            dataset: dataset.to_path_buf(),
            masks: default_masks(),
            attackers: Attacker::ALL.to_vec(),
            matchers: Matcher::ALL.to_vec(),
            people: 1000,
            photos: 20,
            draws: 20,
            target: 0.05,
            seed: 0,
        }
    }
}

/// The masks that are tried where none are named.
pub fn default_masks() -> Vec<Mask> {
    vec![
        Mask::EyeBar,
        Mask::EyesNose,
        Mask::Face,
        Mask::Head,
        Mask::Blur { sigma: 0.1 },
        Mask::Blur { sigma: 0.3 },
        Mask::Pixelate { cells: 8 },
        Mask::Noise,
    ]
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct AuditResult {
    /// The dataset's name.
    pub dataset: String,
    /// People looked for.
    pub people: usize,
    /// Photographs of each.
    pub photos: usize,
    /// Draws.
    pub draws: usize,
    /// Other people that adapted attackers and eigenfaces learnt from.
    pub learners: usize,
    /// Their photographs.
    pub learner_photos: usize,
    /// Seed of draws, intervals and noise.
    pub seed: u64,
    /// Share of probes whose person comes first by chance.
    pub chance: f64,
    /// The networks, with the start of their hashes.
    pub models: Vec<String>,
    /// What was wrong with the dataset, and what was done about it.
    pub findings: Vec<Finding>,
    /// A row for each matcher, attacker, alignment and mask.
    pub rows: Vec<Row>,
    /// The worst case for each mask.
    pub verdicts: Vec<Verdict>,
    /// Share of probes of which at most the right person may come first.
    pub target: f64,
}

/// Most memory that vectors and similarities may take together.
const MOST_BYTES: usize = 16 << 30;

/// Refuses what would not fit into memory.
fn check_size(cast: &Cast, request: &AuditRequest, shown: usize) -> Result<(), Error> {
    let photos = |people: &[Person]| people.iter().map(|person| person.photos.len()).sum::<usize>();
    let own = photos(&cast.people);
    let values: usize = request.matchers.iter().map(|matcher| matcher.values()).max().unwrap_or(0);
    // Each view once, three copies of what is compared, and four numbers for each pair.
    let vectors = (own + photos(&cast.learners)) * shown * values + 3 * own * values;
    let bytes = vectors.saturating_mul(4).saturating_add(own.saturating_mul(own).saturating_mul(16));
    if bytes > MOST_BYTES {
        return Err(Error::Usage(format!(
            "{own} photographs shown in {shown} ways would take {} GB of memory; hint: ask for fewer --people, --photos, \
             --masks or --matchers",
            bytes >> 30
        )));
    }
    Ok(())
}

/// Something about the dataset that a reader should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Photograph or person.
    pub what: String,
    /// What is wrong with it.
    pub problem: &'static str,
    /// What was done about it.
    pub done: &'static str,
}

/// Runs the audit; `stage` is told what is being done, `progress` how much of it.
///
/// # Errors
/// When the dataset cannot be read, has too few people or photographs, or `progress` cancels.
pub fn audit(request: &AuditRequest, stage: &dyn Fn(&str), progress: Progress<'_>) -> Result<AuditResult, Error> {
    let in_dataset = |source| Error::Dataset { path: request.dataset.clone(), source };
    let learns = request.attackers.contains(&Attacker::Adapted) || request.matchers.contains(&Matcher::Eigenfaces);
    let cast = Cast::of(&Dataset::open(&request.dataset)?, request, learns)?;
    let shown = Shown::all(&request.masks);
    check_size(&cast, request, shown.len())?;
    let look = Look::at(&cast, request, &shown, stage, progress)?;
    let draws = Draws::new(look.people.len(), request.photos, request.draws, request.seed).map_err(in_dataset)?;
    stage("attacks");
    let rows = figures::rows(request, &shown, &look, &draws, progress).map_err(|error| error.of(&request.dataset))?;
    let verdicts = verdict::verdicts(&shown, &rows, request.target);
    Ok(AuditResult {
        dataset: request.dataset.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        people: look.people.len(),
        photos: request.photos,
        draws: request.draws,
        learners: look.learners.len(),
        learner_photos: look.learners.iter().map(|learner| learner.photos.len()).sum(),
        seed: request.seed,
        chance: 1.0 / look.people.len() as f64,
        models: look.models,
        findings: look.findings,
        rows,
        verdicts,
        target: request.target,
    })
}
