//! From which similarity on two faces are taken for one person: measured, never guessed.

use std::path::Path;

use eyebar_audit::verification::{CalibratedThreshold, calibrate};
use eyebar_explain::Progress;
use eyebar_face::Template;
use eyebar_report::Table;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::Error;
use crate::model::Model;
use crate::recogniser::{Recogniser, each_photo};

/// False match rate at which decisions are made unless told otherwise.
pub const DEFAULT_FMR: f64 = 1e-4;

/// Thresholds of a model for stated false match rates, with what they were measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The model, as templates name it.
    pub model: String,
    /// What it was measured on.
    pub dataset: String,
    /// People with a photograph in which a face was found.
    pub people: usize,
    /// Pairs of different people.
    pub pairs: usize,
    /// Pairs of photographs of one person.
    pub mated: usize,
    /// Photographs without a face, left out.
    pub not_detected: usize,
    /// Seed of the intervals.
    pub seed: u64,
    /// The thresholds.
    pub thresholds: Vec<CalibratedThreshold>,
}

impl Calibration {
    /// Measures `model` on one photograph of everybody in the dataset at `path`, and on a second of those who have one.
    ///
    /// # Errors
    /// When the dataset cannot be read or is too small for a rate, the model is no embedder, or `progress` cancels.
    pub fn measure(
        path: &Path,
        model: &Model,
        rates: &[f64],
        seed: u64,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let dataset = Dataset::open(path)?;
        let recogniser = Recogniser::new(model)?;
        let photos: Vec<_> = dataset.people.iter().flat_map(|person| person.photos.iter().take(2)).cloned().collect();
        let work = |photo: &crate::Photo| Ok(recogniser.central(&photo.image)?.map(|seen| seen.template));
        let mut templates = each_photo(&photos, work, progress)?.into_iter();
        let (mut first, mut mated, mut not_detected) = (Vec::new(), Vec::new(), 0);
        for person in &dataset.people {
            let looked: Vec<Option<Template>> = templates.by_ref().take(person.photos.len().min(2)).collect();
            not_detected += looked.iter().filter(|template| template.is_none()).count();
            let mut found = looked.into_iter().flatten();
            if let Some(template) = found.next() {
                if let Some(second) = found.next() {
                    mated.push(template.similarity(&second)?);
                }
                first.push(template);
            }
        }
        // Templates of one model can be compared.
        let similarity = |a: usize, b: usize| first[a].similarity(&first[b]).unwrap_or(f32::NAN);
        let thresholds = calibrate(first.len(), similarity, &mated, rates, seed)
            .map_err(|source| Error::Dataset { path: path.to_path_buf(), source })?;
        Ok(Self {
            model: recogniser.model().to_owned(),
            dataset: path
                .file_name()
                .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned()),
            people: first.len(),
            pairs: first.len() * first.len().saturating_sub(1) / 2,
            mated: mated.len(),
            not_detected,
            seed,
            thresholds,
        })
    }

    /// The threshold that was measured for a rate.
    ///
    /// # Errors
    /// When there is none.
    pub fn at(&self, fmr: f64) -> Result<&CalibratedThreshold, Error> {
        let same = |threshold: &&CalibratedThreshold| (threshold.fmr / fmr - 1.0).abs() < 1e-9;
        self.thresholds.iter().find(same).ok_or_else(|| {
            let rates: Vec<_> = self.thresholds.iter().map(|threshold| format!("{:e}", threshold.fmr)).collect();
            Error::Usage(format!(
                "{} has no threshold measured for a false match rate of {fmr:e}; hint: it has those for {}; \
                 `eyebar gallery calibrate` measures others",
                self.model,
                rates.join(", ")
            ))
        })
    }

    /// The thresholds.
    pub fn table(&self) -> Table {
        let mut table = Table::new(format!("Thresholds of {}", self.model))
            .number("False match rate", "")
            .number("95 % interval", "")
            .number("Threshold", "")
            .number("False matches", "")
            .number("False non-match rate", "%");
        for threshold in &self.thresholds {
            table = table.row([
                format!("{:e}", threshold.fmr),
                format!("{:.1e} to {:.1e}", threshold.fmr_low, threshold.fmr_high),
                format!("{:.4}", threshold.threshold),
                threshold.false_matches.to_string(),
                threshold.fnmr.map_or_else(|| "–".to_owned(), |fnmr| format!("{:.2}", 100.0 * fnmr)),
            ]);
        }
        table.note(format!(
            "Measured on {}: {} people, {} pairs of different people, {} pairs of one; {} photographs without a face left out.",
            self.dataset, self.people, self.pairs, self.mated, self.not_detected
        ))
    }
}
