//! The figures of every attack.

use std::ops::ControlFlow;
use std::path::Path;

use eyebar_audit::identification::{Draws, LAST_RANK, Ranks, Thresholds, first_places};
use eyebar_audit::verification::{Roc, Score};
use eyebar_audit::{AuditError, Interval, OpenSet, share_over_people};
use eyebar_explain::{ExplainError, Progress};
use rayon::prelude::*;
use serde::Serialize;

use super::AuditRequest;
use super::bench::{Attack, Bench};
use super::condition::{Alignment, Attacker, Shown};
use super::groups::{Group, GroupFigures};
use super::look::Look;
use crate::error::Error;
use crate::matcher::Matcher;

/// False accept rates of the row's true accepts.
const RATE: f64 = 0.01;
const LOW_RATE: f64 = 0.001;
/// Share of strangers who may be taken for somebody, where thresholds are set on other strangers.
pub(super) const STRANGER_RATE: f64 = 0.1;
/// Fewest false accepts that a rate may rest on: ten pairs of photographs, each of which is there in both orders.
const FEWEST: usize = 20;
/// False accept rates of a row's ROC curve.
const CURVE: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0];

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
    /// The same with its interval over the people of the mated pairs.
    pub auc_interval: Interval,
    /// Equal error rate of them.
    pub eer: f64,
    /// Share of mated pairs that are accepted at the threshold that accepts 1 % of others without a mask.
    pub tar_frozen: Option<f64>,
    /// The same with its interval over people, at that threshold.
    pub tar_frozen_interval: Option<Interval>,
    /// The same at the threshold that accepts 1 % of others behind the mask.
    pub tar_recalibrated: Option<f64>,
    /// The same with its interval over people, at that threshold.
    pub tar_recalibrated_interval: Option<Interval>,
    /// As `tar_frozen`, for 0.1 %.
    pub tar_frozen_per_mille: Option<f64>,
    /// As `tar_recalibrated`, for 0.1 %.
    pub tar_recalibrated_per_mille: Option<f64>,
    /// Share of other pairs that the threshold of `tar_frozen` accepts: masked faces are all a little alike.
    pub far_frozen: Option<f64>,
    /// False and true accept rates at thresholds set behind the mask.
    pub roc: Vec<(f64, f64)>,
    /// With strangers at the door, at thresholds that let in 10 % of other strangers without a mask.
    pub open_set_frozen: Option<OpenSet>,
    /// The same at thresholds that let in 10 % of other strangers behind the mask.
    pub open_set_recalibrated: Option<OpenSet>,
    /// Share of probes in which the detector found a face.
    pub detected: f64,
    /// Mean likeness of the masked photographs to those without (SSIM).
    pub ssim: Option<f64>,
    /// The same attack with the photographs dealt out to people at random: it must come to chance.
    pub shuffled_rank1: f64,
    /// Of each group alone.
    pub groups: Vec<GroupFigures>,
}

/// What one attack found of one photograph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ProbeScore {
    /// The row that it belongs to.
    pub(super) row: usize,
    /// The person's place among all who are looked for.
    pub(super) person: usize,
    /// Which photograph of the person.
    pub(super) photo: usize,
    /// Whether a face was found.
    pub(super) found: bool,
    /// Mean similarity with the person's other photographs.
    pub(super) mated: f32,
    /// Largest similarity with one of somebody else.
    pub(super) other: f32,
    /// Share of the draws in which the person comes first.
    pub(super) first: Option<f64>,
}

/// The attack that finds most, by its share and then by the upper end of that: the first of equal ones.
pub(super) fn worst<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<&'a Row> {
    rows.fold(None, |worst: Option<&Row>, row| match worst {
        Some(worst) if (row.rank1, row.rank1_high) <= (worst.rank1, worst.rank1_high) => Some(worst),
        _ => Some(row),
    })
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

/// Everything but what differs between attacks.
pub(super) struct Setting<'a> {
    pub(super) request: &'a AuditRequest,
    pub(super) shown: &'a [Shown],
    pub(super) look: &'a Look,
    pub(super) draws: &'a Draws,
    pub(super) groups: &'a [Group],
}

