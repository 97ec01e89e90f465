//! Principal components: of pictures of faces, eigenfaces.

use eyebar_tensor::gemm::{times, times_transposed};
use eyebar_tensor::simd::Isa;
use nalgebra::DMatrix;

use crate::error::AuditError;

/// The directions in which some vectors differ most (Turk and Pentland 1991, *Eigenfaces for recognition*).
#[derive(Debug, Clone)]
pub struct Pca {
    mean: Vec<f32>,
    /// `[components, dimension]`, each of length 1, in falling order of variance.
    components: Vec<f32>,
}

impl Pca {
    /// The first `components` of `vectors`, all of one length; fewer where the vectors do not span as many.
    ///
    /// # Errors
    /// When there are fewer vectors than components, or one is not finite or of another length.
    pub fn fit(vectors: &[&[f32]], components: usize) -> Result<Self, AuditError> {
        let dimension = vectors.first().map_or(0, |vector| vector.len());
        if vectors.len() <= components || dimension == 0 {
            return Err(AuditError::TooLittle {
                reason: format!("{} vectors for {components} principal components", vectors.len()),
                remedy: "they are fitted on other people: add people who have too few photographs to be enrolled",
            });
        }
        if vectors.iter().any(|vector| vector.len() != dimension) {
            let remedy = "embed all with one model";
            return Err(AuditError::TooLittle { reason: "vectors of several lengths".to_owned(), remedy });
        }
        if let Some(&value) = vectors.iter().copied().flatten().find(|value| !value.is_finite()) {
            return Err(AuditError::NotFinite { value });
        }
        let count = vectors.len();
        let sum = |index: usize| vectors.iter().map(|vector| f64::from(vector[index])).sum::<f64>();
        let mean: Vec<f32> = (0..dimension).map(|index| (sum(index) / count as f64) as f32).collect();
        let centred: Vec<f32> =
            vectors.iter().flat_map(|vector| vector.iter().zip(&mean).map(|(value, mean)| value - mean)).collect();
        // Fewer vectors than dimensions as a rule: the products of all pairs have the same eigenvalues as the covariance.
        let mut products = vec![0.0; count * count];
        times_transposed(Isa::detect(), &centred, &centred, dimension, &mut products);
        let products = DMatrix::from_fn(count, count, |row, column| {
            f64::from(products[row * count + column] + products[column * count + row]) / 2.0
        });
        let eigen = products.symmetric_eigen();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]).then(a.cmp(&b)));
        let least = eigen.eigenvalues[order[0]] * RANK_TOLERANCE;
        order.retain(|&index| eigen.eigenvalues[index] > least.max(f64::MIN_POSITIVE));
        order.truncate(components);
        let weights: Vec<f32> = order
            .iter()
            .flat_map(|&index| {
                let scale = 1.0 / eigen.eigenvalues[index].sqrt();
                eigen.eigenvectors.column(index).iter().map(|value| (value * scale) as f32).collect::<Vec<_>>()
            })
            .collect();
        let mut components = vec![0.0; order.len() * dimension];
        times(Isa::detect(), &weights, &centred, count, true, &mut components);
        Ok(Self { mean, components })
    }

    /// Number of components.
    pub fn len(&self) -> usize {
        self.components.len() / self.mean.len()
    }

    /// Whether all vectors were the same.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty()
    }

    pub(crate) fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// `[components, dimension]`
    pub(crate) fn components(&self) -> &[f32] {
        &self.components
    }

    /// A vector's coordinates along the components.
    ///
    /// # Panics
    /// When it has another length than those that the components were fitted on.
    pub fn project(&self, vector: &[f32]) -> Vec<f32> {
        assert_eq!(vector.len(), self.mean.len(), "a vector of another length");
        let centred: Vec<f32> = vector.iter().zip(&self.mean).map(|(value, mean)| value - mean).collect();
        let mut coordinates = vec![0.0; self.len()];
        times_transposed(Isa::detect(), &centred, &self.components, self.mean.len(), &mut coordinates);
        coordinates
    }
}

/// Share of the largest variance below which a direction is rounding of f32.
const RANK_TOLERANCE: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::Pca;

    /// numpy.linalg.svd of the centred matrix: the first right singular vector of points along (3, 4, 0) / 5.
    #[test]
    fn finds_the_line_that_points_lie_along() {
        let points: Vec<[f32; 3]> = (0..6).map(|t| [1.0 + 3.0 * t as f32, 2.0 + 4.0 * t as f32, 7.0]).collect();
        let points: Vec<&[f32]> = points.iter().map(|point| &point[..]).collect();
        let pca = Pca::fit(&points, 2).unwrap();
        assert_eq!(pca.len(), 1, "the points span one direction");
        let coordinates: Vec<f32> = points.iter().map(|point| pca.project(point)[0]).collect();
        for pair in coordinates.windows(2) {
            assert!(((pair[1] - pair[0]).abs() - 5.0).abs() < 1e-4, "{coordinates:?}");
        }
        assert!(coordinates.iter().sum::<f32>().abs() < 1e-3);
    }

    #[test]
    fn components_are_orthonormal_and_ordered() {
        let mut state = 1u32;
        let mut number = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let vectors: Vec<Vec<f32>> =
            (0..40).map(|_| (0..25).map(|index| number() * (1 + index) as f32).collect()).collect();
        let vectors: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
        let pca = Pca::fit(&vectors, 10).unwrap();
        let row = |index: usize| &pca.components[index * 25..][..25];
        for a in 0..10 {
            for b in 0..10 {
                let dot: f32 = row(a).iter().zip(row(b)).map(|(x, y)| x * y).sum();
                assert!((dot - f32::from(u8::from(a == b))).abs() < 1e-4, "{a} {b}: {dot}");
            }
        }
        let variance = |index: usize| vectors.iter().map(|vector| pca.project(vector)[index].powi(2)).sum::<f32>();
        assert!((1..10).all(|index| variance(index - 1) >= variance(index)));
    }

    #[test]
    fn too_few_vectors_are_refused() {
        assert!(Pca::fit(&[&[1.0, 2.0], &[3.0, 4.0]], 2).is_err());
        assert!(Pca::fit(&[&[1.0, 2.0], &[3.0]], 1).is_err());
        assert!(Pca::fit(&[&[1.0, f32::NAN], &[3.0, 1.0]], 1).is_err());
        assert!(Pca::fit(&[&[1.0, 2.0], &[1.0, 2.0]], 1).unwrap().is_empty());
    }
}
