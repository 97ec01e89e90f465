//! The anonymisation audit: given one ordinary photograph of each candidate, does an attacker still find the right person
//! behind the mask?

mod bench;
mod cast;
mod condition;
mod csv;
mod evidence;
mod figures;
mod groups;
mod look;
mod present;
mod report;
mod roster;
mod smallest;
mod store;
mod verdict;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eyebar_audit::identification::Draws;
use eyebar_explain::Progress;
use eyebar_face::Mask;
use serde::{Deserialize, Serialize};

pub use condition::{Alignment, Attacker, Shown};
pub use evidence::EvidenceRow;
pub use figures::Row;
pub use groups::{GroupFigures, GroupSource};
pub use roster::Shard;
pub use smallest::Smallest;
pub(in crate::tasks) use smallest::families;
pub use verdict::Verdict;

use crate::dataset::{Dataset, Person};
use crate::error::Error;
use crate::matcher::Matcher;
use cast::Cast;
use figures::{ProbeScore, Setting};
use look::{Eyes, Look};
use roster::Roster;
use smallest::Search;
use store::Cache;

/// What is tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRequest {
    /// The people.
    pub dataset: PathBuf,
    /// Masks.
    #[serde(with = "masks_as_text")]
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
    /// Most people that adapted attackers and eigenfaces learn from.
    pub learners: usize,
    /// Most people who are never enrolled, and should be found to be nobody.
    pub strangers: usize,
    /// Most people of whom it is found out which parts make two photographs alike.
    pub evidence: usize,
    /// Groups whose figures are reported apart.
    #[serde(skip)]
    pub groups: Vec<GroupSource>,
    /// Share of probes of which at most the right person may come first.
    pub target: f64,
    /// Whether the smallest mask of each family that meets the target is looked for.
    pub search: bool,
    /// Seed of draws, intervals and noise.
    pub seed: u64,
    /// The command that makes the same, for the record.
    pub command: String,
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
            learners: 200,
            strangers: 240,
            evidence: 30,
            groups: Vec::new(),
            target: 0.05,
            search: false,
            seed: 0,
            command: String::new(),
        }
    }

    fn learns(&self) -> bool {
        self.attackers.contains(&Attacker::Adapted) || self.matchers.contains(&Matcher::Eigenfaces)
    }

    /// People of whom it is found out what makes two photographs alike: for the network that embeds faces.
    fn explained(&self) -> usize {
        if self.matchers.contains(&Matcher::Sface) { self.evidence } else { 0 }
    }
}

/// The masks that are tried where none are named.
pub fn default_masks() -> Vec<Mask> {
    vec![
        Mask::EYE_BAR,
        Mask::EYES_NOSE,
        Mask::FACE,
        Mask::HEAD,
        Mask::Blur { sigma: 0.1 },
        Mask::Blur { sigma: 0.3 },
        Mask::Pixelate { cells: 8 },
        Mask::Noise,
    ]
}

