//! Heads trained on the enrolled vectors, all at once, by L-BFGS (Liu and Nocedal 1989) of the crate argmin: no step size
//! has to be guessed, and where there is one layer it finds the one minimum.

use std::sync::Mutex;

use argmin::core::{CostFunction, Error, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::network::{Inputs, Network};
use super::vectors::Vectors;
use super::{Answer, Enrolled};
use crate::error::AuditError;

/// Pairs of steps and changes of slope that L-BFGS remembers.
const MEMORY: usize = 10;
/// Most steps.
const STEPS: u64 = 100;
/// Changes of the loss, and slopes, at which it is at its end: those of products in f32.
const LOSS_TOLERANCE: f64 = 1e-7;
const SLOPE_TOLERANCE: f64 = 1e-5;

/// What is trained.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// Units of the hidden layer; 0 for none.
    pub(super) hidden: usize,
    /// Weight of the squares of the weights.
    pub(super) penalty: f64,
    /// Seed of the weights to start from.
    pub(super) seed: u64,
}

/// Trains a head and asks it about `probes`; the score is the logarithm of the probability.
///
/// # Errors
/// When the optimiser cannot begin.
pub(super) fn answers(enrolled: &Enrolled<'_>, probes: &Vectors, head: Head) -> Result<Vec<Answer>, AuditError> {
    let mut sizes = vec![enrolled.vectors.dimension];
    sizes.extend((head.hidden > 0).then_some(head.hidden));
    sizes.push(enrolled.classes);
    let network = Network::new(sizes);
    let initial = network.initial(head.seed);
    let inputs = Inputs::new(enrolled.vectors);
    let objective =
        Objective { network: &network, inputs, people: enrolled.people, penalty: head.penalty, last: Mutex::new(None) };
    let parameters = minimum(objective, initial).map_err(|error| AuditError::Training { reason: error.to_string() })?;
    let found = network.likeliest(&parameters, &Inputs::new(probes));
    Ok(found.into_iter().map(|(person, score)| Answer { person, score }).collect())
}

fn minimum(objective: Objective<'_>, initial: Vec<f64>) -> Result<Vec<f64>, Error> {
    let search = MoreThuenteLineSearch::new();
    let solver =
        LBFGS::new(search, MEMORY).with_tolerance_cost(LOSS_TOLERANCE)?.with_tolerance_grad(SLOPE_TOLERANCE)?;
    let start = initial.clone();
    let found = Executor::new(objective, solver).configure(|state| state.param(initial).max_iters(STEPS)).run()?;
    // A line search that rounding stops has come as low as it can.
    Ok(found.state.get_best_param().cloned().unwrap_or(start))
}

/// The loss, and its gradient, which is asked for at the same place each time.
struct Objective<'a> {
    network: &'a Network,
    inputs: Inputs<'a>,
    people: &'a [usize],
    penalty: f64,
    last: Mutex<Option<Place>>,
}

struct Place {
    parameters: Vec<f64>,
    loss: f64,
    gradient: Vec<f64>,
}

impl Objective<'_> {
    fn at<T>(&self, parameters: &[f64], pick: impl FnOnce(&Place) -> T) -> T {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !last.as_ref().is_some_and(|place| place.parameters == parameters) {
            let (loss, gradient) = self.network.loss(parameters, &self.inputs, self.people, self.penalty);
            *last = Some(Place { parameters: parameters.to_vec(), loss, gradient });
        }
        pick(last.as_ref().expect("it was set"))
    }
}

impl CostFunction for Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.at(parameters, |place| place.loss))
    }
}

impl Gradient for Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.at(parameters, |place| place.gradient.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::Vectors;
    use super::{Enrolled, Head, answers};

    #[test]
    fn heads_learn_what_they_are_shown_and_are_the_same_each_time() {
        // Three people about three axes of eight.
        let vector = |axis: usize, other: usize| {
            let mut vector = [0.0f32; 8];
            vector[axis] = 0.8;
            vector[other] = 0.6;
            vector
        };
        let values: Vec<f32> = (0..3).flat_map(|axis| (4..8).map(move |other| vector(axis, other))).flatten().collect();
        let vectors = Vectors { values, dimension: 8 };
        let people: Vec<usize> = (0..12).map(|index| index / 4).collect();
        let enrolled = Enrolled { vectors: &vectors, people: &people, classes: 3, similarities: &[] };
        let probes = Vectors { values: (0..3).flat_map(|axis| vector(axis, 3)).collect(), dimension: 8 };
        for hidden in [0, 16] {
            let head = Head { hidden, penalty: 1e-3, seed: 1 };
            let found = answers(&enrolled, &probes, head).unwrap();
            assert_eq!(found.iter().map(|answer| answer.person).collect::<Vec<_>>(), [0, 1, 2]);
            assert!(found.iter().all(|answer| answer.score > 0.7f32.ln() && answer.score <= 0.0), "{found:?}");
            assert_eq!(found, answers(&enrolled, &probes, head).unwrap());
        }
    }

    /// The numbers of scikit-learn 1.9: `fixtures/reference/heads/logistic.py`.
    #[test]
    fn a_softmax_head_is_that_of_scikit_learn() {
        let vectors =
            Vectors { values: vec![1.0, 0.0, 0.8, 0.6, 0.0, 1.0, -0.6, 0.8, -1.0, 0.0, -0.8, -0.6], dimension: 2 };
        let enrolled = Enrolled { vectors: &vectors, people: &[0, 0, 1, 1, 2, 2], classes: 3, similarities: &[] };
        let probes = Vectors { values: vec![0.6, 0.8, -0.8, 0.6], dimension: 2 };
        let found = answers(&enrolled, &probes, Head { hidden: 0, penalty: 0.01, seed: 0 }).unwrap();
        let wanted = [(0, 0.644_968_8), (1, 0.721_887_4)];
        for (found, (person, score)) in found.iter().zip(wanted) {
            assert!(found.person == person && (found.score.exp() - score).abs() < 1e-4, "{found:?}");
        }
    }
}
