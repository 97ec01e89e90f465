//! Nearest neighbours, and nearest means, by cosine.

use super::vectors::{Vectors, products};
use super::{Answer, Enrolled};
use crate::unit::unit;

/// The answer for each probe: among the `neighbours` most similar enrolled vectors the person with the largest sum of
/// similarities; the score is the largest similarity with that person.
pub(super) fn neighbours(enrolled: &Enrolled<'_>, neighbours: usize) -> Vec<Answer> {
    let count = enrolled.vectors.count();
    enrolled.similarities.chunks_exact(count).map(|row| answer(row, enrolled, neighbours.min(count))).collect()
}

/// The person whose mean direction is the most similar one; the score is that similarity.
pub(super) fn means(enrolled: &Enrolled<'_>, probes: &Vectors) -> Vec<Answer> {
    let dimension = enrolled.vectors.dimension;
    let mut sums = vec![0.0f32; enrolled.classes * dimension];
    for (vector, &person) in enrolled.vectors.values.chunks_exact(dimension).zip(enrolled.people) {
        sums[person * dimension..][..dimension].iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
    }
    let values = sums.chunks_exact(dimension).flat_map(unit).collect();
    let people: Vec<usize> = (0..enrolled.classes).collect();
    let means = Vectors { values, dimension };
    let similarities = products(probes, &means);
    let enrolled =
        Enrolled { vectors: &means, people: &people, classes: enrolled.classes, similarities: &similarities };
    neighbours(&enrolled, 1)
}

fn answer(similarities: &[f32], enrolled: &Enrolled<'_>, neighbours: usize) -> Answer {
    let mut order: Vec<usize> = (0..similarities.len()).collect();
    let nearer = |&a: &usize, &b: &usize| similarities[b].total_cmp(&similarities[a]).then(a.cmp(&b));
    if neighbours < order.len() {
        order.select_nth_unstable_by(neighbours - 1, nearer);
        order.truncate(neighbours);
    }
    order.sort_by(nearer);
    // (person, sum, largest), in the order of their nearest: the first of the equally good wins. Opposite vectors are no
    // reason against a person.
    let mut people: Vec<(usize, f32, f32)> = Vec::new();
    for index in order {
        let (person, similarity) = (enrolled.people[index], similarities[index]);
        match people.iter_mut().find(|(other, ..)| *other == person) {
            Some((_, sum, _)) => *sum += similarity.max(0.0),
            None => people.push((person, similarity.max(0.0), similarity)),
        }
    }
    let mut best = people[0];
    for &other in &people[1..] {
        if other.1 > best.1 {
            best = other;
        }
    }
    Answer { person: best.0, score: best.2 }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{Vectors, products};
    use super::{Answer, Enrolled, means, neighbours};

    #[test]
    fn one_may_win_against_three_and_lose() {
        let vectors = Vectors { values: vec![1.0, 0.0, 0.8, 0.6, 0.6, 0.8, 0.0, 1.0], dimension: 2 };
        let probe = Vectors { values: vec![1.0, 0.0], dimension: 2 };
        let similarities = products(&probe, &vectors);
        let enrolled = Enrolled { vectors: &vectors, people: &[0, 1, 1, 2], classes: 3, similarities: &similarities };
        assert_eq!(neighbours(&enrolled, 1), [Answer { person: 0, score: 1.0 }]);
        assert_eq!(neighbours(&enrolled, 3), [Answer { person: 1, score: 0.8 }]);
        assert_eq!(neighbours(&enrolled, 100), neighbours(&enrolled, 4));
    }

    #[test]
    fn means_lie_between() {
        let vectors = Vectors { values: vec![1.0, 0.0, 0.0, 1.0, -0.6, 0.8], dimension: 2 };
        let enrolled = Enrolled { vectors: &vectors, people: &[0, 0, 1], classes: 2, similarities: &[] };
        let probe = Vectors { values: vec![0.6, 0.8], dimension: 2 };
        let found = means(&enrolled, &probe);
        assert_eq!(found[0].person, 0);
        assert!((found[0].score - 1.4 * 0.5f32.sqrt()).abs() < 1e-6, "{found:?}");
    }
}
