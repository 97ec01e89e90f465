//! Thresholds for stated false match rates.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::roc::allowed;
use crate::error::AuditError;
use crate::interval::percentiles;

/// Fewest false matches that a threshold may rest on: with ten, the rate is known to about a third.
pub const FEWEST_FALSE_MATCHES: usize = 10;

/// Cells of similarity from −1 to 1, in which pairs are counted before the largest are looked at one by one.
const CELLS: usize = 1 << 16;

/// A threshold, with the errors that it was measured to make.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibratedThreshold {
    /// False match rate that was asked for; that of `threshold` is not above it.
    pub fmr: f64,
    /// Least similarity that is accepted.
    pub threshold: f32,
    /// Non-mated pairs that it accepted.
    pub false_matches: usize,
    /// Lower end of the 95 % interval of the false match rate (bootstrap over people).
    pub fmr_low: f64,
    /// Upper end.
    pub fmr_high: f64,
    /// Share of mated pairs that it refused; nothing where there were none.
    pub fnmr: Option<f64>,
}

/// A pair of people, by number.
#[derive(Debug, Clone, Copy)]
struct Alike {
    similarity: f32,
    pair: (u32, u32),
}

/// For each rate the lowest threshold that accepts no larger share of the pairs of different people. Everyone of
/// `people` has one photograph; `similarity` compares two of them. `mated` are similarities of photographs of one person.
/// Intervals resample people, as pairs that share one are not independent.
///
/// # Errors
/// When a similarity is no number, a rate lies outside 0 to 1, or would rest on fewer than
/// [`FEWEST_FALSE_MATCHES`] false matches.
pub fn calibrate(
    people: usize,
    similarity: impl Fn(usize, usize) -> f32 + Sync,
    mated: &[f32],
    rates: &[f64],
    seed: u64,
) -> Result<Vec<CalibratedThreshold>, AuditError> {
    let pairs = people * people.saturating_sub(1) / 2;
    for &rate in rates {
        if !(rate > 0.0 && rate < 1.0) {
            let reason = format!("a false match rate of {rate}");
            return Err(AuditError::TooLittle { reason, remedy: "give a rate between 0 and 1, such as 1e-4" });
        }
        if allowed(rate, pairs) < FEWEST_FALSE_MATCHES {
            let needed = (2.0 * FEWEST_FALSE_MATCHES as f64 / rate).sqrt().ceil() + 1.0;
            return Err(AuditError::TooLittle {
                reason: format!(
                    "{people} people make {pairs} pairs: a false match rate of {rate} would rest on fewer than \
                     {FEWEST_FALSE_MATCHES} false matches; it needs {needed} people"
                ),
                remedy: "use more people, or a higher rate",
            });
        }
    }
    if let Some(&value) = mated.iter().find(|value| !value.is_finite()) {
        return Err(AuditError::NotFinite { value });
    }
    let most = rates.iter().map(|&rate| allowed(rate, pairs)).max().unwrap_or(0);
    let alike = most_alike(people, &similarity, (most + 1).min(pairs))?;
    let threshold = |&rate: &f64| {
        let allowed = allowed(rate, pairs);
        let threshold = alike.get(allowed).map_or(-1.0, |first_refused| first_refused.similarity.next_up());
        let accepted = &alike[..alike.partition_point(|pair| pair.similarity >= threshold)];
        if accepted.len() < FEWEST_FALSE_MATCHES {
            return Err(AuditError::TooLittle {
                reason: format!(
                    "equal similarities leave {} false matches to a threshold for {rate}: photographs that are there twice?",
                    accepted.len()
                ),
                remedy: "take photographs out that are there twice, or use a higher rate",
            });
        }
        let (fmr_low, fmr_high) = interval(people, accepted, seed);
        let refused = mated.iter().filter(|&&similarity| similarity < threshold).count();
        let fnmr = (!mated.is_empty()).then(|| refused as f64 / mated.len() as f64);
        Ok(CalibratedThreshold { fmr: rate, threshold, false_matches: accepted.len(), fmr_low, fmr_high, fnmr })
    };
    rates.iter().map(threshold).collect()
}

