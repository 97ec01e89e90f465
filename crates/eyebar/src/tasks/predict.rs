//! What a model says of a picture, or what one of its layers holds.

use std::path::Path;

use eyebar_explain::logits_of;
use eyebar_network::ValueId;
use eyebar_report::Table;
use eyebar_tensor::Tensor;
use serde::Serialize;

use crate::error::Error;
use crate::forward::Forward;
use crate::model::Model;
use crate::scene::{Faces, Scene};
use crate::target::has_classes;

/// What a layer says of a picture.
#[derive(Debug, Clone, Serialize)]
pub struct Prediction {
    /// The model.
    pub model: String,
    /// The layer whose values these are.
    pub layer: String,
    /// Shape of the values.
    pub shape: Vec<usize>,
    /// Summary of the values.
    pub statistics: Statistics,
    /// Number of values that are NaN or infinite: something is wrong with the model, or with how it is fed.
    pub not_finite: usize,
    /// The best classes of an output with one score each; the largest values where it is not known to be a classifier's.
    pub classes: Vec<ClassScore>,
    /// The values themselves, for `--raw`.
    #[serde(skip)]
    pub values: Tensor,
}

/// A class and how sure the model is.
#[derive(Debug, Clone, Serialize)]
pub struct ClassScore {
    /// Index of the class.
    pub class: usize,
    /// Its name, where the model has labels.
    pub label: Option<String>,
    /// Score before softmax; the output's raw value where the network ends in none.
    pub logit: f32,
    /// Probability by softmax, 0 to 1; nothing where neither the network ends in a softmax nor the manifest says that its
    /// output is logits: values after a sigmoid, or of an embedding, are no probabilities of classes.
    pub probability: Option<f32>,
}

/// Summary of values.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Statistics {
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Mean.
    pub mean: f64,
    /// Euclidean norm.
    pub norm: f64,
}

/// Computes `layer` (the output where none is named) for a photograph or array, with the best `top` classes.
///
/// # Errors
/// When the picture cannot be read, an embedder finds no face, or the layer does not exist.
pub fn predict(
    path: &Path,
    model: &Model,
    layer: Option<&str>,
    top: usize,
    faces: &Faces,
) -> Result<Prediction, Error> {
    predict_scene(&Scene::open(path, model, faces)?, model, layer, top)
}

/// As [`predict`], for a scene that is ready.
///
/// # Errors
/// When the layer does not exist.
pub fn predict_scene(scene: &Scene, model: &Model, layer: Option<&str>, top: usize) -> Result<Prediction, Error> {
    Predictor::new(model, scene.input.shape(), layer)?.predict(scene, top)
}

/// [`predict_scene`] planned once for many scenes of one size.
pub(crate) struct Predictor<'a> {
    model: &'a Model,
    id: ValueId,
    logits: ValueId,
    forward: Forward,
}

impl<'a> Predictor<'a> {
    /// # Errors
    /// When the layer does not exist, or the model refuses inputs of `shape`.
    pub(crate) fn new(model: &'a Model, shape: &[usize], layer: Option<&str>) -> Result<Self, Error> {
        let id = match layer {
            Some(name) => model.layer(name)?,
            None => model.output()?,
        };
        let logits = logits_of(model.graph(), id);
        Ok(Self { model, id, logits, forward: Forward::new(model, shape, &[id, logits])? })
    }

    /// # Errors
    /// When the network fails.
    pub(crate) fn predict(&self, scene: &Scene, top: usize) -> Result<Prediction, Error> {
        let mut values = self.forward.run(&scene.input)?;
        let logits = values.pop().unwrap_or_else(|| Tensor::zeros(&[0]));
        let values = values.remove(0);
        Ok(Prediction {
            model: self.model.name().to_owned(),
            layer: self.model.layer_name(self.id),
            shape: values.shape().to_vec(),
            statistics: statistics(&values),
            not_finite: values.data().iter().filter(|value| !value.is_finite()).count(),
            classes: self.classes(&logits, &values, top),
            values,
        })
    }

