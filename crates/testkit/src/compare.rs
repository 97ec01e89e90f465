//! Comparison of values with a named tolerance.

/// How near to its reference a result must be: max |difference| ≤ tolerance · max |reference|.
///
/// The scale is the largest value of the whole array, not each element's own: a sum that cancels to nearly zero carries
/// the rounding errors of its large terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// The same numbers: nothing was computed, or the same operations in the same order.
    Exact,
    /// 10⁻⁶: a handful of roundings to f32.
    VeryClose,
    /// 10⁻⁴: sums of many terms in another order, whole networks.
    Close,
    /// 2·10⁻³: against finite differences of f32 values.
    FiniteDifference,
}

impl Tolerance {
    /// The bound, relative to the largest value of the reference.
    pub fn relative(self) -> f64 {
        match self {
            Self::Exact => 0.0,
            Self::VeryClose => 1e-6,
            Self::Close => 1e-4,
            Self::FiniteDifference => 2e-3,
        }
    }
}

/// Where a result differs most from its reference.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Mismatch {
    /// Another number of elements.
    #[error("{found} elements, {expected} expected")]
    Length {
        /// Elements of the result.
        found: usize,
        /// Elements of the reference.
        expected: usize,
    },
    /// Too far away.
    #[error(
        "element {index} is {found}, {expected} expected: {relative:.2e} of the largest value {scale}, allowed are \
         {allowed:.0e} ({beyond} of {count} elements are beyond)"
    )]
    Far {
        /// Flat index of the worst element.
        index: usize,
        /// Its value.
        found: f64,
        /// Its reference.
        expected: f64,
        /// Difference relative to `scale`.
        relative: f64,
        /// Largest magnitude of the reference.
        scale: f64,
        /// The tolerance.
        allowed: f64,
        /// Number of elements beyond the tolerance.
        beyond: usize,
        /// Number of elements.
        count: usize,
    },
}

/// Compares `found` with `expected`; returns the largest difference relative to the largest finite |reference| (the
/// absolute difference where the reference is all zeros). NaN equals NaN, an infinity itself, and neither anything else.
///
/// # Errors
/// The worst element, where it is beyond the tolerance.
pub fn compare<T: Copy + Into<f64>>(found: &[T], expected: &[T], tolerance: Tolerance) -> Result<f64, Mismatch> {
    if found.len() != expected.len() {
        return Err(Mismatch::Length { found: found.len(), expected: expected.len() });
    }
    let largest = expected.iter().map(|&v| v.into().abs()).filter(|v| v.is_finite()).fold(0.0, f64::max);
    let scale = if largest > 0.0 { largest } else { 1.0 };
    let allowed = tolerance.relative();
    let (mut worst, mut worst_index, mut beyond) = (0.0, 0, 0);
    for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let relative = difference(found.into(), expected.into()) / scale;
        if relative > worst {
            (worst, worst_index) = (relative, index);
        }
        beyond += usize::from(relative > allowed);
    }
    if beyond == 0 {
        return Ok(worst);
    }
    Err(Mismatch::Far {
        index: worst_index,
        found: found[worst_index].into(),
        expected: expected[worst_index].into(),
        relative: worst,
        scale,
        allowed,
        beyond,
        count: found.len(),
    })
}

fn difference(found: f64, expected: f64) -> f64 {
    if found == expected || (found.is_nan() && expected.is_nan()) {
        0.0
    } else if found.is_finite() && expected.is_finite() {
        (found - expected).abs()
    } else {
        f64::INFINITY
    }
}

#[cfg(test)]
mod tests {
    use super::{Mismatch, Tolerance, compare};

    #[test]
    fn relative_to_the_largest_value() {
        let expected = [1000.0, 0.0];
        assert_eq!(compare(&[1000.0, 0.05], &expected, Tolerance::Close), Ok(5e-5));
        assert!(compare(&[1000.0, 0.15], &expected, Tolerance::Close).is_err());
        assert!(compare(&[1000.0, 1e-9], &expected, Tolerance::Exact).is_err());
    }

    #[test]
    fn zeros_are_compared_absolutely() {
        assert!(compare(&[1e-5f32], &[0.0], Tolerance::Close).is_ok());
        assert!(compare(&[1e-3f32], &[0.0], Tolerance::Close).is_err());
    }

    #[test]
    fn what_is_not_finite_must_be_the_same() {
        let specials = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        assert_eq!(compare(&specials, &specials, Tolerance::Exact), Ok(0.0));
        for (found, expected) in [(f32::NAN, 1.0), (1.0, f32::NAN), (f32::INFINITY, f32::NEG_INFINITY)] {
            assert!(compare(&[found], &[expected], Tolerance::Close).is_err(), "{found} for {expected}");
        }
    }

    #[test]
    fn the_message_names_the_worst_element() {
        let error = compare(&[1.0f32, 3.0, 2.5], &[1.0, 2.0, 2.0], Tolerance::Close).unwrap_err();
        assert!(matches!(error, Mismatch::Far { index: 1, beyond: 2, count: 3, .. }), "{error}");
        assert!(compare(&[1.0f32], &[1.0, 2.0], Tolerance::Close).is_err());
    }
}
