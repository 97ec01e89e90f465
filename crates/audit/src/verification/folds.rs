//! Accuracy by cross-validation, as LFW's View 2 asks for.

use super::Score;
use crate::error::AuditError;

/// Accuracy on held-out folds, with the threshold that was best on the others.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldAccuracy {
    /// Mean over the folds, 0 to 1.
    pub mean: f64,
    /// Standard deviation over the folds (of the folds as they are, divided by their number).
    pub deviation: f64,
    /// Threshold used for each fold.
    pub thresholds: Vec<f32>,
}

/// For each fold the share of right decisions with the threshold chosen on all others. A threshold lies midway between
/// two similarities; of several equally good ones the lowest is taken.
///
/// # Errors
/// When there are fewer than two folds, a fold is empty, or a similarity is no number.
pub fn accuracy_in_folds(folds: &[Vec<Score>]) -> Result<FoldAccuracy, AuditError> {
    if folds.len() < 2 || folds.iter().any(Vec::is_empty) {
        return Err(AuditError::TooLittle {
            reason: "cross-validation needs two folds with pairs in each".to_owned(),
            remedy: "use View 2 of LFW, which has ten",
        });
    }
    super::roc::check_finite(folds.iter().flatten())?;
    let mut accuracies = Vec::new();
    let mut thresholds = Vec::new();
    for (held, fold) in folds.iter().enumerate() {
        let others = folds.iter().enumerate().filter(|&(index, _)| index != held).flat_map(|(_, fold)| fold);
        let threshold = best_threshold(others.copied().collect());
        let right = fold.iter().filter(|score| (score.similarity >= threshold) == score.mated).count();
        accuracies.push(right as f64 / fold.len() as f64);
        thresholds.push(threshold);
    }
    let count = accuracies.len() as f64;
    let mean = accuracies.iter().sum::<f64>() / count;
    let variance = accuracies.iter().map(|accuracy| (accuracy - mean).powi(2)).sum::<f64>() / count;
    Ok(FoldAccuracy { mean, deviation: variance.sqrt(), thresholds })
}

fn best_threshold(mut scores: Vec<Score>) -> f32 {
    scores.sort_by(|a, b| a.similarity.total_cmp(&b.similarity));
    // Below all of them every pair is accepted.
    let mut right = scores.iter().filter(|score| score.mated).count();
    let (mut best, mut threshold) = (right, f32::NEG_INFINITY);
    for (index, score) in scores.iter().enumerate() {
        if score.mated {
            right -= 1;
        } else {
            right += 1;
        }
        let next = scores.get(index + 1).map_or(f32::INFINITY, |next| next.similarity);
        if right > best && next > score.similarity {
            (best, threshold) = (right, midway(score.similarity, next));
        }
    }
    threshold
}

/// Above `low`, at most `high`.
fn midway(low: f32, high: f32) -> f32 {
    if high == f32::INFINITY {
        return high;
    }
    let middle = low + (high - low) / 2.0;
    if middle > low { middle } else { high }
}

#[cfg(test)]
mod tests {
    use super::{Score, accuracy_in_folds, best_threshold};

    fn scores(mated: &[f32], others: &[f32]) -> Vec<Score> {
        let score = |mated| move |&similarity: &f32| Score { similarity, mated };
        mated.iter().map(score(true)).chain(others.iter().map(score(false))).collect()
    }

    #[test]
    fn the_threshold_comes_from_the_other_folds() {
        // Alone, the second fold would be told apart without error at 0.25.
        let folds = [scores(&[0.8, 0.9], &[0.25, 0.5]), scores(&[0.4, 0.9], &[0.1, 0.2])];
        let result = accuracy_in_folds(&folds).unwrap();
        let near = |(a, b): (&f32, f32)| (a - b).abs() < 1e-6;
        assert!(result.thresholds.iter().zip([0.3, 0.65]).all(near), "{:?}", result.thresholds);
        assert_eq!(result.mean, (0.75 + 0.75) / 2.0);
        assert_eq!(result.deviation, 0.0);
    }

    #[test]
    fn thresholds_of_extreme_folds() {
        assert_eq!(best_threshold(scores(&[0.1, 0.2], &[])), f32::NEG_INFINITY);
        assert_eq!(best_threshold(scores(&[], &[0.1, 0.2])), f32::INFINITY);
        // Equal similarities cannot be told apart: the threshold never lies between them.
        assert!((best_threshold(scores(&[0.5, 0.5, 0.9], &[0.5, 0.1])) - 0.3).abs() < 1e-6);
        let next = 0.5f32.next_up();
        assert_eq!(best_threshold(scores(&[next], &[0.5])), next);
    }

    #[test]
    fn refuses_what_says_nothing() {
        assert!(accuracy_in_folds(&[scores(&[0.1], &[0.2])]).is_err());
        assert!(accuracy_in_folds(&[scores(&[0.1], &[0.2]), Vec::new()]).is_err());
        assert!(accuracy_in_folds(&[scores(&[f32::NAN], &[0.2]), scores(&[0.1], &[])]).is_err());
    }
}
