//! Draws, methods and numbers of photographs.

use std::ops::ControlFlow;

use rayon::prelude::*;
use serde::Serialize;

use super::tally::Tally;
use super::vectors::{Vectors, in_span, products};
use super::{Answer, Enrolled, Method, Outcome};
use crate::error::AuditError;
use crate::open_set::FEWEST_ACCEPTED;
use crate::random::Random;
use crate::unit::unit;

/// What is tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Experiment {
    /// Photographs that everybody is enrolled with.
    pub shots: Vec<usize>,
    /// Photographs that everybody is looked for with.
    pub probes: usize,
    /// Draws.
    pub draws: usize,
    /// Seed of the draws and heads.
    pub seed: u64,
    /// Share of strangers that thresholds may accept, where they are set on other strangers.
    pub fpir: f64,
    /// The methods.
    pub methods: Vec<Method>,
    /// Whether everything is tried with variants of the enrolled photographs, too.
    pub augmented: bool,
    /// Weight of the squares of a head's weights.
    pub penalty: f64,
}

/// A photograph as vectors of one embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Photo {
    /// Of the photograph as it is.
    pub plain: Vec<f32>,
    /// Of its variants (mirrored, warped, brighter, …); they may be enrolled, and are never looked for.
    pub variants: Vec<Vec<f32>>,
}