/// Masks as their text.
mod masks_as_text {
    use eyebar_face::Mask;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(masks: &[Mask], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(masks.iter().map(Mask::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Mask>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
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
    /// Others again, who were never enrolled.
    pub strangers: usize,
    /// Seed of draws, intervals and noise.
    pub seed: u64,
    /// The command that makes the same.
    pub command: String,
    /// Share of probes whose person comes first by chance.
    pub chance: f64,
    /// The networks, with the start of their hashes.
    pub models: Vec<String>,
    /// What was wrong with the dataset, and what was done about it.
    pub findings: Vec<Finding>,
    /// A row for each matcher, attacker, alignment and mask.
    pub rows: Vec<Row>,
    /// Which parts of a face make two photographs of one person alike.
    pub evidence: Vec<EvidenceRow>,
    /// The worst case for each mask.
    pub verdicts: Vec<Verdict>,
    /// Share of probes of which at most the right person may come first.
    pub target: f64,
    /// The smallest mask of each family that meets the target; nothing where that was not asked for.
    pub smallest: Option<Vec<Smallest>>,
    /// Everything that was shown.
    #[serde(skip)]
    pub shown: Vec<Shown>,
    /// What every attack found of every photograph.
    #[serde(skip)]
    scores: Vec<ProbeScore>,
    /// Who was looked for, in the order of the scores.
    #[serde(skip)]
    subjects: Vec<String>,
}

/// Most memory that vectors and similarities may take together.
const MOST_BYTES: usize = 16 << 30;

/// Refuses what would not fit into memory.
fn check_size(cast: &Cast, request: &AuditRequest, shown: usize) -> Result<(), Error> {
    let photos = |people: &[Person]| people.iter().map(|person| person.photos.len()).sum::<usize>();
    let own = photos(&cast.people);
    // What is extracted twice, with both alignments, and what once.
    let values = |matcher: &Matcher| if matcher.sees_whole_photograph() { 1 } else { 2 } * matcher.values();
    let kept: usize = [Matcher::Sface, Matcher::Vgg16, Matcher::Pixels]
        .iter()
        .filter(|kind| request.matchers.iter().any(|matcher| matcher.kind() == **kind))
        .map(values)
        .sum();
    let longest: usize = request.matchers.iter().map(|matcher| matcher.values()).max().unwrap_or(0);
    // Each view once, and for each thread three copies of what is compared and four numbers for each pair.
    let views = (own + photos(&cast.learners) + photos(&cast.strangers)) * shown * kept;
    let threads = rayon::current_num_threads().min(shown);
    let compared = threads * (3 * own * longest + own.saturating_mul(own).saturating_mul(4));
    let bytes = views.saturating_add(compared).saturating_mul(4);
    if bytes > MOST_BYTES {
        return Err(Error::Usage(format!(
            "{own} photographs shown in {shown} ways would take {} GB of memory; hint: ask for fewer --people, --photos, \
             --masks or --matchers, or for one of --threads",
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

/// Runs the audit; `stage` is told what is being done, `progress` how much of it. Where a folder is named for it, what was
/// seen of the photographs is kept there: embeddings, which are biometric data.
///
/// # Errors
/// When the dataset cannot be read, has too few people or photographs, or `progress` cancels.
pub fn audit(
    request: &AuditRequest,
    cache: Option<&Path>,
    stage: &dyn Fn(&str),
    progress: Progress<'_>,
) -> Result<AuditResult, Error> {
    let cast = Cast::of(&Dataset::open(&request.dataset)?, request)?;
    let shown = Shown::all(&request.masks);
    check_size(&cast, request, shown.len())?;
    let chance = 1.0 / cast.people.len() as f64;
    if request.search && request.target <= chance {
        return Err(Error::Usage(format!(
            "a target of {} among {} people, of whom {chance:.3} are found by chance; hint: give more people, or a higher target",
            request.target,
            cast.people.len()
        )));
    }
    let eyes = Eyes::new(request)?;
    let mut cache = match cache {
        Some(folder) => Cache::open(folder, eyes.settings())?,
        None => Cache::none(),
    };
    stage("photographs");
    let looked = eyes.look(&cast.entries(request), &shown, None, &mut cache, progress)?;
    let look = Look::sorted(&cast, request, looked.into_iter().flatten().collect());
    let mut result = judged(request, &cast, &shown, look, eyes.models(), stage, progress)?;
    if request.search {
        stage("smaller masks");
        let draws = draws(request, result.people)?;
        let search = Search { request, cast: &cast, eyes: &eyes, draws: &draws };
        result.smallest = Some(search.run(&result.rows, request.target, &mut cache, progress)?);
    }
    Ok(result)
}

/// Looks at the photographs of one shard, and writes what was seen, and who plays which part, to a folder; [`merge`] makes
/// the audit of all shards. Answers how many photographs were looked at.
///
/// # Errors
/// As [`audit`], and where the search for smaller masks is asked for, which looks at all photographs again.
pub fn audit_shard(
    request: &AuditRequest,
    shard: Shard,
    folder: &Path,
    stage: &dyn Fn(&str),
    progress: Progress<'_>,
) -> Result<usize, Error> {
    if request.search {
        let reason = "a shard cannot look for smaller masks: that takes all photographs; hint: leave --target out";
        return Err(Error::Usage(reason.to_owned()));
    }
    let cast = Cast::of(&Dataset::open(&request.dataset)?, request)?;
    let shown = Shown::all(&request.masks);
    check_size(&cast, request, shown.len())?;
    let eyes = Eyes::new(request)?;
    let mut cache = Cache::open(folder, eyes.settings())?;
    let entries = cast.entries(request);
    stage("photographs");
    let looked = eyes.look(&entries, &shown, Some(shard), &mut cache, progress)?;
    let hashes: BTreeMap<String, String> = entries
        .iter()
        .zip(looked)
        .filter_map(|(entry, looked)| Some((entry.path.display().to_string(), looked?.sha256)))
        .collect();
    let count = hashes.len();
    let roster = Roster {
        shard,
        settings: eyes.settings().to_owned(),
        models: eyes.models().to_vec(),
        request: request.clone(),
        cast,
        hashes,
    };
    roster.write(folder)?;
    Ok(count)
}

/// The audit of all shards, as one run would have made it; the photographs are not needed.
///
/// # Errors
/// When a shard is missing, not complete, or of another audit, and when `progress` cancels.
pub fn merge(folders: &[PathBuf], stage: &dyn Fn(&str), progress: Progress<'_>) -> Result<AuditResult, Error> {
    let roster = Roster::merged(folders)?;
    stage("shards");
    let cache = Cache::merged(folders, &roster.settings)?;
    let Roster { request, cast, .. } = &roster;
    let shown = Shown::all(&request.masks);
    let looked = look::recalled(&cast.entries(request), &shown, &roster.hashes, &cache)?;
    judged(request, cast, &shown, Look::sorted(cast, request, looked), &roster.models, stage, progress)
}

/// Deletes what was kept of the photographs in a folder: embeddings, which are biometric data.
///
/// # Errors
/// When a file cannot be deleted.
pub fn delete_embeddings(folder: &Path) -> Result<(), Error> {
    store::delete(folder)
}

fn draws(request: &AuditRequest, people: usize) -> Result<Draws, Error> {
    Draws::new(people, request.photos, request.draws, request.seed)
        .map_err(|source| Error::Dataset { path: request.dataset.clone(), source })
}

/// What it comes to.
fn judged(
    request: &AuditRequest,
    cast: &Cast,
    shown: &[Shown],
    mut look: Look,
    models: &[String],
    stage: &dyn Fn(&str),
    progress: Progress<'_>,
) -> Result<AuditResult, Error> {
    let draws = draws(request, look.people.len())?;
    let groups = groups::groups(&cast.groups, &look.people, &mut look.findings);
    stage("attacks");
    let setting = Setting { request, shown, look: &look, draws: &draws, groups: &groups };
    let (rows, scores) = figures::rows(&setting, progress).map_err(|error| error.of(&request.dataset))?;
    let verdicts = verdict::verdicts(shown, &rows, request.target);
    let explained: Vec<&str> =
        cast.people.iter().take(request.explained()).map(|person| person.name.as_str()).collect();
    Ok(AuditResult {
        dataset: request.dataset.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        people: look.people.len(),
        photos: request.photos,
        draws: request.draws,
        learners: look.learners.len(),
        learner_photos: look.learners.iter().map(|learner| learner.photos.len()).sum(),
        strangers: look.strangers.len(),
        seed: request.seed,
        command: request.command.clone(),
        chance: 1.0 / look.people.len() as f64,
        models: models.to_vec(),
        evidence: evidence::rows(shown, &look, &explained, &groups, request.seed),
        findings: look.findings,
        rows,
        verdicts,
        target: request.target,
        smallest: None,
        shown: shown.to_vec(),
        scores,
        subjects: look.people.into_iter().map(|person| person.name).collect(),
    })
}