    fn classes(&self, logits: &Tensor, values: &Tensor, top: usize) -> Vec<ClassScore> {
        let is_output = self.model.output().is_ok_and(|output| output == self.id);
        let flat = logits.shape().first() == Some(&1) && logits.shape().iter().skip(2).all(|&dim| dim == 1);
        let finite = logits.data().iter().all(|score| score.is_finite());
        if !(is_output && flat && finite && has_classes(self.model)) {
            return Vec::new();
        }
        let probabilities = if self.model.entry().is_some() {
            Some(softmax(logits))
        } else if self.logits == self.id {
            None
        } else {
            distribution(values)
        };
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits.data()[b].total_cmp(&logits.data()[a]).then(a.cmp(&b)));
        let score = |class: usize| ClassScore {
            class,
            label: self.model.label(class).map(str::to_owned),
            logit: logits.data()[class],
            probability: probabilities.as_ref().and_then(|all| all.get(class).copied()),
        };
        order.into_iter().take(top).map(score).collect()
    }
}

fn softmax(logits: &Tensor) -> Vec<f32> {
    let max = logits.data().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.data().iter().map(|&v| f64::from(v - max).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.into_iter().map(|power| (power / total) as f32).collect()
}

/// The probabilities that a network which ends in a softmax, or its logarithm, gives; nothing where they do not add up,
/// as when the softmax runs along another axis than the classes.
fn distribution(values: &Tensor) -> Option<Vec<f32>> {
    let adds_up = |values: &[f32]| {
        let total: f64 = values.iter().map(|&v| f64::from(v)).sum();
        values.iter().all(|&v| v >= 0.0) && (total - 1.0).abs() < 1e-3
    };
    let powers = || values.data().iter().map(|v| v.exp()).collect();
    [values.data().to_vec(), powers()].into_iter().find(|values| adds_up(values))
}

fn statistics(values: &Tensor) -> Statistics {
    let data = values.data();
    Statistics {
        min: data.iter().copied().fold(f32::INFINITY, f32::min),
        max: data.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        mean: data.iter().map(|&v| f64::from(v)).sum::<f64>() / data.len().max(1) as f64,
        norm: data.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt(),
    }
}

impl Prediction {
    /// The classes, or the summary of the values.
    pub fn table(&self) -> Table {
        if self.classes.is_empty() {
            let Statistics { min, max, mean, norm } = self.statistics;
            let rows = [("min", f64::from(min)), ("max", f64::from(max)), ("mean", mean), ("norm", norm)];
            let mut table = Table::new(format!("{} of {}, {:?}", self.layer, self.model, self.shape));
            table = table.text("Statistic").number("Value", "");
            return rows
                .into_iter()
                .fold(table, |table, (name, value)| table.row([name.to_owned(), format!("{value:.6}")]));
        }
        let label = |score: &ClassScore| score.label.clone().unwrap_or_default();
        let logit = |score: &ClassScore| format!("{:.3}", score.logit);
        if self.classes.iter().any(|score| score.probability.is_none()) {
            let table = Table::new(format!("Largest values of {}, {}", self.layer, self.model));
            let table = table.number("Class", "").text("Name").number("Value", "");
            let table = self
                .classes
                .iter()
                .fold(table, |table, score| table.row([score.class.to_string(), label(score), logit(score)]));
            return table.note("Raw values, no probabilities: the network does not end in a softmax over its classes.");
        }
        let table = Table::new(format!("Best classes of {}", self.model));
        let table = table.number("Class", "").text("Name").number("Probability", "%").number("Score", "");
        self.classes.iter().fold(table, |table, score| {
            let percent = format!("{:.1}", 100.0 * score.probability.unwrap_or_default());
            table.row([score.class.to_string(), label(score), percent, logit(score)])
        })
    }
}
