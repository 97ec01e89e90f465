//! The figures of every attack.

use std::ops::ControlFlow;
use std::path::Path;

use eyebar_audit::identification::{Draws, LAST_RANK, Ranks, Similarities, Vectors};
use eyebar_audit::verification::{Roc, Score};
use eyebar_audit::{AuditError, Discriminant, Interval, Pca};
use eyebar_explain::{ExplainError, Progress};
use serde::Serialize;

use super::AuditRequest;
use super::condition::{Alignment, Attacker, Shown};
use super::look::{Look, Seen, View};
use crate::error::Error;
use crate::matcher::{EIGENFACES, Extracted, Matcher};

/// False accept rate of the row's true accepts, and a lower one.
const RATE: f64 = 0.01;
const LOW_RATE: f64 = 0.001;
/// Fewest false accepts that a rate may rest on: ten pairs of photographs, each of which is there in both orders.
const FEWEST: usize = 20;

/// One attack on one mask. Rates are fractions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What the attacker tells faces apart by.
    pub matcher: Matcher,
    /// What the attacker knows.
    pub attacker: Attacker,
    /// Where landmarks come from.
    pub alignment: Alignment,
    /// What is shown.
    pub mask: String,
    /// Share of probes whose person came first.
    pub rank1: f64,
    /// Lower end of its 95 % interval over people.
    pub rank1_low: f64,
    /// Upper end.
    pub rank1_high: f64,
    /// How much lower it is than without a mask, in pairs over people; nothing for no mask itself.
    pub rank1_drop: Option<Interval>,
    /// Share of probes whose person was among the first five.
    pub rank5: f64,
    /// Share of probes whose person was among the first 1, 2, … 20.
    pub cmc: Vec<f64>,
    /// Area under the ROC curve of all pairs of photographs.
    pub auc: f64,
    /// Equal error rate of them.
    pub eer: f64,
    /// Share of mated pairs that are accepted at the threshold that accepts 1 % of others without a mask.
    pub tar_frozen: Option<f64>,
    /// The same at the threshold that accepts 1 % of others behind the mask.
    pub tar_recalibrated: Option<f64>,
    /// As `tar_frozen`, for 0.1 %.
    pub tar_frozen_low: Option<f64>,
    /// As `tar_recalibrated`, for 0.1 %.
    pub tar_recalibrated_low: Option<f64>,
    /// Share of probes in which the detector found a face.
    pub detected: f64,
    /// Mean likeness of the masked photographs to those without (SSIM).
    pub ssim: Option<f64>,
    /// Share of other pairs that the threshold of `tar_frozen` accepts: masked faces are all a little alike.
    pub far_frozen: Option<f64>,
    /// The same attack with the photographs dealt out to people at random: it must come to chance.
    pub shuffled_rank1: f64,
}

/// Why figures could not be made.
pub(super) enum Failure {
    Audit(AuditError),
    Cancelled,
}

impl Failure {
    pub(super) fn of(self, dataset: &Path) -> Error {
        match self {
            Self::Audit(source) => Error::Dataset { path: dataset.to_path_buf(), source },
            Self::Cancelled => ExplainError::Cancelled.into(),
        }
    }
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        Self::Audit(error)
    }
}

/// A row for each matcher, alignment, attacker and mask.
pub(super) fn rows(
    request: &AuditRequest,
    shown: &[Shown],
    look: &Look,
    draws: &Draws,
    progress: Progress<'_>,
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let alignments = |matcher: Matcher| match matcher.sees_whole_photograph() {
        true => &[Alignment::Whole][..],
        false => &[Alignment::Oracle, Alignment::Redetected],
    };
    let total: usize = request.matchers.iter().map(|&matcher| alignments(matcher).len()).sum::<usize>()
        * shown.len()
        * request.attackers.len();
    for &matcher in &request.matchers {
        let eigenfaces = match matcher {
            Matcher::Eigenfaces => Some(eigenfaces(look)?),
            _ => None,
        };
        for &alignment in alignments(matcher) {
            let bench = Bench { matcher, alignment, eigenfaces: eigenfaces.as_ref(), look, photos: request.photos };
            for &attacker in &request.attackers {
                let mut plain: Option<(Ranks, Roc)> = None;
                for (index, shown) in shown.iter().enumerate() {
                    if progress(rows.len(), total) == ControlFlow::Break(()) {
                        return Err(Failure::Cancelled);
                    }
                    let attack = bench.attack(attacker, index)?;
                    let ranks = Ranks::of(&attack, draws);
                    let scores: Vec<Score> = attack.pairs().map(|(.., score)| score).collect();
                    let roc = Roc::new(&scores)?;
                    // What is learnt behind a mask has similarities of its own: a threshold of another says nothing.
                    let row = Row::of(&ranks, &roc, plain.as_ref(), attacker != Attacker::Adapted, request.seed);
                    rows.push(Row {
                        matcher,
                        attacker,
                        alignment,
                        mask: shown.to_string(),
                        detected: bench.detected(index),
                        ssim: bench.ssim(index),
                        shuffled_rank1: Ranks::of(&attack.shuffled(request.seed), draws).within(1),
                        ..row
                    });
                    plain.get_or_insert((ranks, roc));
                }
            }
        }
    }
    Ok(rows)
}

