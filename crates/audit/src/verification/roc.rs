//! The receiver operating characteristic of a set of pairs.

use super::Score;
use crate::error::AuditError;

/// True accepts against false accepts over all thresholds.
#[derive(Debug, Clone)]
pub struct Roc {
    /// Similarities of mated pairs, rising.
    mated: Vec<f32>,
    /// Similarities of non-mated pairs, rising.
    others: Vec<f32>,
}

/// What a threshold does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperatingPoint {
    /// Least similarity that is accepted.
    pub threshold: f32,
    /// Share of mated pairs that are accepted (TAR).
    pub true_accepts: f64,
    /// Share of non-mated pairs that are accepted (FAR).
    pub false_accepts: f64,
    /// Number of non-mated pairs that are accepted: how much the figure rests on.
    pub accepted: usize,
}

impl Roc {
    /// # Errors
    /// When there are no mated or no other pairs, or a similarity is no number.
    pub fn new(scores: &[Score]) -> Result<Self, AuditError> {
        check_finite(scores)?;
        let sorted = |mated: bool| {
            let of_kind = scores.iter().filter(|score| score.mated == mated).map(|score| score.similarity);
            let mut sorted: Vec<f32> = of_kind.collect();
            sorted.sort_unstable_by(f32::total_cmp);
            sorted
        };
        let (mated, others) = (sorted(true), sorted(false));
        if mated.is_empty() || others.is_empty() {
            return Err(AuditError::TooLittle {
                reason: format!("{} mated and {} other pairs", mated.len(), others.len()),
                remedy: "compare pairs of both kinds",
            });
        }
        Ok(Self { mated, others })
    }

    /// Area under the curve: the probability that a mated pair is more alike than another, ties counted by half
    /// (Mann and Whitney 1947).
    pub fn auc(&self) -> f64 {
        let shares = self.mated.iter().map(|&similarity| self.share_below(similarity));
        shares.sum::<f64>() / self.mated.len() as f64
    }

    /// Equal error rate: where as large a share of mated pairs is refused as of others accepted, on the straight line
    /// between the two thresholds around it.
    pub fn equal_error_rate(&self) -> f64 {
        let (mated, others) = (self.mated.len() as f64, self.others.len() as f64);
        // Those below the threshold: at the lowest all are accepted, beyond the highest none is.
        let (mut low, mut lower) = (0, 0);
        let mut last = (0.0, 1.0);
        loop {
            let (refused, accepted) = (low as f64 / mated, 1.0 - lower as f64 / others);
            if refused >= accepted {
                let (before, after) = (last.1 - last.0, refused - accepted);
                let share = if before + after > 0.0 { before / (before + after) } else { 0.0 };
                return last.0 + share * (refused - last.0);
            }
            last = (refused, accepted);
            let next = [self.mated.get(low), self.others.get(lower)].into_iter().flatten().copied();
            let threshold = next.fold(f32::INFINITY, f32::min);
            low += self.mated[low..].iter().take_while(|&&value| value <= threshold).count();
            lower += self.others[lower..].iter().take_while(|&&value| value <= threshold).count();
        }
    }

    /// For a mated pair the share of others that are less alike, ties counted by half: the mean of these is the area under
    /// the curve.
    pub fn share_below(&self, similarity: f32) -> f64 {
        let below = self.others.partition_point(|&other| other < similarity);
        let up_to = self.others.partition_point(|&other| other <= similarity);
        (below + up_to) as f64 / 2.0 / self.others.len() as f64
    }

    /// Share of mated pairs that a threshold accepts.
    pub fn true_accepts(&self, threshold: f32) -> f64 {
        at_least(&self.mated, threshold) as f64 / self.mated.len() as f64
    }

    /// Share of non-mated pairs that a threshold accepts.
    pub fn false_accepts(&self, threshold: f32) -> f64 {
        at_least(&self.others, threshold) as f64 / self.others.len() as f64
    }

    /// Number of non-mated pairs.
    pub fn others(&self) -> usize {
        self.others.len()
    }