/// Runs an experiment on the photographs of `people`, all of whom are enrolled; `strangers` are other people, half of whom
/// set the threshold. All vectors have one length and need not be of length 1. `progress` is told the draws done, and may
/// end it: then the answer is nothing.
///
/// # Errors
/// When somebody has too few photographs, a vector does not fit, there are too few strangers for the rate, or a head cannot
/// be trained.
pub fn run(
    experiment: &Experiment,
    people: &[Vec<Photo>],
    strangers: &[Vec<Vec<f32>>],
    mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Option<Vec<Outcome>>, AuditError> {
    check(experiment, people, strangers)?;
    let augmented: &[bool] = if experiment.augmented { &[false, true] } else { &[false] };
    let mut tallies: Vec<Tally> = Vec::new();
    for &augmented in augmented {
        for &shots in &experiment.shots {
            for &method in &experiment.methods {
                tallies.push(Tally::new(method, shots, augmented, people.len(), strangers.len()));
            }
        }
    }
    let photos: Vec<usize> = strangers.iter().map(Vec::len).collect();
    let draws: Vec<usize> = (0..experiment.draws).collect();
    for some in draws.chunks(rayon::current_num_threads()) {
        if progress(some[0], experiment.draws).is_break() {
            return Ok(None);
        }
        let work = |&draw: &usize| -> Result<_, AuditError> {
            let draw = Draw::new(experiment, people, strangers, draw);
            let mut answers = Vec::with_capacity(tallies.len());
            for &augmented in augmented {
                for &shots in &experiment.shots {
                    answers.extend(draw.answers(experiment, people, shots, augmented)?);
                }
            }
            Ok((answers, draw.strangers))
        };
        for done in some.par_iter().map(work).collect::<Vec<_>>() {
            let (answers, order) = done?;
            for (tally, answers) in tallies.iter_mut().zip(&answers) {
                tally.add(answers, experiment, &photos, &order);
            }
        }
    }
    let plain = |shots: usize| {
        let plain = |tally: &&Tally| tally.method == Method::Nearest && tally.shots == shots && !tally.augmented;
        tallies.iter().find(plain)
    };
    Ok(Some(tallies.iter().map(|tally| tally.outcome(experiment, plain(tally.shots))).collect()))
}

/// Who is enrolled with what, and looked for.
struct Draw {
    seed: u64,
    /// Everybody's photographs, the enrolled first.
    orders: Vec<Vec<usize>>,
    /// Strangers, those that set thresholds first.
    strangers: Vec<usize>,
    /// Everybody's probes, then all photographs of strangers.
    probes: Vectors,
}

impl Draw {
    fn new(experiment: &Experiment, people: &[Vec<Photo>], strangers: &[Vec<Vec<f32>>], draw: usize) -> Self {
        let seed = experiment.seed.wrapping_add(draw as u64);
        let mut random = Random::new(seed);
        let orders: Vec<Vec<usize>> = people.iter().map(|photos| random.shuffled(photos.len())).collect();
        let most = most_shots(experiment);
        let mut values = Vec::new();
        for (photos, order) in people.iter().zip(&orders) {
            order[most..most + experiment.probes].iter().for_each(|&index| values.extend(unit(&photos[index].plain)));
        }
        strangers.iter().flatten().for_each(|vector| values.extend(unit(vector)));
        let probes = Vectors { values, dimension: people[0][0].plain.len() };
        Self { seed, orders, strangers: random.shuffled(strangers.len()), probes }
    }

    /// Of all methods, in their order, where everybody is enrolled with so many photographs.
    fn answers(
        &self,
        experiment: &Experiment,
        people: &[Vec<Photo>],
        shots: usize,
        augmented: bool,
    ) -> Result<Vec<Vec<Answer>>, AuditError> {
        let (mut values, mut owners) = (Vec::new(), Vec::new());
        for (person, (photos, order)) in people.iter().zip(&self.orders).enumerate() {
            for photo in order[..shots].iter().map(|&index| &photos[index]) {
                let variants = photo.variants.iter().filter(|_| augmented);
                for vector in std::iter::once(&photo.plain).chain(variants) {
                    values.extend(unit(vector));
                    owners.push(person);
                }
            }
        }
        let vectors = Vectors { values, dimension: self.probes.dimension };
        let similarities = products(&self.probes, &vectors);
        let enrolled =
            Enrolled { vectors: &vectors, people: &owners, classes: people.len(), similarities: &similarities };
        // The same for all heads.
        let is_trained = experiment.methods.iter().any(|method| method.is_trained());
        let inside = if is_trained { in_span(&vectors, &similarities) } else { None };
        let (vectors, probes) = inside.as_ref().map_or((&vectors, &self.probes), |(own, probes)| (own, probes));
        let short = Enrolled { vectors, ..enrolled };
        let answers = experiment.methods.iter().map(|method| match method.is_trained() {
            true => method.answers(&short, probes, experiment.penalty, self.seed),
            false => method.answers(&enrolled, &self.probes, experiment.penalty, self.seed),
        });
        answers.collect()
    }
}

fn most_shots(experiment: &Experiment) -> usize {
    experiment.shots.iter().copied().max().unwrap_or(0)
}

fn check(experiment: &Experiment, people: &[Vec<Photo>], strangers: &[Vec<Vec<f32>>]) -> Result<(), AuditError> {
    let refuse = |reason: String, remedy| Err(AuditError::TooLittle { reason, remedy });
    let dimension = people.first().and_then(|photos| photos.first()).map_or(0, |photo| photo.plain.len());
    let Experiment { shots, probes, draws, penalty, fpir, .. } = experiment;
    if people.len() < 2 || shots.is_empty() || shots.contains(&0) || *probes == 0 || *draws == 0 || dimension == 0 {
        let remedy = "give two people or more, and at least one photograph to enrol, one to look for, and one draw";
        return refuse("there is nothing to tell apart".to_owned(), remedy);
    }
    if !(penalty.is_finite() && *penalty > 0.0) {
        return refuse(format!("a penalty of {penalty}"), "give a number above 0, such as 1e-4");
    }
    let needed = most_shots(experiment) + probes;
    if let Some((person, photos)) = people.iter().enumerate().find(|(_, photos)| photos.len() < needed) {
        let reason = format!("person {} has {} photographs, {needed} are needed", person + 1, photos.len());
        return refuse(reason, "take fewer shots or probes, or people with more photographs");
    }
    let own = people.iter().flatten().flat_map(|photo| std::iter::once(&photo.plain).chain(&photo.variants));
    for vector in own.chain(strangers.iter().flatten()) {
        if vector.len() != dimension {
            return refuse(
                format!("vectors of {} and of {dimension} values", vector.len()),
                "embed all with one model",
            );
        }
        if let Some(&value) = vector.iter().find(|value| !value.is_finite()) {
            return Err(AuditError::NotFinite { value });
        }
    }
    let setting = strangers.iter().map(Vec::len).sum::<usize>() / 2;
    if !strangers.is_empty() && (fpir * setting as f64) < FEWEST_ACCEPTED as f64 {
        let reason = format!("{setting} photographs of strangers to set a threshold for {fpir} of them");
        return refuse(reason, "take more strangers, or a higher rate: ten of them should be accepted");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::{Experiment, Method, Outcome, Photo, Random, run};

    /// People about directions of their own, with as much noise as asked for.
    fn people(count: usize, photos: usize, noise: f32, seed: u64) -> Vec<Vec<Photo>> {
        let mut random = Random::new(seed);
        let mut number = move || random.unit() as f32 * 2.0 - 1.0;
        (0..count)
            .map(|_| {
                let centre: Vec<f32> = (0..16).map(|_| number()).collect();
                let mut photo = || -> Vec<f32> { centre.iter().map(|value| value + noise * number()).collect() };
                (0..photos).map(|_| Photo { plain: photo(), variants: vec![photo()] }).collect()
            })
            .collect()
    }

    fn strangers(count: usize, noise: f32) -> Vec<Vec<Vec<f32>>> {
        let of = |photos: Vec<Photo>| photos.into_iter().map(|photo| photo.plain).collect();
        people(count, 4, noise, 99).into_iter().map(of).collect()
    }

    fn experiment() -> Experiment {
        Experiment {
            shots: vec![1, 3],
            probes: 4,
            draws: 3,
            seed: 5,
            fpir: 0.05,
            methods: Method::ALL.to_vec(),
            augmented: true,
            penalty: 1e-4,
        }
    }

    fn all(experiment: &Experiment, people: &[Vec<Photo>], strangers: &[Vec<Vec<f32>>]) -> Vec<Outcome> {
        run(experiment, people, strangers, |_, _| ControlFlow::Continue(())).unwrap().unwrap()
    }

    #[test]
    fn people_who_lie_apart_are_found_and_strangers_refused() {
        let (people, strangers) = (people(8, 8, 0.1, 1), strangers(120, 0.1));
        let outcomes = all(&experiment(), &people, &strangers);
        assert_eq!(outcomes.len(), 2 * 2 * 5);
        for outcome in &outcomes {
            assert_eq!(outcome.rank1.value, 1.0, "{outcome:?}");
            let is_plain = outcome.method == Method::Nearest && !outcome.augmented;
            assert_eq!(outcome.advantage.map(|advantage| advantage.value), (!is_plain).then_some(0.0));
            let open = outcome.open_set.unwrap();
            assert!(open.fpir.value < 0.15 && (outcome.method.is_trained() || open.fnir.value < 0.2), "{outcome:?}");
        }
        assert_eq!(all(&experiment(), &people, &strangers), outcomes, "the same seed, the same figures");
    }

    /// Without anything to tell people apart by, the right one comes first by chance.
    #[test]
    fn noise_gives_chance() {
        let tried = Experiment { draws: 20, methods: vec![Method::Nearest], ..experiment() };
        for outcome in all(&tried, &people(8, 8, 1e6, 1), &[]) {
            assert!((outcome.rank1.value - 0.125).abs() < 0.06 && outcome.open_set.is_none(), "{outcome:?}");
        }
    }

    #[test]
    fn more_photographs_help() {
        let tried = Experiment { draws: 10, methods: vec![Method::Mean], augmented: false, ..experiment() };
        let outcomes = all(&tried, &people(12, 8, 1.2, 2), &[]);
        assert!(outcomes[1].rank1.value > outcomes[0].rank1.value + 0.05, "{outcomes:?}");
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let none = |_, _| ControlFlow::Continue(());
        assert!(run(&experiment(), &people(8, 6, 0.1, 1), &[], none).unwrap_err().to_string().contains("7 are needed"));
        assert!(run(&experiment(), &people(1, 8, 0.1, 1), &[], none).is_err());
        let few = run(&experiment(), &people(8, 8, 0.1, 1), &strangers(4, 0.1), none).unwrap_err().to_string();
        assert!(few.contains("strangers"), "{few}");
        let mut broken = people(8, 8, 0.1, 1);
        broken[3][2].plain[0] = f32::NAN;
        assert!(run(&experiment(), &broken, &[], none).is_err());
        let stopped = run(&experiment(), &people(8, 8, 0.1, 1), &[], |_, _| ControlFlow::Break(()));
        assert!(stopped.unwrap().is_none());
    }
}
