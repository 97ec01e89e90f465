//! At which place the right person comes.

use super::{Draws, Similarities};
use crate::interval::{Interval, between, over_people, share_over_people};

/// The last rank that is counted.
pub const LAST_RANK: usize = 20;

/// Of every person, how often the right name was among the first, over all draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranks {
    /// `[people, LAST_RANK]`: sums over probes of the probability to be within the rank.
    within: Vec<f64>,
    /// Probes of each person.
    looked: usize,
}

impl Ranks {
    /// Looks for everybody in each draw, with all photographs that are not enrolled. Equally similar people come in random
    /// order: what is counted is its mean. A photograph without a face finds nobody.
    pub fn of(similarities: &Similarities, draws: &Draws) -> Self {
        let (people, photos) = (similarities.people, similarities.photos);
        let mut within = vec![0.0; people * LAST_RANK];
        for enrolled in draws.iter() {
            for (person, within) in within.chunks_exact_mut(LAST_RANK).enumerate() {
                for photo in (0..photos).filter(|&photo| photo != enrolled[person]) {
                    let Some((before, beside)) = place(similarities, enrolled, person, photo) else { continue };
                    for (rank, sum) in within.iter_mut().enumerate().skip(before) {
                        *sum += ((rank + 1 - before) as f64 / (beside + 1) as f64).min(1.0);
                    }
                }
            }
        }
        Self { within, looked: (photos - 1) * draws.count() }
    }

    /// Share of probes whose person came at `rank` (from 1) or before.
    ///
    /// # Panics
    /// When the rank is 0 or above [`LAST_RANK`].
    pub fn within(&self, rank: usize) -> f64 {
        let people = self.within.len() / LAST_RANK;
        self.of_people(rank).sum::<f64>() / (people * self.looked) as f64
    }

    /// The same with its interval.
    ///
    /// # Panics
    /// As [`Ranks::within`].
    pub fn interval(&self, rank: usize, seed: u64) -> Interval {
        let counts: Vec<(f64, f64)> = self.of_people(rank).map(|sum| (sum, self.looked as f64)).collect();
        share_over_people(&counts, seed)
    }

    /// How much larger that is than with `other`, in pairs over people.
    ///
    /// # Panics
    /// As [`Ranks::within`].
    pub fn difference(&self, other: &Self, rank: usize, seed: u64) -> Interval {
        let pairs = self.of_people(rank).zip(other.of_people(rank));
        let counts: Vec<(f64, f64)> = pairs.map(|(own, its)| (own - its, self.looked as f64)).collect();
        over_people(&counts, seed)
    }

    /// Of some of the people alone, who are looked for among all as before.
    ///
    /// # Panics
    /// When there is no such person.
    #[must_use]
    pub fn only(&self, people: &[usize]) -> Self {
        let own = people.iter().flat_map(|&person| &self.within[person * LAST_RANK..][..LAST_RANK]);
        Self { within: own.copied().collect(), looked: self.looked }
    }

    /// How much larger the share is than with `others`, who are other people.
    ///
    /// # Panics
    /// As [`Ranks::within`].
    pub fn beside(&self, others: &Self, rank: usize, seed: u64) -> Interval {
        let counts =
            |ranks: &Self| -> Vec<(f64, f64)> { ranks.of_people(rank).map(|sum| (sum, ranks.looked as f64)).collect() };
        between(&counts(self), &counts(others), seed)
    }

    fn of_people(&self, rank: usize) -> impl Iterator<Item = f64> + '_ {
        assert!((1..=LAST_RANK).contains(&rank), "rank {rank}");
        self.within.iter().skip(rank - 1).step_by(LAST_RANK).copied()
    }
}

/// How many people are more similar to a photograph than its own person, and how many as similar; nothing where no face was
/// found in it.
fn place(similarities: &Similarities, enrolled: &[usize], person: usize, photo: usize) -> Option<(usize, usize)> {
    if !similarities.found(person, photo) {
        return None;
    }
    let of = |other: usize| similarities.at((person, photo), (other, enrolled[other]));
    let own = of(person);
    let (mut before, mut beside) = (0, 0);
    for other in (0..similarities.people).filter(|&other| other != person) {
        before += usize::from(of(other) > own);
        beside += usize::from(of(other) == own);
    }
    Some((before, beside))
}

