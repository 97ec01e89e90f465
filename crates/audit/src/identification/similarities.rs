//! Every photograph that is looked for beside every one that may be enrolled.

use eyebar_tensor::gemm::times_transposed;
use eyebar_tensor::simd::Isa;

use crate::error::AuditError;
use crate::random::Random;
use crate::unit::unit;
use crate::verification::Score;

/// Similarity of a photograph in which no face was found: the least that there is, and never first.
const NO_FACE: f32 = -1.0;

/// What tells the stream that deals photographs out from others of one seed.
const SHUFFLE: u64 = 0x5AFE_C0DE_0DD5_EED5;

/// Everybody's photographs as vectors of length 1, person by person; nothing where no face was found.
#[derive(Debug, Clone)]
pub struct Vectors {
    values: Vec<f32>,
    found: Vec<bool>,
    dimension: usize,
    photos: usize,
}

impl Vectors {
    /// Takes `photos` vectors of `dimension` values of each person; they need not be of length 1.
    ///
    /// # Errors
    /// When they are of other lengths or not finite, or do not come `photos` by `photos`.
    pub fn new<'a>(
        vectors: impl IntoIterator<Item = Option<&'a [f32]>>,
        dimension: usize,
        photos: usize,
    ) -> Result<Self, AuditError> {
        let vectors: Vec<Option<&[f32]>> = vectors.into_iter().collect();
        let refuse = |reason: String, remedy| Err(AuditError::TooLittle { reason, remedy });
        if dimension == 0 || photos == 0 || !vectors.len().is_multiple_of(photos) {
            let reason = format!("{} photographs, {photos} of each person, of {dimension} values", vectors.len());
            return refuse(reason, "use photographs with a face, equally many of each person");
        }
        let mut values = Vec::with_capacity(vectors.len() * dimension);
        let mut found = Vec::with_capacity(vectors.len());
        for vector in vectors {
            found.push(vector.is_some());
            let Some(vector) = vector else {
                values.resize(values.len() + dimension, 0.0);
                continue;
            };
            if vector.len() != dimension {
                return refuse(
                    format!("vectors of {} and of {dimension} values", vector.len()),
                    "use one model for all",
                );
            }
            if let Some(&value) = vector.iter().find(|value| !value.is_finite()) {
                return Err(AuditError::NotFinite { value });
            }
            values.extend(unit(vector));
        }
        Ok(Self { values, found, dimension, photos })
    }

    /// Number of photographs.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Values of each.
    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Photographs of each person.
    pub(super) fn photos(&self) -> usize {
        self.photos
    }

    /// Whether there is no photograph; never.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// `[probes, gallery]`
pub(super) fn cosines(probes: &Vectors, gallery: &Vectors) -> Vec<f32> {
    let mut values = vec![0.0; probes.len() * gallery.len()];
    times_transposed(Isa::detect(), &probes.values, &gallery.values, probes.dimension, &mut values);
    for (row, &found) in values.chunks_exact_mut(gallery.len()).zip(&probes.found) {
        for (value, &enrolled) in row.iter_mut().zip(&gallery.found) {
            *value = if found && enrolled { value.clamp(-1.0, 1.0) } else { NO_FACE };
        }
    }
    values
}

/// Cosines of all photographs that are looked for with all that may be enrolled.
#[derive(Debug, Clone)]
pub struct Similarities {
    /// `[probes, gallery]`
    values: Vec<f32>,
    found: Vec<bool>,
    pub(super) people: usize,
    pub(super) photos: usize,
}

impl Similarities {
    /// Compares `probes` with `gallery`, the same photographs of the same people: masked, or as they are.
    ///
    /// # Errors
    /// When they are not the same number of vectors of the same length.
    pub fn new(probes: &Vectors, gallery: &Vectors) -> Result<Self, AuditError> {
        if (probes.len(), probes.dimension, probes.photos) != (gallery.len(), gallery.dimension, gallery.photos) {
            return Err(AuditError::TooLittle {
                reason: format!(
                    "{} photographs of {} values to look for, {} of {} to enrol",
                    probes.len(),
                    probes.dimension,
                    gallery.len(),
                    gallery.dimension
                ),
                remedy: "use the same photographs and one model for both",
            });
        }
        let people = probes.len() / probes.photos;
        Ok(Self { values: cosines(probes, gallery), found: probes.found.clone(), people, photos: probes.photos })
    }

