//! Verification on Labeled Faces in the Wild.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Instant;

use eyebar_audit::verification::{Pair, Photograph, Roc, Score, accuracy_in_folds, read_pairs};
use eyebar_explain::Progress;
use eyebar_face::Template;
use eyebar_imaging::{RgbImage, flip_horizontal};
use eyebar_report::Table;
use serde::Serialize;

use crate::dataset::read_list;
use crate::error::Error;
use crate::model::Model;
use crate::recogniser::{Recogniser, each_photo};

/// Similarity of a pair with a photograph in which no face was found: never accepted.
const NO_FACE: f32 = -1.0;

/// Shares of non-mated pairs that may be accepted.
const RATES: [f64; 2] = [0.01, 0.001];

/// View 2 of LFW: ten folds of mated and non-mated pairs.
#[derive(Debug, Clone, Serialize)]
pub struct LfwResult {
    /// The model, with the start of its hash.
    pub model: String,
    /// Figures of the embeddings as they are.
    #[serde(flatten)]
    pub plain: Figures,
    /// The same where a face's template is the mean of that and its mirror image's; where it was asked for.
    pub flip: Option<Figures>,
    /// Pairs compared.
    pub pairs: usize,
    /// Folds they come in.
    pub folds: usize,
    /// Photographs that the pairs name.
    pub images: usize,
    /// Photographs without a face: their pairs count as refused.
    pub not_detected: usize,
    /// Those photographs.
    pub without_face: Vec<String>,
    /// Time for all photographs, from the file to the template.
    pub seconds: f64,
    /// The same for one, in milliseconds.
    pub ms_per_image: f64,
    /// Threads.
    pub threads: usize,
}

/// How well mated pairs are told from others.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Mean accuracy of the folds, each with the threshold chosen on the others, 0 to 1.
    pub accuracy: f64,
    /// Standard deviation over the folds.
    pub accuracy_std: f64,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Equal error rate.
    pub eer: f64,
    /// Share of mated pairs accepted at thresholds that accept at most this share of the others.
    pub tar_at_far: BTreeMap<String, f64>,
    /// Non-mated pairs that were accepted there: how much these figures rest on.
    pub false_accepts: BTreeMap<String, usize>,
}

/// Measures `model` on the photographs of `folder` (`PERSON/PERSON_0001.jpg`) that the list `pairs` names, the face
/// nearest to the middle of each; with `flip`, with mirror images too.
///
/// # Errors
/// When the list or a photograph cannot be read, the model is no embedder, or `progress` cancels.
pub fn lfw(folder: &Path, pairs: &Path, model: &Model, flip: bool, progress: Progress<'_>) -> Result<LfwResult, Error> {
    let text = read_list(pairs)?;
    let folds = read_pairs(&text).map_err(|source| Error::Dataset { path: pairs.to_path_buf(), source })?;
    let photographs: BTreeSet<&Photograph> =
        folds.iter().flatten().flat_map(|pair| [&pair.left, &pair.right]).collect();
    let paths: Vec<PathBuf> = photographs.iter().map(|photograph| folder.join(photograph.path())).collect();
    if let Some(missing) = paths.iter().find(|path| !path.is_file()) {
        return Err(Error::Usage(format!(
            "{}: the list of pairs names it, but it is not there; hint: give the folder that holds a folder for each person",
            missing.display()
        )));
    }
    let recogniser = Recogniser::new(model)?;
    let start = Instant::now();
    let templates = each_photo(&paths, |photo| templates_of(&recogniser, &photo.image, flip), progress)?;
    let seconds = start.elapsed().as_secs_f64();
    let at: HashMap<&Photograph, usize> = photographs.iter().enumerate().map(|(index, &at)| (at, index)).collect();
    let figures = |pick: &dyn Fn(&Templates) -> &Template| {
        let score = |pair: &Pair| -> Result<Score, Error> {
            let (left, right) = (&templates[at[&pair.left]], &templates[at[&pair.right]]);
            let similarity = match (left, right) {
                (Some(left), Some(right)) => pick(left).similarity(pick(right))?,
                _ => NO_FACE,
            };
            Ok(Score { similarity, mated: pair.mated })
        };
        let scored = folds.iter().map(|fold| fold.iter().map(score).collect()).collect::<Result<Vec<Vec<_>>, _>>()?;
        Figures::of(&scored).map_err(|source| Error::Dataset { path: pairs.to_path_buf(), source })
    };
    let plain = figures(&|templates| &templates.plain)?;
    let flip =
        if flip { Some(figures(&|templates| templates.flip.as_ref().unwrap_or(&templates.plain))?) } else { None };
    let without = templates.iter().zip(&photographs).filter(|(template, _)| template.is_none());
    let without_face: Vec<String> = without.map(|(_, photograph)| photograph.path()).collect();
    Ok(LfwResult {
        model: recogniser.model().to_owned(),
        plain,
        flip,
        pairs: folds.iter().map(Vec::len).sum(),
        folds: folds.len(),
        images: paths.len(),
        not_detected: without_face.len(),
        without_face,
        seconds,
        ms_per_image: 1e3 * seconds / paths.len() as f64,
        threads: rayon::current_num_threads(),
    })
}

