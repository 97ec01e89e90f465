//! What a model says of a picture, or what one of its layers holds.

use std::path::Path;

use eyebar_explain::logits_of;
use eyebar_report::Table;
use eyebar_tensor::Tensor;
use serde::Serialize;

use crate::error::Error;
use crate::model::Model;
use crate::scene::{Faces, Scene};
use crate::target::{compute, has_classes};

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
    /// The best classes, for a classifier's output.
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
    /// Score before softmax.
    pub logit: f32,
    /// Probability by softmax.
    pub probability: f32,
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
    let id = match layer {
        Some(name) => model.layer(name)?,
        None => model.output()?,
    };
    let logits = logits_of(model.graph(), id);
    let mut values = compute(model, &scene.input, &[id, logits])?;
    let logits = values.pop().unwrap_or_else(|| Tensor::zeros(&[0]));
    let values = values.remove(0);
    let is_output = layer.is_none() || model.output().is_ok_and(|output| output == id);
    let flat = logits.shape().first() == Some(&1) && logits.shape().iter().skip(2).all(|&dim| dim == 1);
    let finite = logits.data().iter().all(|score| score.is_finite());
    let classes =
        if is_output && flat && finite && has_classes(model) { best(&logits, model, top) } else { Vec::new() };
    Ok(Prediction {
        model: model.name().to_owned(),
        layer: model.layer_name(id),
        shape: values.shape().to_vec(),
        statistics: statistics(&values),
        not_finite: values.data().iter().filter(|value| !value.is_finite()).count(),
        classes,
        values,
    })
}

fn best(logits: &Tensor, model: &Model, top: usize) -> Vec<ClassScore> {
    let max = logits.data().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.data().iter().map(|&v| f64::from(v - max).exp()).sum();
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits.data()[b].total_cmp(&logits.data()[a]).then(a.cmp(&b)));
    let score = |class: usize| {
        let logit = logits.data()[class];
        let probability = (f64::from(logit - max).exp() / total) as f32;
        ClassScore { class, label: model.label(class).map(str::to_owned), logit, probability }
    };
    order.into_iter().take(top).map(score).collect()
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
        let table = Table::new(format!("Best classes of {}", self.model));
        let table = table.number("Class", "").text("Name").number("Probability", "%").number("Score", "");
        self.classes.iter().fold(table, |table, score| {
            let label = score.label.clone().unwrap_or_default();
            let (percent, logit) = (format!("{:.1}", 100.0 * score.probability), format!("{:.3}", score.logit));
            table.row([score.class.to_string(), label, percent, logit])
        })
    }
}
