//! Errors where strangers come too.

use serde::Serialize;

use crate::interval::Interval;
use crate::verification::allowed;

/// Errors of identification with people at the door who were never enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OpenSet {
    /// False positive identification rate: share of strangers that were taken for somebody, at thresholds set on other
    /// strangers.
    pub fpir: Interval,
    /// False negative identification rate: share of enrolled people's probes that were refused or taken for somebody else.
    pub fnir: Interval,
}

/// Fewest strangers' photographs that may be let in where a threshold is set: nothing can be built on fewer.
pub const FEWEST_ACCEPTED: usize = 10;

/// The lowest threshold that lets in at most the share `rate` of strangers' `scores`.
pub(crate) fn threshold(mut scores: Vec<f32>, rate: f64) -> f32 {
    scores.sort_by(|a, b| b.total_cmp(a));
    let allowed = allowed(rate, scores.len());
    scores.get(allowed).map_or(f32::NEG_INFINITY, |first_refused| first_refused.next_up())
}

#[cfg(test)]
mod tests {
    use super::threshold;

    #[test]
    fn as_many_strangers_come_in_as_are_allowed() {
        let scores = vec![0.1, 0.9, 0.5, 0.3];
        for (rate, accepted) in [(0.0, 0), (0.25, 1), (0.5, 2), (0.74, 2), (1.0, 4)] {
            let threshold = threshold(scores.clone(), rate);
            assert_eq!(scores.iter().filter(|&&score| score >= threshold).count(), accepted, "{rate}");
        }
        // Equal scores come in together or not at all.
        assert!(threshold(vec![0.5; 4], 0.5) > 0.5);
    }
}