impl Row {
    /// The figures, beside those without a mask, whose thresholds are `comparable` or not.
    fn of(ranks: &Ranks, roc: &Roc, plain: Option<&(Ranks, Roc)>, comparable: bool, seed: u64) -> Self {
        let Interval { value, low, high } = ranks.interval(1, seed);
        let unmasked = plain.map_or(roc, |(_, roc)| roc);
        let is_known = |rate: f64| (comparable || plain.is_none()) && rate * unmasked.others() as f64 >= FEWEST as f64;
        let frozen = |rate: f64| {
            let point = unmasked.at_false_accepts(rate);
            is_known(rate).then(|| roc.true_accepts(point.threshold))
        };
        let far = |rate: f64| {
            let point = unmasked.at_false_accepts(rate);
            is_known(rate).then(|| roc.false_accepts(point.threshold))
        };
        let recalibrated =
            |rate: f64| (rate * roc.others() as f64 >= FEWEST as f64).then(|| roc.at_false_accepts(rate).true_accepts);
        Self {
            matcher: Matcher::Sface,
            attacker: Attacker::Naive,
            alignment: Alignment::Whole,
            mask: String::new(),
            rank1: value,
            rank1_low: low,
            rank1_high: high,
            rank1_drop: plain.map(|(unmasked, _)| unmasked.difference(ranks, 1, seed)),
            rank5: ranks.within(5),
            cmc: (1..=LAST_RANK).map(|rank| ranks.within(rank)).collect(),
            auc: roc.auc(),
            eer: roc.equal_error_rate(),
            tar_frozen: frozen(RATE),
            tar_recalibrated: recalibrated(RATE),
            tar_frozen_low: frozen(LOW_RATE),
            tar_recalibrated_low: recalibrated(LOW_RATE),
            far_frozen: far(RATE),
            detected: 1.0,
            ssim: None,
            shuffled_rank1: 0.0,
        }
    }
}

/// Fitted on the learners' faces without a mask.
fn eigenfaces(look: &Look) -> Result<Pca, AuditError> {
    let pixels = look.learners.iter().flat_map(|person| &person.photos).map(|views| &views[0].oracle.pixels[..]);
    Pca::fit(&pixels.collect::<Vec<_>>(), EIGENFACES)
}

/// One matcher with one kind of alignment.
struct Bench<'a> {
    matcher: Matcher,
    alignment: Alignment,
    eigenfaces: Option<&'a Pca>,
    look: &'a Look,
    photos: usize,
}

impl Bench<'_> {
    /// The similarities that an attacker finds behind what is shown.
    fn attack(&self, attacker: Attacker, shown: usize) -> Result<Similarities, AuditError> {
        let probes = self.vectors(&self.look.people, shown, self.alignment);
        let aligned = match self.alignment {
            Alignment::Whole => Alignment::Whole,
            // Attackers have the ordinary photographs, and so their landmarks.
            Alignment::Oracle | Alignment::Redetected => Alignment::Oracle,
        };
        let gallery = match attacker {
            Attacker::Naive => self.vectors(&self.look.people, 0, aligned),
            Attacker::MaskedGallery | Attacker::Adapted => self.vectors(&self.look.people, shown, aligned),
        };
        let (probes, gallery) = match attacker {
            Attacker::Naive | Attacker::MaskedGallery => (probes, gallery),
            Attacker::Adapted => {
                let learnt = self.discriminant(shown, aligned)?;
                let project = |vectors: Vec<Option<Vec<f32>>>| -> Vec<Option<Vec<f32>>> {
                    vectors.into_iter().map(|vector| vector.map(|vector| learnt.project(&vector))).collect()
                };
                (project(probes), project(gallery))
            }
        };
        let dimension = gallery.iter().flatten().next().map_or(0, Vec::len);
        let packed =
            |vectors: &[Option<Vec<f32>>]| Vectors::new(vectors.iter().map(Option::as_deref), dimension, self.photos);
        Similarities::new(&packed(&probes)?, &packed(&gallery)?)
    }

    fn discriminant(&self, shown: usize, alignment: Alignment) -> Result<Discriminant, AuditError> {
        let vectors: Vec<Vec<Vec<f32>>> = self
            .look
            .learners
            .iter()
            .map(|person| self.vectors(std::slice::from_ref(person), shown, alignment).into_iter().flatten().collect())
            .collect();
        Discriminant::fit(&vectors.iter().map(|own| own.iter().map(Vec::as_slice).collect()).collect::<Vec<_>>())
    }

    fn vectors(&self, people: &[Seen], shown: usize, alignment: Alignment) -> Vec<Option<Vec<f32>>> {
        let vector = |extracted: &Extracted| self.matcher.vector(extracted, self.eigenfaces);
        let of = |view: &View| match alignment {
            Alignment::Whole => Some(vector(&view.whole)),
            Alignment::Oracle => Some(vector(&view.oracle)),
            Alignment::Redetected => view.redetected.as_ref().map(vector),
        };
        people.iter().flat_map(|person| &person.photos).map(|views| of(&views[shown])).collect()
    }

    fn views(&self, shown: usize) -> impl Iterator<Item = &View> {
        self.look.people.iter().flat_map(|person| &person.photos).map(move |views| &views[shown])
    }

    fn detected(&self, shown: usize) -> f64 {
        let found = self.views(shown).filter(|view| view.redetected.is_some()).count();
        found as f64 / self.views(shown).count() as f64
    }

    fn ssim(&self, shown: usize) -> Option<f64> {
        let all: Vec<f64> = self.views(shown).filter_map(|view| view.ssim).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    }
}