    /// Of photograph `photo` of `person` with photograph `enrolled` of `other`.
    pub fn at(&self, (person, photo): (usize, usize), (other, enrolled): (usize, usize)) -> f32 {
        self.values[(person * self.photos + photo) * self.people * self.photos + other * self.photos + enrolled]
    }

    /// Whether a face was found in a photograph that is looked for.
    pub fn found(&self, person: usize, photo: usize) -> bool {
        self.found[person * self.photos + photo]
    }

    /// For every photograph, person by person, the mean similarity with the other photographs of its person, and the largest
    /// with one of anybody else.
    pub fn summaries(&self) -> Vec<(f32, f32)> {
        let count = self.people * self.photos;
        let summary = |(probe, row): (usize, &[f32])| {
            let own = probe / self.photos * self.photos..(probe / self.photos + 1) * self.photos;
            let mated = own.clone().filter(|&enrolled| enrolled != probe).map(|enrolled| row[enrolled]);
            let others = row.iter().enumerate().filter(|(enrolled, _)| !own.contains(enrolled));
            let mean = mated.sum::<f32>() / (self.photos - 1) as f32;
            (mean, others.map(|(_, &value)| value).fold(f32::NEG_INFINITY, f32::max))
        };
        self.values.chunks_exact(count).enumerate().map(summary).collect()
    }

    /// All pairs of two photographs: mated where they are of one person; a photograph with itself is none.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, Score)> + '_ {
        let photos = self.photos;
        let count = self.people * photos;
        self.values.iter().enumerate().filter_map(move |(index, &similarity)| {
            let (probe, enrolled) = (index / count, index % count);
            let (person, other) = (probe / photos, enrolled / photos);
            (probe != enrolled).then_some((person, other, Score { similarity, mated: person == other }))
        })
    }

    /// The same similarities with the photographs dealt out to people at random: whoever still finds more than chance has
    /// made a mistake.
    #[must_use]
    pub fn shuffled(&self, seed: u64) -> Self {
        // Not the stream that draws whom is enrolled with what.
        let order = Random::new(seed.rotate_left(32) ^ SHUFFLE).shuffled(self.found.len());
        let count = order.len();
        let row = |&probe: &usize| order.iter().map(move |&enrolled| self.values[probe * count + enrolled]);
        let values = order.iter().flat_map(row).collect();
        Self { values, found: order.iter().map(|&photo| self.found[photo]).collect(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::{Similarities, Vectors};

    #[test]
    fn cosines_of_everybody_with_everybody() {
        let own = [[3.0, 0.0], [0.6, 0.8], [0.0, 2.0], [-1.0, 0.0]];
        let gallery = Vectors::new(own.iter().map(|vector| Some(&vector[..])), 2, 2).unwrap();
        let probes = Vectors::new([Some(&own[0][..]), None, Some(&own[2]), Some(&own[3])], 2, 2).unwrap();
        let all = Similarities::new(&probes, &gallery).unwrap();
        assert!((all.at((0, 0), (0, 1)) - 0.6).abs() < 1e-6 && (all.at((1, 1), (0, 0)) + 1.0).abs() < 1e-6);
        assert_eq!(all.at((0, 1), (0, 0)), -1.0);
        assert!(all.found(0, 0) && !all.found(0, 1));
        let (mated, others) =
            all.pairs().fold(
                (0, 0),
                |(mated, others), (.., score)| {
                    if score.mated { (mated + 1, others) } else { (mated, others + 1) }
                },
            );
        assert_eq!((mated, others), (4, 8));
        let (mated, others) = all.summaries()[0];
        assert!((mated - 0.6).abs() < 1e-6 && others.abs() < 1e-6, "{mated}, {others}");
        let shuffled = all.shuffled(3);
        let sum = |all: &Similarities| all.values.iter().sum::<f32>();
        assert!(
            (sum(&shuffled) - sum(&all)).abs() < 1e-5 && shuffled.found.iter().filter(|found| !**found).count() == 1
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Vectors::new([None], 3, 1).is_ok());
        assert!(Vectors::new([Some(&[1.0f32][..]), Some(&[1.0, 2.0])], 1, 1).is_err());
        assert!(Vectors::new([Some(&[f32::NAN][..])], 1, 1).is_err());
        assert!(Vectors::new([Some(&[1.0f32][..])], 1, 2).is_err() && Vectors::new([None], 0, 1).is_err());
        let (one, two) = (Vectors::new([Some(&[1.0f32][..])], 1, 1), Vectors::new([Some(&[1.0f32, 2.0][..])], 2, 1));
        assert!(Similarities::new(&one.unwrap(), &two.unwrap()).is_err());
    }
}
