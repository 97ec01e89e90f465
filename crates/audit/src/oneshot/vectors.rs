//! Vectors of one length, and their coordinates in the space that others span.

use eyebar_tensor::gemm::times_transposed;
use eyebar_tensor::simd::Isa;
use nalgebra::{Cholesky, DMatrix};

/// `[count, dimension]`, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vectors {
    pub(super) values: Vec<f32>,
    pub(super) dimension: usize,
}

impl Vectors {
    pub(super) fn count(&self) -> usize {
        self.values.len() / self.dimension
    }
}

/// Products of all of `probes` with all of `enrolled`, `[probes, enrolled]`: cosines, where all are of length 1.
pub(super) fn products(probes: &Vectors, enrolled: &Vectors) -> Vec<f32> {
    let mut products = vec![0.0; probes.count() * enrolled.count()];
    times_transposed(Isa::detect(), &probes.values, &enrolled.values, enrolled.dimension, &mut products);
    products
}

/// What is added to each vector's product with itself, so that vectors that are there twice do no harm.
const RIDGE: f64 = 1e-6;

/// `enrolled` and `probes` in coordinates of the space that `enrolled` span, where that is smaller: what a linear layer can
/// learn from `enrolled` lies in it, and angles in it stay as they are. `of_probes` are their [`products`]. Nothing where the
/// vectors are short already.
pub(super) fn in_span(enrolled: &Vectors, of_probes: &[f32]) -> Option<(Vectors, Vectors)> {
    let count = enrolled.count();
    if count >= enrolled.dimension {
        return None;
    }
    let own = products(enrolled, enrolled);
    // E Eᵀ = L Lᵀ: the rows of L are coordinates of E, and L⁻¹ (E p) are those of a probe.
    let own = DMatrix::from_fn(count, count, |row, column| {
        let ridge = if row == column { RIDGE } else { 0.0 };
        f64::from(own[row.max(column) * count + row.min(column)]) + ridge
    });
    let lower = Cholesky::new(own)?.unpack();
    // Column-major `[count, probes]` is the row-major `[probes, count]`.
    let probes = of_probes.len() / count;
    let mut theirs = DMatrix::from_iterator(count, probes, of_probes.iter().copied().map(f64::from));
    lower.solve_lower_triangular_mut(&mut theirs).then_some(())?;
    let values = |matrix: &DMatrix<f64>| matrix.iter().map(|&value| value as f32).collect();
    Some((
        Vectors { values: values(&lower.transpose()), dimension: count },
        Vectors { values: values(&theirs), dimension: count },
    ))
}

#[cfg(test)]
mod tests {
    use super::{Vectors, in_span, products};

    #[test]
    fn angles_stay_as_they_are() {
        let mut state = 7u32;
        let mut number = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let mut some = |count: usize| Vectors { values: (0..count * 50).map(|_| number()).collect(), dimension: 50 };
        let (mut enrolled, probes) = (some(9), some(4));
        // Somebody is there twice.
        enrolled.values.copy_within(..50, 8 * 50);
        let (inside, theirs) = in_span(&enrolled, &products(&probes, &enrolled)).unwrap();
        assert_eq!((inside.count(), inside.dimension, theirs.count()), (9, 9, 4));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        for (vector, short) in enrolled.values.chunks(50).zip(inside.values.chunks(9)) {
            for (other, other_short) in enrolled.values.chunks(50).zip(inside.values.chunks(9)) {
                assert!((dot(vector, other) - dot(short, other_short)).abs() < 1e-4);
            }
            for (probe, probe_short) in probes.values.chunks(50).zip(theirs.values.chunks(9)) {
                assert!((dot(vector, probe) - dot(short, probe_short)).abs() < 1e-3);
            }
        }
        assert!(in_span(&some(50), &[]).is_none());
    }
}
