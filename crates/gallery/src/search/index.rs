//! The most similar of many unit vectors, exactly, with a byte of memory for each value.
//!
//! A row is kept as small integers and a scale, with the length of what rounding left out. By the inequality of Cauchy and
//! Schwarz the true similarity lies within that length of the rounded one, so one look over the small rows leaves a handful
//! that can be among the best, and these are compared as they are.

use eyebar_tensor::codes::{LARGEST, dots};
use eyebar_tensor::simd::Isa;
use eyebar_tensor::team;
use std::sync::Mutex;

use super::cosine;

/// Rows of a task: with their sums they stay in the second cache.
const ROWS_PER_TASK: usize = 2048;

/// Largest integer of a row.
const STEPS: f32 = 127.0;

/// Rounding of the sums and products of f32 on the way, beyond what is counted exactly.
const SLACK: f32 = 1e-5;

/// Unit vectors that can be searched.
#[derive(Debug, Clone)]
pub struct Index {
    dimension: usize,
    codes: Vec<i8>,
    rows: Vec<Row>,
}

/// What belongs to a row's integers.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Value of a step.
    scale: f32,
    /// Length of what rounding left out.
    rest: f32,
}

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Number of the row, in the order of [`Index::push`].
    pub row: usize,
    /// Its similarity with the query: the cosine.
    pub similarity: f32,
}

impl Index {
    /// An empty index of vectors of `dimension` values.
    ///
    /// # Panics
    /// When the dimension is 0 or above 4096.
    pub fn new(dimension: usize) -> Self {
        assert!((1..=4096).contains(&dimension), "a dimension of {dimension}");
        Self { dimension, codes: Vec::new(), rows: Vec::new() }
    }

    /// Makes room for more rows, so that memory grows no further than needed.
    pub fn reserve(&mut self, rows: usize) {
        self.codes.reserve_exact(rows * self.dimension);
        self.rows.reserve_exact(rows);
    }

    /// Adds a vector of length 1.
    ///
    /// # Panics
    /// When it has another dimension.
    pub fn push(&mut self, vector: &[f32]) {
        assert_eq!(vector.len(), self.dimension, "another dimension");
        let largest = vector.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let scale = if largest > 0.0 { largest / STEPS } else { 1.0 };
        let mut rest = 0.0f64;
        for &value in vector {
            let code = (value / scale).round().clamp(-STEPS, STEPS);
            rest += (f64::from(value) - f64::from(code) * f64::from(scale)).powi(2);
            self.codes.push(code as i8);
        }
        self.rows.push(Row { scale, rest: rest.sqrt() as f32 });
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.codes.capacity() + size_of::<Row>() * self.rows.capacity()
    }

    /// The `count` rows most similar to `query`, a vector of length 1, most similar first; of equally similar ones the
    /// earliest. `exact` gives a row as it was pushed.
    ///
    /// # Errors
    /// The first of `exact`.
    ///
    /// # Panics
    /// When the query, or a row that `exact` gives, has another dimension.
    pub fn top<E>(
        &self,
        query: &[f32],
        count: usize,
        mut exact: impl FnMut(usize, &mut Vec<f32>) -> Result<(), E>,
    ) -> Result<Vec<Hit>, E> {
        let mut hits = Vec::new();
        let mut values = Vec::with_capacity(self.dimension);
        for row in self.candidates(query, count) {
            values.clear();
            exact(row, &mut values)?;
            assert_eq!(values.len(), self.dimension, "another dimension");
            hits.push(Hit { row, similarity: cosine(&values, query) });
        }
        hits.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row)));
        hits.truncate(count);
        Ok(hits)
    }

    /// The rows that can be among the `count` best, and few others.
    fn candidates(&self, query: &[f32], count: usize) -> Vec<usize> {
        assert_eq!(query.len(), self.dimension, "another dimension");
        if count == 0 || self.is_empty() {
            return Vec::new();
        }
        let query = Query::new(query);
        let found = Mutex::new(Vec::new());
        let isa = Isa::detect();
        team::each(self.len().div_ceil(ROWS_PER_TASK), |task| {
            let rows = task * ROWS_PER_TASK..self.len().min((task + 1) * ROWS_PER_TASK);
            let mut sums = [0; ROWS_PER_TASK];
            let sums = &mut sums[..rows.len()];
            dots(isa, &self.codes[rows.start * self.dimension..rows.end * self.dimension], &query.codes, sums);
            let mut bounds: Vec<Bounds> =
                rows.clone().zip(sums).map(|(row, sum)| query.bounds(row, self.rows[row], *sum)).collect();
            keep_best(&mut bounds, count);
            found.lock().expect("no panic while it is held").append(&mut bounds);
        });
        let mut found = found.into_inner().expect("no panic while it is held");
        keep_best(&mut found, count);
        let mut rows: Vec<usize> = found.into_iter().map(|bounds| bounds.row).collect();
        rows.sort_unstable();
        rows
    }
}

