//! Intervals by resampling people: what several photographs of one person show is not independent.

use rayon::prelude::*;
use serde::Serialize;

use crate::random::Random;

/// Resamples of an interval.
const RESAMPLES: u64 = 1000;

/// A rate with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The rate.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How often each person is drawn in a resample, with replacement.
fn drawn(people: usize, seed: u64, resample: u64) -> Vec<u32> {
    let mut random = Random::new(seed ^ (resample + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut drawn = vec![0u32; people];
    for _ in 0..people {
        drawn[random.below(people)] += 1;
    }
    drawn
}

/// 95 % of what `rate` gives for resampled people (Efron 1979; percentiles).
pub(crate) fn percentiles(people: usize, seed: u64, rate: impl Fn(&[u32]) -> f64 + Sync) -> (f64, f64) {
    let mut rates: Vec<f64> = (0..RESAMPLES).into_par_iter().map(|index| rate(&drawn(people, seed, index))).collect();
    middle(&mut rates)
}

/// The ends of the middle 95 %.
fn middle(rates: &mut [f64]) -> (f64, f64) {
    rates.sort_by(f64::total_cmp);
    let at = |share: f64| rates[((share * RESAMPLES as f64) as usize).min(rates.len() - 1)];
    (at(0.025), at(0.975))
}

/// The rate of events, resampled over people: `counts` has for each person the events and the occasions.
pub(crate) fn over_people(counts: &[(f64, f64)], seed: u64) -> Interval {
    let value = rate(counts, std::iter::repeat(1));
    let (low, high) = percentiles(counts.len(), seed, |drawn| rate(counts, drawn.iter().copied()));
    Interval { value, low, high }
}

/// A share of occasions with its interval over people: `counts` has for each person the events and the occasions. Where none
/// or all are events, resampling says nothing, and the other end is that of none or all of so many people (Clopper and
/// Pearson 1934).
pub fn share_over_people(counts: &[(f64, f64)], seed: u64) -> Interval {
    let interval = over_people(counts, seed);
    let occasions: f64 = counts.iter().map(|count| count.1).sum();
    if counts.is_empty() || occasions == 0.0 {
        return interval;
    }
    let far = 0.025f64.powf(1.0 / counts.len() as f64);
    match interval.value {
        0.0 => Interval { high: 1.0 - far, ..interval },
        1.0 => Interval { low: far, ..interval },
        _ => interval,
    }
}

/// How much larger the rate of `counts` is than that of `others`, who are other people, resampled apart.
pub(crate) fn between(counts: &[(f64, f64)], others: &[(f64, f64)], seed: u64) -> Interval {
    let value = rate(counts, std::iter::repeat(1)) - rate(others, std::iter::repeat(1));
    let people = counts.len();
    let mut differences: Vec<f64> = (0..RESAMPLES)
        .into_par_iter()
        .map(|index| {
            // Two streams of one seed.
            let own = drawn(people, seed, 2 * index);
            let theirs = drawn(others.len(), seed, 2 * index + 1);
            rate(counts, own) - rate(others, theirs)
        })
        .collect();
    let (low, high) = middle(&mut differences);
    Interval { value, low, high }
}

/// Events per occasion, where each person counts so many times.
fn rate(counts: &[(f64, f64)], times: impl IntoIterator<Item = u32>) -> f64 {
    let (events, occasions) =
        times.into_iter().map(f64::from).zip(counts).fold((0.0, 0.0), |(events, occasions), (times, count)| {
            (events + times * count.0, occasions + times * count.1)
        });
    if occasions > 0.0 { events / occasions } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::{between, over_people, share_over_people};

    /// The normal approximation of the mean of independent people.
    #[test]
    fn intervals_are_as_wide_as_theory_says() {
        let counts: Vec<(f64, f64)> =
            (0..400).map(|person| (f64::from(u8::from(person % 4 == 0)) * 10.0, 10.0)).collect();
        let found = over_people(&counts, 3);
        assert_eq!(found.value, 0.25);
        let half = 1.96 * (0.25f64 * 0.75 / 400.0).sqrt();
        assert!((found.low - (0.25 - half)).abs() < 0.008 && (found.high - (0.25 + half)).abs() < 0.008, "{found:?}");
    }

    #[test]
    fn differences_of_other_people_are_as_wide_as_both_together() {
        let counts = |every: u32, people: u32| -> Vec<(f64, f64)> {
            (0..people).map(|person| (f64::from(u8::from(person % every == 0)) * 4.0, 4.0)).collect()
        };
        let found = between(&counts(2, 300), &counts(4, 400), 5);
        assert_eq!(found.value, 0.25);
        let half = 1.96 * (0.25f64 / 300.0 + 0.1875 / 400.0).sqrt();
        assert!((found.low - (0.25 - half)).abs() < 0.012 && (found.high - (0.25 + half)).abs() < 0.012, "{found:?}");
    }

    #[test]
    fn certain_rates_have_no_width() {
        let found = over_people(&[(5.0, 5.0); 9], 1);
        assert_eq!((found.low, found.value, found.high), (1.0, 1.0, 1.0));
        // Clopper and Pearson's table: all of nine is 0.6637 or more, none of nine 0.3363 or less.
        let (all, none) = (share_over_people(&[(5.0, 5.0); 9], 1), share_over_people(&[(0.0, 5.0); 9], 1));
        assert!((all.low - 0.6637).abs() < 1e-4 && all.high == 1.0, "{all:?}");
        assert!((none.high - 0.3363).abs() < 1e-4 && none.low == 0.0, "{none:?}");
        assert_eq!(share_over_people(&[(1.0, 2.0); 9], 1), over_people(&[(1.0, 2.0); 9], 1));
    }
}