/// At least the `count` most similar pairs, most similar first.
fn most_alike(
    people: usize,
    similarity: &(impl Fn(usize, usize) -> f32 + Sync),
    count: usize,
) -> Result<Vec<Alike>, AuditError> {
    let cell = |similarity: f32| (((similarity + 1.0) / 2.0 * CELLS as f32) as usize).min(CELLS - 1);
    let counted = (1..people).into_par_iter().try_fold(
        || vec![0u64; CELLS],
        |mut cells, person| {
            for other in 0..person {
                let value = similarity(person, other);
                if !value.is_finite() {
                    return Err(AuditError::NotFinite { value });
                }
                cells[cell(value)] += 1;
            }
            Ok(cells)
        },
    );
    let cells = counted.try_reduce(
        || vec![0; CELLS],
        |mut sums, cells| {
            sums.iter_mut().zip(cells).for_each(|(sum, count)| *sum += count);
            Ok(sums)
        },
    )?;
    let (mut least, mut found) = (CELLS, 0);
    while found < count as u64 && least > 0 {
        least -= 1;
        found += cells[least];
    }
    let rows = (1..people).into_par_iter().flat_map_iter(|person| {
        let alike = move |other| Alike { similarity: similarity(person, other), pair: (other as u32, person as u32) };
        (0..person).map(alike).filter(|pair| cell(pair.similarity) >= least)
    });
    let mut alike: Vec<Alike> = rows.collect();
    alike.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.pair.cmp(&b.pair)));
    Ok(alike)
}

/// 95 % of the rates that resampled people show; pairs of a person with herself are left out.
fn interval(people: usize, accepted: &[Alike], seed: u64) -> (f64, f64) {
    percentiles(people, seed, |drawn| {
        let weight = |person: u32| f64::from(drawn[person as usize]);
        let accepted: f64 = accepted.iter().map(|alike| weight(alike.pair.0) * weight(alike.pair.1)).sum();
        let squares: f64 = drawn.iter().map(|&times| f64::from(times).powi(2)).sum();
        let pairs = ((people as f64).powi(2) - squares) / 2.0;
        if pairs > 0.0 { accepted / pairs } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::{calibrate, most_alike};

    /// Similarities in no order, all different.
    fn similarity(a: usize, b: usize) -> f32 {
        let (a, b) = (a.max(b) as u64, a.min(b) as u64);
        let mixed = (a * 1_000_003 + b + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        mixed as f32 / (1 << 24) as f32 * 1.8 - 0.9
    }

    #[test]
    fn thresholds_accept_what_they_promise() {
        const PEOPLE: usize = 200;
        let mut all: Vec<f32> = (0..PEOPLE).flat_map(|a| (0..a).map(move |b| similarity(a, b))).collect();
        all.sort_by(f32::total_cmp);
        let rates = [0.1, 0.01, 1e-3];
        let found = calibrate(PEOPLE, similarity, &[0.95, 0.0, -1.0, 0.99], &rates, 3).unwrap();
        for (rate, found) in rates.into_iter().zip(&found) {
            let accepted = all.iter().filter(|&&value| value >= found.threshold).count();
            assert_eq!(accepted, found.false_matches);
            assert_eq!(accepted, (rate * all.len() as f64).floor() as usize, "the lowest threshold of its kind");
            let measured = accepted as f64 / all.len() as f64;
            assert!(found.fmr_low < measured && measured < found.fmr_high, "{found:?}");
        }
        assert_eq!(found[2].fnmr, Some(0.5));
        assert_eq!(calibrate(PEOPLE, similarity, &[], &rates, 3).unwrap()[0].fnmr, None);
    }

    #[test]
    fn thresholds_among_equals_are_refused() {
        // All pairs are alike: accepting one would accept all.
        let error = calibrate(50, |_, _| 0.5, &[], &[0.5], 0).unwrap_err().to_string();
        assert!(error.contains("there twice"), "{error}");
    }

    #[test]
    fn the_most_alike_come_first() {
        let found = most_alike(40, &similarity, 25).unwrap();
        assert!(found.len() >= 25 && found.is_sorted_by(|a, b| a.similarity >= b.similarity));
        assert!(found.iter().all(|pair| similarity(pair.pair.0 as usize, pair.pair.1 as usize) == pair.similarity));
    }

    #[test]
    fn rates_that_rest_on_too_little_are_refused() {
        let error = calibrate(100, similarity, &[], &[1e-4], 0).unwrap_err().to_string();
        assert!(error.contains("449 people") && error.contains("hint:"), "{error}");
        for rate in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(calibrate(100, similarity, &[], &[rate], 0).is_err());
        }
        assert!(calibrate(100, |_, _| f32::NAN, &[], &[0.1], 0).is_err());
    }
}