/// Between which the true similarity of a row lies.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    row: usize,
    low: f32,
    high: f32,
}

/// Keeps those that can be among the `count` best: not below so many others for certain.
fn keep_best(bounds: &mut Vec<Bounds>, count: usize) {
    if bounds.len() <= count {
        return;
    }
    let mut lows: Vec<f32> = bounds.iter().map(|bounds| bounds.low).collect();
    let (_, &mut least, _) = lows.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
    bounds.retain(|bounds| bounds.high >= least);
}

/// A query in finer steps than the rows.
struct Query {
    codes: Vec<i16>,
    scale: f32,
    /// Length of what rounding left out.
    rest: f32,
}

impl Query {
    fn new(query: &[f32]) -> Self {
        let largest = query.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let steps = f32::from(LARGEST);
        let scale = if largest > 0.0 { largest / steps } else { 1.0 };
        let codes: Vec<i16> = query.iter().map(|value| (value / scale).round().clamp(-steps, steps) as i16).collect();
        let difference =
            |(&value, &code): (&f32, &i16)| (f64::from(value) - f64::from(code) * f64::from(scale)).powi(2);
        let rest = query.iter().zip(&codes).map(difference).sum::<f64>().sqrt() as f32;
        Self { codes, scale, rest }
    }

    /// |q·r − q̂·r̂| ≤ |q| |r − r̂| + |q − q̂| |r̂|, all lengths about 1.
    fn bounds(&self, row: usize, about: Row, sum: i32) -> Bounds {
        let similarity = sum as f32 * self.scale * about.scale;
        let error = about.rest + self.rest * (1.0 + about.rest) + SLACK;
        Bounds { row, low: similarity - error, high: similarity + error }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::{Hit, Index};

    fn unit(rng: &mut fastrand::Rng, dimension: usize) -> Vec<f32> {
        let vector: Vec<f32> = (0..dimension).map(|_| rng.f32() + rng.f32() + rng.f32() - 1.5).collect();
        let norm = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        vector.iter().map(|&value| (f64::from(value) / norm) as f32).collect()
    }

    fn naive(rows: &[Vec<f32>], query: &[f32], count: usize) -> Vec<Hit> {
        let similarity = |row: &Vec<f32>| {
            let dot: f64 = row.iter().zip(query).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            dot.clamp(-1.0, 1.0) as f32
        };
        let mut hits: Vec<Hit> =
            rows.iter().enumerate().map(|(row, values)| Hit { row, similarity: similarity(values) }).collect();
        hits.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row)));
        hits.truncate(count);
        hits
    }

    /// The same rows in the same order as a look at every one of them, near-equals and equals among them.
    #[test]
    fn finds_what_a_full_comparison_finds() {
        let mut rng = fastrand::Rng::with_seed(7);
        for (dimension, count) in [(128, 9000), (3, 300), (512, 2049), (1, 5), (40, 0)] {
            let mut rows: Vec<Vec<f32>> = (0..count).map(|_| unit(&mut rng, dimension)).collect();
            for index in 0..count / 3 {
                rows[index] = rows[count - 1 - index].clone();
                rows[index][0] += if index % 2 == 0 { 0.0 } else { 1e-6 };
            }
            let mut index = Index::new(dimension);
            rows.iter().for_each(|row| index.push(row));
            for top in [0, 1, 5, 50, 1000] {
                let query =
                    if rng.bool() && count > 0 { rows[rng.usize(..count)].clone() } else { unit(&mut rng, dimension) };
                let mut compared = 0;
                let found = index.top(&query, top, |row, values| {
                    compared += 1;
                    values.extend_from_slice(&rows[row]);
                    Ok::<(), Infallible>(())
                });
                assert_eq!(found.unwrap(), naive(&rows, &query, top), "{count} rows of {dimension}, top {top}");
                assert!(
                    dimension < 128 || compared <= 20 * top.max(1) + 100,
                    "{compared} rows were looked at for {top}"
                );
            }
        }
    }

    #[test]
    fn a_byte_for_each_value() {
        let mut index = Index::new(128);
        index.reserve(1000);
        let mut rng = fastrand::Rng::with_seed(1);
        (0..1000).for_each(|_| index.push(&unit(&mut rng, 128)));
        assert!(index.bytes() <= 1000 * (128 + 8), "{}", index.bytes());
    }
}
