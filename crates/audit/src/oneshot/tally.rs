//! What methods got right, person by person, and what that comes to.

use serde::Serialize;

use super::{Answer, Experiment, Method};
use crate::interval::{Interval, over_people};
use crate::open_set::{OpenSet, threshold};

/// What came out for one method and number of photographs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The method.
    pub method: Method,
    /// Photographs that everybody was enrolled with.
    pub shots: usize,
    /// Whether their variants were, too.
    pub augmented: bool,
    /// Share of probes whose person came first.
    pub rank1: Interval,
    /// How much larger that is than the nearest neighbour's among the same photographs without variants, in pairs; nothing
    /// for that itself, or where it was not tried.
    pub advantage: Option<Interval>,
    /// With strangers at the door; nothing where there were none.
    pub open_set: Option<OpenSet>,
}

/// What a method got right, person by person.
pub(super) struct Tally {
    pub(super) method: Method,
    pub(super) shots: usize,
    pub(super) augmented: bool,
    /// Probes that were assigned to their person, of each.
    right: Vec<f64>,
    /// Probes that were refused or assigned to another, of each.
    missed: Vec<f64>,
    /// Photographs of each stranger that were taken for somebody, and that were looked for.
    accepted: Vec<(f64, f64)>,
}

impl Tally {
    pub(super) fn new(method: Method, shots: usize, augmented: bool, people: usize, strangers: usize) -> Self {
        let (right, missed) = (vec![0.0; people], vec![0.0; people]);
        Self { method, shots, augmented, right, missed, accepted: vec![(0.0, 0.0); strangers] }
    }

    /// Counts the answers about everybody's probes, then about all photographs of strangers, of whom there are as many as
    /// `photos` says of each; those of the first half of `order` set the threshold.
    pub(super) fn add(&mut self, answers: &[Answer], experiment: &Experiment, photos: &[usize], order: &[usize]) {
        let (own, others) = answers.split_at(self.right.len() * experiment.probes);
        let starts: Vec<usize> = photos
            .iter()
            .scan(0, |start, &count| {
                *start += count;
                Some(*start - count)
            })
            .collect();
        let of = |stranger: usize| &others[starts[stranger]..][..photos[stranger]];
        let (setting, testing) = order.split_at(order.len() / 2);
        let scores = setting.iter().flat_map(|&stranger| of(stranger)).map(|answer| answer.score).collect();
        let threshold = threshold(scores, experiment.fpir);
        for (person, probes) in own.chunks_exact(experiment.probes).enumerate() {
            let right = probes.iter().filter(|answer| answer.person == person);
            let found = right.clone().filter(|answer| answer.score >= threshold).count();
            self.right[person] += right.count() as f64;
            self.missed[person] += (probes.len() - found) as f64;
        }
        for &stranger in testing {
            let accepted = of(stranger).iter().filter(|answer| answer.score >= threshold).count();
            self.accepted[stranger].0 += accepted as f64;
            self.accepted[stranger].1 += photos[stranger] as f64;
        }
    }

    /// What it comes to beside `plain`, the nearest neighbour among the same photographs.
    pub(super) fn outcome(&self, experiment: &Experiment, plain: Option<&Self>) -> Outcome {
        let looked = (experiment.probes * experiment.draws) as f64;
        let rate = |counts: &mut dyn Iterator<Item = f64>| {
            over_people(&counts.map(|count| (count, looked)).collect::<Vec<_>>(), experiment.seed)
        };
        let open_set = (!self.accepted.is_empty()).then(|| OpenSet {
            fpir: over_people(&self.accepted, experiment.seed),
            fnir: rate(&mut self.missed.iter().copied()),
        });
        let beside = plain.filter(|plain| (plain.method, plain.augmented) != (self.method, self.augmented));
        Outcome {
            method: self.method,
            shots: self.shots,
            augmented: self.augmented,
            rank1: rate(&mut self.right.iter().copied()),
            advantage: beside.map(|plain| rate(&mut self.right.iter().zip(&plain.right).map(|(own, its)| own - its))),
            open_set,
        }
    }
}
