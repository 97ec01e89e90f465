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
    rates.sort_by(f64::total_cmp);
    let at = |share: f64| rates[((share * RESAMPLES as f64) as usize).min(rates.len() - 1)];
    (at(0.025), at(0.975))
}

/// The rate of events: `counts` has for each person the events and the occasions.
pub(crate) fn over_people(counts: &[(f64, f64)], seed: u64) -> Interval {
    let rate = |weights: &mut dyn Iterator<Item = f64>| {
        let (events, occasions) = weights
            .zip(counts)
            .fold((0.0, 0.0), |(a, b), (weight, count)| (a + weight * count.0, b + weight * count.1));
        if occasions > 0.0 { events / occasions } else { 0.0 }
    };
    let value = rate(&mut std::iter::repeat(1.0));
    let (low, high) = percentiles(counts.len(), seed, |drawn| rate(&mut drawn.iter().map(|&times| f64::from(times))));
    Interval { value, low, high }
}

#[cfg(test)]
mod tests {
    use super::over_people;

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
    fn certain_rates_have_no_width() {
        let found = over_people(&[(5.0, 5.0); 9], 1);
        assert_eq!((found.low, found.value, found.high), (1.0, 1.0, 1.0));
    }
}