    /// The lowest threshold that accepts at most the share `rate` of non-mated pairs.
    pub fn at_false_accepts(&self, rate: f64) -> OperatingPoint {
        let allowed = allowed(rate, self.others.len());
        let threshold = match self.others.len().checked_sub(allowed + 1) {
            Some(first_refused) => self.others[first_refused].next_up(),
            None => f32::NEG_INFINITY,
        };
        OperatingPoint {
            threshold,
            true_accepts: self.true_accepts(threshold),
            false_accepts: self.false_accepts(threshold),
            accepted: at_least(&self.others, threshold),
        }
    }
}

/// Number of `pairs` that a rate allows to be accepted.
pub(crate) fn allowed(rate: f64, pairs: usize) -> usize {
    // 0.001 · 3000 is a little less than 3 in binary.
    (rate * pairs as f64 * (1.0 + 1e-12)).floor() as usize
}

/// Number of `sorted` values from `threshold` on.
fn at_least(sorted: &[f32], threshold: f32) -> usize {
    sorted.len() - sorted.partition_point(|&value| value < threshold)
}

pub(super) fn check_finite<'a>(scores: impl IntoIterator<Item = &'a Score>) -> Result<(), AuditError> {
    match scores.into_iter().find(|score| !score.similarity.is_finite()) {
        Some(score) => Err(AuditError::NotFinite { value: score.similarity }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Roc, Score};

    fn roc(mated: &[f32], others: &[f32]) -> Roc {
        let score = |mated| move |&similarity: &f32| Score { similarity, mated };
        let scores: Vec<_> = mated.iter().map(score(true)).chain(others.iter().map(score(false))).collect();
        Roc::new(&scores).unwrap()
    }

    /// Every pair of a mated and another similarity, counted.
    #[test]
    fn the_area_is_the_share_of_pairs_in_order() {
        let (mated, others) = ([0.9, 0.5, 0.5, 0.2], [0.5, 0.1, 0.2, 0.7, 0.1]);
        let mut counted = 0.0;
        for a in mated {
            for b in others {
                counted += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
            }
        }
        assert!((roc(&mated, &others).auc() - counted / 20.0).abs() < 1e-12);
        assert_eq!(roc(&[0.9], &[0.1]).auc(), 1.0);
        assert_eq!(roc(&[0.3], &[0.3]).auc(), 0.5);
    }

    #[test]
    fn equal_errors() {
        assert_eq!(roc(&[0.8, 0.9], &[0.1, 0.2]).equal_error_rate(), 0.0);
        assert_eq!(roc(&[0.1, 0.2], &[0.8, 0.9]).equal_error_rate(), 1.0);
        assert_eq!(roc(&[0.2, 0.7, 0.8, 0.9], &[0.1, 0.3, 0.4, 0.75]).equal_error_rate(), 0.25);
        assert!((roc(&[0.5; 4], &[0.5; 4]).equal_error_rate() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn rates_are_never_exceeded() {
        let others: Vec<f32> = (0..3000).map(|index| index as f32 / 3000.0).collect();
        let roc = roc(&[0.9995, 0.99, 0.5], &others);
        let point = roc.at_false_accepts(0.001);
        assert_eq!((point.accepted, point.true_accepts), (3, 1.0 / 3.0));
        assert_eq!(roc.at_false_accepts(0.0).accepted, 0);
        assert_eq!(roc.at_false_accepts(1.0).accepted, 3000);
        // Equal similarities are accepted together or not at all.
        let tied = self::roc(&[0.6], &[0.5, 0.5, 0.5, 0.1]).at_false_accepts(0.5);
        assert_eq!((tied.accepted, tied.true_accepts), (0, 1.0));
    }

    #[test]
    fn refuses_one_kind_only_and_what_is_no_number() {
        let score = |similarity, mated| Score { similarity, mated };
        assert!(Roc::new(&[score(0.1, true)]).is_err());
        assert!(Roc::new(&[score(0.1, true), score(f32::NAN, false)]).is_err());
    }
}
