//! Directions that tell people apart, learnt from other people.

use eyebar_tensor::gemm::{times, times_transposed};
use eyebar_tensor::simd::Isa;
use nalgebra::{Cholesky, DMatrix, DVector};

use crate::error::AuditError;
use crate::pca::Pca;

/// Most principal components that the vectors are reduced to first: with fewer photographs than values, the scatter within
/// people could not be inverted (Belhumeur, Hespanha and Kriegman 1997, *Eigenfaces vs. Fisherfaces*).
const COMPONENTS: usize = 200;
/// Share of a sphere that is mixed into the scatter within people, as it is estimated from few photographs (Friedman 1989).
const SHRINKAGE: f64 = 0.1;

/// Fisher's linear discriminant: differences within people are made small, those between them are kept.
#[derive(Debug, Clone)]
pub struct Discriminant {
    mean: Vec<f32>,
    /// `[outputs, dimension]`
    directions: Vec<f32>,
}

impl Discriminant {
    /// Learns from several vectors of each of some people.
    ///
    /// # Errors
    /// When there are fewer than three people with two vectors each, or a vector is not finite or of another length.
    pub fn fit(people: &[Vec<&[f32]>]) -> Result<Self, AuditError> {
        let people: Vec<&Vec<&[f32]>> = people.iter().filter(|vectors| vectors.len() >= 2).collect();
        if people.len() < 3 {
            return Err(AuditError::TooLittle {
                reason: format!("{} people with two photographs or more to learn from", people.len()),
                remedy: "an adapted attacker learns from other people: add people who have too few photographs for the audit",
            });
        }
        let all: Vec<&[f32]> = people.iter().flat_map(|vectors| vectors.iter().copied()).collect();
        let pca = Pca::fit(&all, COMPONENTS.min(all.len() - 1))?;
        let size = pca.len();
        if size == 0 {
            let remedy = "use photographs that differ";
            return Err(AuditError::TooLittle { reason: "all vectors are the same".to_owned(), remedy });
        }
        let mut within = DMatrix::<f64>::zeros(size, size);
        let mut means = Vec::with_capacity(people.len());
        for vectors in &people {
            let rows: Vec<DVector<f64>> = vectors
                .iter()
                .map(|vector| DVector::from_iterator(size, pca.project(vector).into_iter().map(f64::from)))
                .collect();
            let mean = rows.iter().sum::<DVector<f64>>() / rows.len() as f64;
            for row in &rows {
                let difference = row - &mean;
                within.ger(1.0, &difference, &difference, 1.0);
            }
            means.push(mean);
        }
        within /= (all.len() - people.len()) as f64;
        let sphere = within.trace() / size as f64;
        within *= 1.0 - SHRINKAGE;
        for index in 0..size {
            // Where people do not differ from themselves at all, there is nothing to make small.
            within[(index, index)] += SHRINKAGE * sphere + f64::MIN_POSITIVE.sqrt();
        }
        let failed = || AuditError::Training { reason: "the scatter within people cannot be inverted".to_owned() };
        let lower = Cholesky::new(within).ok_or_else(failed)?.unpack();
        let mut between = DMatrix::<f64>::zeros(size, size);
        for mean in &means {
            let white = lower.solve_lower_triangular(mean).ok_or_else(failed)?;
            between.ger(1.0, &white, &white, 1.0);
        }
        let eigen = between.symmetric_eigen();
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]).then(a.cmp(&b)));
        order.truncate(size.min(people.len() - 1));
        // Rows vᵀ L⁻¹ are the solutions of Lᵀ w = v.
        let mut inside = Vec::with_capacity(order.len() * size);
        for &index in &order {
            let direction = eigen.eigenvectors.column(index).into_owned();
            let direction = lower.tr_solve_lower_triangular(&direction).ok_or_else(failed)?;
            inside.extend(direction.iter().map(|&value| value as f32));
        }
        let mut directions = vec![0.0; order.len() * pca.mean().len()];
        times(Isa::detect(), &inside, pca.components(), size, true, &mut directions);
        Ok(Self { mean: pca.mean().to_vec(), directions })
    }

    /// A vector's coordinates along the directions.
    ///
    /// # Panics
    /// When it has another length than those that were learnt from.
    pub fn project(&self, vector: &[f32]) -> Vec<f32> {
        assert_eq!(vector.len(), self.mean.len(), "a vector of another length");
        let centred: Vec<f32> = vector.iter().zip(&self.mean).map(|(value, mean)| value - mean).collect();
        let mut coordinates = vec![0.0; self.directions.len() / self.mean.len()];
        times_transposed(Isa::detect(), &centred, &self.directions, self.mean.len(), &mut coordinates);
        coordinates
    }
}

#[cfg(test)]
mod tests {
    use super::Discriminant;
    use crate::random::Random;

    /// People differ a little along one axis, photographs of one person much along all others.
    #[test]
    fn what_tells_people_apart_is_found_under_what_does_not() {
        let mut random = Random::new(3);
        let mut photo = move |person: usize| -> Vec<f32> {
            let mut vector: Vec<f32> = (0..12).map(|_| (random.unit() as f32 - 0.5) * 4.0).collect();
            vector[5] = person as f32 * 0.2 + (random.unit() as f32 - 0.5) * 0.02;
            vector
        };
        let people: Vec<Vec<Vec<f32>>> = (0..30).map(|person| (0..6).map(|_| photo(person)).collect()).collect();
        let shown: Vec<Vec<&[f32]>> = people.iter().map(|photos| photos.iter().map(Vec::as_slice).collect()).collect();
        let found = Discriminant::fit(&shown).unwrap();
        let first = |person: usize| found.project(&photo_of(&people, person))[0];
        let step = first(29) - first(0);
        for person in [5, 12, 20] {
            let wanted = step * person as f32 / 29.0;
            assert!((first(person) - first(0) - wanted).abs() < 0.05 * step.abs(), "{person}");
        }
    }

    fn photo_of(people: &[Vec<Vec<f32>>], person: usize) -> Vec<f32> {
        people[person][0].clone()
    }

    #[test]
    fn too_little_is_refused() {
        let (a, b) = ([1.0f32, 2.0], [2.0f32, 1.0]);
        assert!(Discriminant::fit(&[vec![&a, &b], vec![&a, &b], vec![&a]]).is_err());
        assert!(Discriminant::fit(&[vec![&a, &a], vec![&a, &a], vec![&a, &a]]).is_err());
        let nan = [f32::NAN, 0.0];
        assert!(Discriminant::fit(&[vec![&a, &b], vec![&b, &a], vec![&a, &nan]]).is_err());
    }
}