/// A row for each matcher, alignment, attacker and mask, and what was found of each photograph.
pub(super) fn rows(setting: &Setting<'_>, progress: Progress<'_>) -> Result<(Vec<Row>, Vec<ProbeScore>), Failure> {
    let Setting { request, shown, look, .. } = *setting;
    let (mut rows, mut scores) = (Vec::new(), Vec::new());
    let alignments: usize = request.matchers.iter().map(|&matcher| Alignment::of(matcher).len()).sum();
    let total = alignments * shown.len() * request.attackers.len();
    for &matcher in &request.matchers {
        let eigenfaces = look.eigenfaces(matcher)?;
        for &alignment in Alignment::of(matcher) {
            let bench = Bench { matcher, alignment, eigenfaces: eigenfaces.as_ref(), look, photos: request.photos };
            for &attacker in &request.attackers {
                if progress(rows.len(), total) == ControlFlow::Break(()) {
                    return Err(Failure::Cancelled);
                }
                let plain = Measured::of(bench.attack(attacker, 0)?, setting)?;
                let first = rows.len();
                rows.push(plain.row(setting, &bench, attacker, 0, None));
                scores.extend(plain.scores(setting, first));
                let behind = |index: usize| -> Result<(Row, Vec<ProbeScore>), AuditError> {
                    let measured = Measured::of(bench.attack(attacker, index)?, setting)?;
                    let row = measured.row(setting, &bench, attacker, index, Some(&plain));
                    Ok((row, measured.scores(setting, first + index)))
                };
                let masked: Vec<_> = (1..shown.len()).into_par_iter().map(behind).collect::<Result<_, AuditError>>()?;
                for (row, own) in masked {
                    rows.push(row);
                    scores.extend(own);
                }
            }
        }
    }
    Ok((rows, scores))
}

/// What one attack found.
struct Measured {
    attack: Attack,
    ranks: Ranks,
    roc: Roc,
    /// Similarities of each person's mated pairs.
    mated: Vec<Vec<f32>>,
    /// Set behind what is shown.
    thresholds: Option<Thresholds>,
}

impl Measured {
    fn of(attack: Attack, setting: &Setting<'_>) -> Result<Self, AuditError> {
        let seed = setting.request.seed;
        let mut mated = vec![Vec::new(); setting.look.people.len()];
        let mut scores: Vec<Score> = Vec::new();
        for (person, _, score) in attack.similarities.pairs() {
            scores.push(score);
            if score.mated {
                mated[person].push(score.similarity);
            }
        }
        let strangers = attack.strangers.as_ref();
        let thresholds = strangers.and_then(|strangers| strangers.thresholds(setting.draws, STRANGER_RATE, seed));
        let ranks = Ranks::of(&attack.similarities, setting.draws);
        Ok(Self { roc: Roc::new(&scores)?, ranks, mated, thresholds, attack })
    }

    /// The figures, beside those without a mask.
    fn row(
        &self,
        setting: &Setting<'_>,
        bench: &Bench<'_>,
        attacker: Attacker,
        shown: usize,
        plain: Option<&Self>,
    ) -> Row {
        let seed = setting.request.seed;
        let Interval { value, low, high } = self.ranks.interval(1, seed);
        // What is learnt behind a mask has similarities of its own: a threshold of another says nothing.
        let unmasked =
            if attacker == Attacker::Adapted { plain.is_none().then_some(self) } else { plain.or(Some(self)) };
        let frozen = |rate: f64| unmasked.and_then(|unmasked| unmasked.threshold(rate));
        let at = |threshold: Option<f32>| threshold.map(|threshold| self.roc.true_accepts(threshold));
        let over_people = |threshold: Option<f32>| threshold.map(|threshold| self.true_accepts(threshold, seed));
        let (frozen_threshold, own_threshold) = (frozen(RATE), self.threshold(RATE));
        let errors = |thresholds: Option<&Thresholds>| {
            let strangers = self.attack.strangers.as_ref();
            let (strangers, thresholds) = strangers.zip(thresholds)?;
            Some(strangers.errors(&self.attack.similarities, setting.draws, thresholds, seed))
        };
        Row {
            matcher: bench.matcher,
            attacker,
            alignment: bench.alignment,
            mask: setting.shown[shown].to_string(),
            rank1: value,
            rank1_low: low,
            rank1_high: high,
            rank1_drop: plain.map(|plain| plain.ranks.difference(&self.ranks, 1, seed)),
            rank5: self.ranks.within(5),
            cmc: (1..=LAST_RANK).map(|rank| self.ranks.within(rank)).collect(),
            auc: self.roc.auc(),
            auc_interval: self.area(seed),
            eer: self.roc.equal_error_rate(),
            tar_frozen: at(frozen_threshold),
            tar_frozen_interval: over_people(frozen_threshold),
            tar_recalibrated: at(own_threshold),
            tar_recalibrated_interval: over_people(own_threshold),
            tar_frozen_per_mille: at(frozen(LOW_RATE)),
            tar_recalibrated_per_mille: at(self.threshold(LOW_RATE)),
            far_frozen: frozen_threshold.map(|threshold| self.roc.false_accepts(threshold)),
            roc: self.curve(),
            open_set_frozen: errors(unmasked.and_then(|unmasked| unmasked.thresholds.as_ref())),
            open_set_recalibrated: errors(self.thresholds.as_ref()),
            detected: bench.detected(shown),
            ssim: bench.ssim(shown),
            shuffled_rank1: Ranks::of(&self.attack.similarities.shuffled(seed), setting.draws).within(1),
            groups: self.groups(setting.groups, frozen_threshold, seed),
        }
    }

