//! The smallest mask of each family behind which nobody is found too often.

use std::ops::ControlFlow;

use eyebar_audit::identification::Draws;
use eyebar_explain::{ExplainError, Progress};
use eyebar_face::Mask;
use eyebar_face::mask::Part;
use serde::Serialize;

use super::AuditRequest;
use super::cast::Cast;
use super::condition::Shown;
use super::figures::{self, Row, Setting};
use super::look::{Eyes, Look};
use super::store::Cache;
use super::verdict::{Verdict, verdicts};
use crate::error::Error;

/// A kind of mask in several strengths, the weakest first.
pub(in crate::tasks) struct Family {
    pub(in crate::tasks) name: &'static str,
    pub(in crate::tasks) masks: Vec<Mask>,
}

/// What was found for one family.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Smallest {
    /// The family, as its masks begin.
    pub family: &'static str,
    /// The weakest mask that meets the target; nothing where the strongest that was tried does not.
    pub mask: Option<String>,
    /// Everything that was tried: with its worst case where the target is met, else with the first matcher that misses it.
    pub tried: Vec<Verdict>,
}

impl Smallest {
    /// In a sentence.
    pub fn sentence(&self) -> String {
        let found = |mask: &String| self.tried.iter().find(|verdict| verdict.mask == *mask);
        match (self.mask.as_ref().and_then(found), self.tried.last()) {
            (Some(verdict), _) => format!(
                "{} is the weakest of its family that does: {:.1} % ({:.1} to {:.1} %).",
                verdict.mask,
                100.0 * verdict.rank1,
                100.0 * verdict.rank1_low,
                100.0 * verdict.rank1_high
            ),
            (None, Some(best)) => format!(
                "None of the family {} does; with {} the right person still comes first for {:.1} % or more ({:.1} to {:.1} %; {}).",
                self.family,
                best.mask,
                100.0 * best.rank1,
                100.0 * best.rank1_low,
                100.0 * best.rank1_high,
                best.attack
            ),
            (None, None) => format!("None of the family {} was tried.", self.family),
        }
    }
}

/// The families, and the strengths that are tried.
pub(in crate::tasks) fn families() -> Vec<Family> {
    let boxes = |part: Part, scales: &[f32]| scales.iter().map(|&scale| Mask::Box { part, scale }).collect();
    vec![
        Family { name: "eye-bar", masks: boxes(Part::EyeBar, &[1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0]) },
        Family { name: "eyes-nose", masks: boxes(Part::EyesNose, &[1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0]) },
        Family { name: "face", masks: boxes(Part::Face, &[0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0]) },
        Family { name: "head", masks: boxes(Part::Head, &[0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2]) },
        Family {
            name: "blur",
            masks: [0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5].map(|sigma| Mask::Blur { sigma }).into(),
        },
        Family { name: "pixelate", masks: [16, 12, 8, 6, 5, 4, 3, 2].map(|cells| Mask::Pixelate { cells }).into() },
    ]
}

/// What the search has at hand.
pub(super) struct Search<'a> {
    pub(super) request: &'a AuditRequest,
    pub(super) cast: &'a Cast,
    pub(super) eyes: &'a Eyes,
    pub(super) draws: &'a Draws,
}

impl Search<'_> {
    /// The smallest mask of each family, by halving: a stronger mask is taken to hide no less. `rows` are the figures of the
    /// audit itself: the matcher that found most is tried first, and the others only where it fails.
    pub(super) fn run(
        &self,
        rows: &[Row],
        target: f64,
        cache: &mut Cache,
        progress: Progress<'_>,
    ) -> Result<Vec<Smallest>, Error> {
        let families = families();
        let total = families.len();
        // Neither strangers nor evidence are asked for.
        let cast = Cast { strangers: Vec::new(), ..self.cast.clone() };
        let mut order = self.request.matchers.clone();
        let best = |matcher| {
            let own = rows.iter().filter(|row| row.matcher == matcher && row.mask != "none");
            own.map(|row| row.rank1).fold(0.0, f64::max)
        };
        order.sort_by(|&a, &b| best(b).total_cmp(&best(a)));
        let mut all = Vec::new();
        for Family { name, masks } in families {
            let done = all.len();
            if progress(done, total) == ControlFlow::Break(()) {
                return Err(ExplainError::Cancelled.into());
            }
            let mut tried: Vec<(usize, Verdict)> = Vec::new();
            let mut meets = |at: usize, tried: &mut Vec<(usize, Verdict)>| -> Result<bool, Error> {
                let verdict = self.worst(masks[at], &order, target, (&cast, cache), &|_, _| progress(done, total))?;
                tried.push((at, verdict.clone()));
                Ok(verdict.meets_target)
            };
            // Weaker ones than `low` do not; `high` does.
            let (mut low, mut high) = (0, masks.len() - 1);
            let found = meets(high, &mut tried)?;
            while found && low < high {
                let middle = (low + high) / 2;
                match meets(middle, &mut tried)? {
                    true => high = middle,
                    false => low = middle + 1,
                }
            }
            tried.sort_by_key(|(at, _)| *at);
            all.push(Smallest {
                family: name,
                mask: found.then(|| masks[high].to_string()),
                tried: tried.into_iter().map(|(_, verdict)| verdict).collect(),
            });
        }
        Ok(all)
    }

    /// The worst case behind a mask, of the first matcher with which the target is missed, or of all.
    fn worst(
        &self,
        mask: Mask,
        matchers: &[crate::Matcher],
        target: f64,
        (cast, cache): (&Cast, &mut Cache),
        progress: Progress<'_>,
    ) -> Result<Verdict, Error> {
        let shown = [Shown::Plain, Shown::Masked(mask)];
        let request = AuditRequest { evidence: 0, strangers: 0, ..self.request.clone() };
        let looked = self.eyes.look(&cast.entries(&request), &shown, None, cache, progress)?;
        if !self.request.masks.contains(&mask) {
            cache.forget(&mask.to_string());
        }
        let look = Look::sorted(cast, &request, looked.into_iter().flatten().collect());
        let mut worst: Option<Verdict> = None;
        for &matcher in matchers {
            let request = AuditRequest { matchers: vec![matcher], ..request.clone() };
            let setting = Setting { request: &request, shown: &shown, look: &look, draws: self.draws, groups: &[] };
            let (rows, _) = figures::rows(&setting, progress).map_err(|error| error.of(&self.request.dataset))?;
            let verdict = verdicts(&shown[1..], &rows, target).pop();
            let verdict = verdict.ok_or_else(|| Error::Usage("no attack was tried; hint: name one".to_owned()))?;
            let missed = !verdict.meets_target;
            if missed || worst.as_ref().is_none_or(|worst| worst.rank1 < verdict.rank1) {
                worst = Some(verdict);
            }
            if missed {
                break;
            }
        }
        worst.ok_or_else(|| Error::Usage("no matcher was tried; hint: name one".to_owned()))
    }
}