/// Of one photograph.
struct Templates {
    plain: Template,
    flip: Option<Template>,
}

fn templates_of(recogniser: &Recogniser, image: &RgbImage, flip: bool) -> Result<Option<Templates>, Error> {
    let Some(seen) = recogniser.central(image)? else { return Ok(None) };
    let flip = match flip {
        true => {
            let mirrored = recogniser.embedder().embed(&flip_horizontal(&seen.crop))?;
            Some(Template::mean(&[seen.template.clone(), mirrored])?)
        }
        false => None,
    };
    Ok(Some(Templates { plain: seen.template, flip }))
}

impl Figures {
    fn of(folds: &[Vec<Score>]) -> Result<Self, eyebar_audit::AuditError> {
        let accuracy = accuracy_in_folds(folds)?;
        let roc = Roc::new(&folds.concat())?;
        let points = RATES.map(|rate| (rate.to_string(), roc.at_false_accepts(rate)));
        Ok(Self {
            accuracy: accuracy.mean,
            accuracy_std: accuracy.deviation,
            auc: roc.auc(),
            eer: roc.equal_error_rate(),
            tar_at_far: points.iter().map(|(rate, point)| (rate.clone(), point.true_accepts)).collect(),
            false_accepts: points.iter().map(|(rate, point)| (rate.clone(), point.accepted)).collect(),
        })
    }
}

impl LfwResult {
    /// The figures, and what they were measured on.
    pub fn tables(&self) -> Vec<Table> {
        let mut figures = Table::new(format!("LFW, View 2: {}", self.model)).text("").number("Plain", "");
        if self.flip.is_some() {
            figures = figures.number("With mirror image", "");
        }
        let all: Vec<&Figures> = std::iter::once(&self.plain).chain(&self.flip).collect();
        let mut row = |name: String, cell: &dyn Fn(&Figures) -> String| {
            let cells = std::iter::once(name).chain(all.iter().map(|figures| cell(figures)));
            figures = std::mem::take(&mut figures).row(cells);
        };
        let accuracy = |figures: &Figures| format!("{:.4} ± {:.4}", figures.accuracy, figures.accuracy_std);
        row(format!("Accuracy, {} folds", self.folds), &accuracy);
        row("Area under the curve".to_owned(), &|figures| format!("{:.5}", figures.auc));
        row("Equal error rate, %".to_owned(), &|figures| format!("{:.2}", 100.0 * figures.eer));
        for rate in RATES {
            let key = rate.to_string();
            row(format!("TAR at {} % FAR, %", 100.0 * rate), &|figures| {
                figures.tar_at_far.get(&key).map_or_else(String::new, |share| format!("{:.2}", 100.0 * share))
            });
        }
        let fewest = self.plain.false_accepts.values().min().copied().unwrap_or_default();
        if fewest < 10 {
            let note = format!("The lowest FAR rests on {fewest} false accepts: too few for a firm figure.");
            figures = figures.note(note);
        }
        let mut work = Table::new("Photographs").text("").number("", "");
        for (name, value) in [
            ("Pairs", self.pairs.to_string()),
            ("Photographs", self.images.to_string()),
            ("Without a face", self.not_detected.to_string()),
            ("Seconds in all", format!("{:.1}", self.seconds)),
            ("Milliseconds each", format!("{:.2}", self.ms_per_image)),
            ("Threads", self.threads.to_string()),
        ] {
            work = work.row([name.to_owned(), value]);
        }
        if !self.without_face.is_empty() {
            let shown: Vec<_> = self.without_face.iter().take(5).map(String::as_str).collect();
            let more = if self.without_face.len() > shown.len() { ", …" } else { "" };
            work = work.note(format!("Counted as refused: {}{more}.", shown.join(", ")));
        }
        vec![figures, work]
    }
}