/// For every photograph, person by person, the share of the draws that look for it in which its person comes first; nothing
/// where it is enrolled in all of them.
pub fn first_places(similarities: &Similarities, draws: &Draws) -> Vec<Option<f64>> {
    let (people, photos) = (similarities.people, similarities.photos);
    let share = |index: usize| {
        let (person, photo) = (index / photos, index % photos);
        let looked: Vec<&[usize]> = draws.iter().filter(|enrolled| enrolled[person] != photo).collect();
        let first = looked.iter().filter_map(|enrolled| place(similarities, enrolled, person, photo));
        let first: f64 = first.filter(|&(before, _)| before == 0).map(|(_, beside)| 1.0 / (beside + 1) as f64).sum();
        (!looked.is_empty()).then(|| first / looked.len() as f64)
    };
    (0..people * photos).map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Draws, Similarities, Vectors};
    use super::{LAST_RANK, Ranks, first_places};

    fn ranks(vectors: &[Option<Vec<f32>>], photos: usize, draws: usize) -> Ranks {
        let own = vectors.iter().map(|vector| Some(vector.as_deref().unwrap_or(&[1.0, 0.0, 0.0])));
        let gallery = Vectors::new(own, 3, photos).unwrap();
        let probes = Vectors::new(vectors.iter().map(Option::as_deref), 3, photos).unwrap();
        let all = Similarities::new(&probes, &gallery).unwrap();
        Ranks::of(&all, &Draws::new(vectors.len() / photos, photos, draws, 1).unwrap())
    }

    #[test]
    fn the_right_person_comes_first_second_or_never() {
        let axis = |index: usize| Some((0..3).map(|other| f32::from(u8::from(other == index))).collect::<Vec<_>>());
        // Three people on axes of their own: always first.
        let clear = ranks(&[axis(0), axis(0), axis(1), axis(1), axis(2), axis(2)], 2, 4);
        assert_eq!((clear.within(1), clear.within(LAST_RANK)), (1.0, 1.0));
        // All alike: chance, at every rank.
        let same = ranks(&[axis(0), axis(0), axis(0), axis(0), axis(0), axis(0)], 2, 4);
        for (rank, wanted) in [(1, 1.0 / 3.0), (2, 2.0 / 3.0), (3, 1.0)] {
            assert!((same.within(rank) - wanted).abs() < 1e-12);
        }
        // No face in what is looked for: never.
        let none = ranks(&[None, None, axis(1), axis(1), axis(2), axis(2)], 2, 4);
        assert!((none.within(LAST_RANK) - 2.0 / 3.0).abs() < 1e-12);
        assert!((none.difference(&clear, 1, 0).value + 1.0 / 3.0).abs() < 1e-12);
        let interval = none.interval(1, 3);
        assert!(interval.low < interval.value && interval.value < interval.high, "{interval:?}");
        let (found, missed) = (none.only(&[1, 2]), none.only(&[0]));
        assert_eq!((found.within(1), missed.within(1), found.beside(&missed, 1, 0).value), (1.0, 0.0, 1.0));
    }

    /// Photographs dealt out at random: a perfect matcher finds no more than chance.
    #[test]
    fn shuffled_names_give_chance() {
        let axis = |index: usize| (0..30).map(|other| f32::from(u8::from(other == index))).collect::<Vec<_>>();
        let vectors: Vec<Vec<f32>> = (0..30).flat_map(|person| vec![axis(person); 6]).collect();
        let vectors = Vectors::new(vectors.iter().map(|vector| Some(&vector[..])), 30, 6).unwrap();
        let all = Similarities::new(&vectors, &vectors).unwrap();
        let draws = Draws::new(30, 6, 20, 1).unwrap();
        assert_eq!(Ranks::of(&all, &draws).within(1), 1.0);
        let shuffled = all.shuffled(5);
        let chance = Ranks::of(&shuffled, &draws).within(1);
        // The same, photograph by photograph.
        let places = first_places(&shuffled, &draws);
        let looked = |index: usize| draws.iter().filter(|enrolled| enrolled[index / 6] != index % 6).count() as f64;
        let sum: f64 =
            places.iter().enumerate().filter_map(|(index, share)| Some(share.as_ref()? * looked(index))).sum();
        assert!((sum / (30.0 * 5.0 * 20.0) - chance).abs() < 1e-12);
        assert!((chance - 1.0 / 30.0).abs() < 0.03, "{chance}");
    }
}
