//! Gauss–Legendre quadrature on 0 to 1.

use std::f64::consts::PI;

/// Nodes and weights of the rule of `count` points that integrates polynomials up to degree 2 · `count` − 1 exactly. The
/// weights add up to 1.
pub(crate) fn gauss_legendre(count: usize) -> Vec<(f64, f64)> {
    (0..count)
        .map(|index| {
            // Newton's method from the asymptotic position of the root; it doubles the digits with every step.
            let mut x = -(PI * (index as f64 + 0.75) / (count as f64 + 0.5)).cos();
            for _ in 0..10 {
                let (value, slope) = legendre(count, x);
                x -= value / slope;
            }
            let (_, slope) = legendre(count, x);
            (0.5 * (1.0 + x), 1.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

/// The Legendre polynomial of this degree at x, and its derivative, by the three-term recurrence.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for n in 1..degree {
        let n = n as f64;
        (before, value) = (value, ((2.0 * n + 1.0) * x * value - n * before) / (n + 1.0));
    }
    (value, degree as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::gauss_legendre;

    #[test]
    fn integrates_polynomials_exactly() {
        for count in [1, 2, 3, 20, 50, 300] {
            let rule = gauss_legendre(count);
            for power in [0, 1, 2 * count - 1] {
                let sum: f64 = rule.iter().map(|(x, weight)| weight * x.powi(power as i32)).sum();
                assert!((sum - 1.0 / (power as f64 + 1.0)).abs() < 1e-13, "{count} points, x^{power}: {sum}");
            }
            assert!(rule.is_sorted_by(|a, b| a.0 < b.0) && rule.iter().all(|(x, _)| (0.0..=1.0).contains(x)));
        }
    }
}