    /// What was found of each photograph, for the row at this place.
    fn scores(&self, setting: &Setting<'_>, row: usize) -> Vec<ProbeScore> {
        let similarities = &self.attack.similarities;
        let all = similarities.summaries().into_iter().zip(first_places(similarities, setting.draws));
        all.enumerate()
            .map(|(index, ((mated, other), first))| {
                let (person, photo) = (index / setting.request.photos, index % setting.request.photos);
                ProbeScore { row, person, photo, found: similarities.found(person, photo), mated, other, first }
            })
            .collect()
    }

    /// The lowest that accepts at most this share of others; nothing where that would rest on too few.
    fn threshold(&self, rate: f64) -> Option<f32> {
        let is_known = rate * self.roc.others() as f64 >= FEWEST as f64;
        is_known.then(|| self.roc.at_false_accepts(rate).threshold)
    }

    fn true_accepts(&self, threshold: f32, seed: u64) -> Interval {
        let accepted = |own: &Vec<f32>| own.iter().filter(|&&similarity| similarity >= threshold).count() as f64;
        let counts: Vec<(f64, f64)> = self.mated.iter().map(|own| (accepted(own), own.len() as f64)).collect();
        share_over_people(&counts, seed)
    }

    fn area(&self, seed: u64) -> Interval {
        let below = |own: &Vec<f32>| own.iter().map(|&similarity| self.roc.share_below(similarity)).sum::<f64>();
        let counts: Vec<(f64, f64)> = self.mated.iter().map(|own| (below(own), own.len() as f64)).collect();
        share_over_people(&counts, seed)
    }

    fn curve(&self) -> Vec<(f64, f64)> {
        let known = CURVE.iter().filter_map(|&rate| self.threshold(rate));
        known.map(|threshold| (self.roc.false_accepts(threshold), self.roc.true_accepts(threshold))).collect()
    }

    fn groups(&self, groups: &[Group], threshold: Option<f32>, seed: u64) -> Vec<GroupFigures> {
        let figures = |group: &Group| {
            let mated: Vec<f32> = group.people.iter().flat_map(|&person| self.mated[person].iter().copied()).collect();
            let accepted = |threshold: f32| mated.iter().filter(|&&similarity| similarity >= threshold).count();
            let mut is_member = vec![false; self.mated.len()];
            group.people.iter().for_each(|&person| is_member[person] = true);
            let others = self
                .attack
                .similarities
                .pairs()
                .filter(|&(person, other, score)| !score.mated && is_member[person] && is_member[other]);
            let others: Vec<f32> = others.map(|(.., score)| score.similarity).collect();
            let wrongly = |threshold: f32| others.iter().filter(|&&similarity| similarity >= threshold).count();
            let ranks = self.ranks.only(&group.people);
            let rest: Vec<usize> =
                groups.iter().filter(|other| other.name != group.name).flat_map(|other| other.people.clone()).collect();
            let difference = (!rest.is_empty()).then(|| ranks.beside(&self.ranks.only(&rest), 1, seed));
            GroupFigures {
                group: group.name.clone(),
                people: group.people.len(),
                rank1: ranks.interval(1, seed),
                rank5: ranks.within(5),
                tar_frozen: threshold.map(|threshold| accepted(threshold) as f64 / mated.len() as f64),
                far_frozen: threshold
                    .filter(|_| RATE * others.len() as f64 >= FEWEST as f64)
                    .map(|threshold| wrongly(threshold) as f64 / others.len() as f64),
                finding: difference.map(|difference| group.finding(rest.len(), difference)),
                difference,
            }
        };
        groups.iter().map(figures).collect()
    }
}
