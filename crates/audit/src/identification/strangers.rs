//! People at the door who were never enrolled.

use super::similarities::cosines;
use super::{Draws, Similarities, Vectors};
use crate::error::AuditError;
use crate::interval::share_over_people;
use crate::open_set::{FEWEST_ACCEPTED, OpenSet, threshold};
use crate::random::Random;

/// Strangers' photographs beside all that may be enrolled.
#[derive(Debug, Clone)]
pub struct Strangers {
    /// `[photographs of strangers, gallery]`
    values: Vec<f32>,
    gallery: usize,
    /// Photographs of each stranger.
    photos: usize,
}

/// Thresholds, one for each draw.
pub type Thresholds = Vec<f32>;

impl Strangers {
    /// Compares strangers with `gallery`.
    ///
    /// # Errors
    /// When the vectors are of other lengths.
    pub fn new(strangers: &Vectors, gallery: &Vectors) -> Result<Self, AuditError> {
        if strangers.dimension() != gallery.dimension() {
            return Err(AuditError::TooLittle {
                reason: format!("strangers of {} values, enrolled of {}", strangers.dimension(), gallery.dimension()),
                remedy: "use one model for both",
            });
        }
        Ok(Self { values: cosines(strangers, gallery), gallery: gallery.len(), photos: strangers.photos() })
    }

    /// For each draw the threshold that lets in at most the share `rate` of half of the strangers. Nothing where that would
    /// be fewer than ten photographs.
    pub fn thresholds(&self, draws: &Draws, rate: f64, seed: u64) -> Option<Thresholds> {
        let setting = self.count() / 2 * self.photos;
        if rate * (setting as f64) < FEWEST_ACCEPTED as f64 {
            return None;
        }
        let of_draw = |(draw, enrolled): (usize, &[usize])| {
            let (setting, _) = self.halves(seed, draw);
            let scores = setting.iter().flat_map(|&stranger| self.scores(stranger, enrolled)).collect();
            threshold(scores, rate)
        };
        Some(draws.iter().enumerate().map(of_draw).collect())
    }

    /// Errors at these thresholds: of the people that were compared as `similarities`, and of the other half of the
    /// strangers.
    pub fn errors(&self, similarities: &Similarities, draws: &Draws, thresholds: &Thresholds, seed: u64) -> OpenSet {
        let (people, photos) = (similarities.people, similarities.photos);
        let mut missed = vec![(0.0, 0.0); people];
        let mut accepted = vec![(0.0, 0.0); self.count()];
        for ((draw, enrolled), &threshold) in draws.iter().enumerate().zip(thresholds) {
            for (person, (missed, looked)) in missed.iter_mut().enumerate() {
                for photo in (0..photos).filter(|&photo| photo != enrolled[person]) {
                    let of = |other: usize| similarities.at((person, photo), (other, enrolled[other]));
                    let own = of(person);
                    let is_found = own >= threshold
                        && similarities.found(person, photo)
                        && (0..people).all(|other| other == person || of(other) < own);
                    *missed += f64::from(u8::from(!is_found));
                    *looked += 1.0;
                }
            }
            let (_, testing) = self.halves(seed, draw);
            for stranger in testing {
                let (taken, looked) = &mut accepted[stranger];
                *taken += self.scores(stranger, enrolled).filter(|&score| score >= threshold).count() as f64;
                *looked += self.photos as f64;
            }
        }
        OpenSet { fpir: share_over_people(&accepted, seed), fnir: share_over_people(&missed, seed) }
    }

    fn count(&self) -> usize {
        self.values.len() / self.gallery / self.photos
    }

    /// Who sets the threshold of a draw, and whom it is tried on.
    fn halves(&self, seed: u64, draw: usize) -> (Vec<usize>, Vec<usize>) {
        // Not the stream that draws whom is enrolled with what.
        let mut setting = Random::new(!seed.wrapping_add(draw as u64)).shuffled(self.count());
        let testing = setting.split_off(self.count() / 2);
        (setting, testing)
    }

    /// The likeness of each photograph of a stranger to the most similar of those enrolled.
    fn scores<'a>(&'a self, stranger: usize, enrolled: &'a [usize]) -> impl Iterator<Item = f32> + 'a {
        let photos = self.gallery / enrolled.len();
        let rows = self.values[stranger * self.photos * self.gallery..][..self.photos * self.gallery]
            .chunks_exact(self.gallery);
        rows.map(move |row| {
            let own = enrolled.iter().enumerate().map(|(person, &photo)| row[person * photos + photo]);
            own.fold(f32::NEG_INFINITY, f32::max)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Draws, Similarities, Vectors};
    use super::Strangers;
    use crate::random::Random;

    fn vectors(count: usize, photos: usize, seed: u64, noise: f32) -> Vectors {
        let mut random = Random::new(seed);
        let mut number = move || random.unit() as f32 - 0.5;
        let mut all = Vec::new();
        for _ in 0..count {
            let centre: Vec<f32> = (0..24).map(|_| number()).collect();
            for _ in 0..photos {
                all.push(centre.iter().map(|value| value + noise * number()).collect::<Vec<f32>>());
            }
        }
        Vectors::new(all.iter().map(|vector| Some(&vector[..])), 24, photos).unwrap()
    }

    #[test]
    fn other_strangers_come_in_as_often_as_those_that_set_the_threshold() {
        let (people, strangers) = (vectors(8, 4, 1, 0.2), vectors(400, 1, 2, 0.2));
        let similarities = Similarities::new(&people, &people).unwrap();
        let strangers = Strangers::new(&strangers, &people).unwrap();
        let draws = Draws::new(8, 4, 10, 3).unwrap();
        let thresholds = strangers.thresholds(&draws, 0.1, 3).unwrap();
        let errors = strangers.errors(&similarities, &draws, &thresholds, 3);
        assert!((errors.fpir.value - 0.1).abs() < 0.03, "{errors:?}");
        assert!(errors.fnir.value < 0.05, "{errors:?}");
        // Whom nobody is like enough, nobody is; and the other way round.
        let closed = strangers.errors(&similarities, &draws, &vec![1.1; 10], 3);
        assert_eq!((closed.fpir.value, closed.fnir.value), (0.0, 1.0));
        let open = strangers.errors(&similarities, &draws, &vec![-2.0; 10], 3);
        assert_eq!((open.fpir.value, open.fnir.value), (1.0, 0.0));
    }

    #[test]
    fn few_strangers_set_no_threshold() {
        let people = vectors(3, 2, 1, 0.1);
        let strangers = Strangers::new(&vectors(100, 1, 2, 0.1), &people).unwrap();
        let draws = Draws::new(3, 2, 2, 0).unwrap();
        assert!(strangers.thresholds(&draws, 0.1, 0).is_none() && strangers.thresholds(&draws, 0.2, 0).is_some());
    }
}
