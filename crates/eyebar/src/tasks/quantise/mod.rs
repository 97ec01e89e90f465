//! Smaller model files, and faster ones.

mod calibration;
mod drift;

use std::path::Path;

use bytes::Bytes;
use eyebar_explain::Progress;
use eyebar_imaging::encode::write_atomic;
use eyebar_network::{Graph, QuantisedWeights, WeightQuantisation, onnx};
use serde::Serialize;

pub use drift::Drift;

use crate::error::Error;
use crate::hash;
use crate::model::Model;

/// What quantisation saved, and what it cost.
#[derive(Debug, Clone, Serialize)]
pub struct QuantiseResult {
    /// What weights, and activations, became: `f16`, `int8-block` or `int8`.
    pub kind: &'static str,
    /// Size of the file before.
    pub bytes_before: u64,
    /// Size of the file after.
    pub bytes_after: u64,
    /// SHA-256 of the new file.
    pub sha256: String,
    /// Tensors, or layers, that became smaller.
    pub tensors: usize,
    /// Weights in them.
    pub weights: usize,
    /// Weights that share a scale, of `int8-block`.
    pub block: Option<usize>,
    /// Photographs that ranges of activations were measured on; nothing where activations stay f32.
    pub calibrated_on: Option<usize>,
    /// ‖ŵ − w‖ / ‖w‖ over those weights, where it was measured.
    pub weight_error: Option<f64>,
    /// How far the outputs moved; nothing where no picture could be fed.
    pub drift: Option<Drift>,
}

/// Writes `model` with int8 weights to `out` and measures how far its output moves on the test portrait.
///
/// # Errors
/// When the model cannot be run or the file not written.
pub fn quantise(model: &Model, out: &Path, options: WeightQuantisation) -> Result<QuantiseResult, Error> {
    if options.block == 0 {
        return Err(Error::Usage("a block needs at least one weight; hint: 64 is usual".to_owned()));
    }
    let (graph, report) = model.graph().quantise_weights(options)?;
    if report.tensors == 0 {
        return Err(Error::Usage(format!(
            "model {}: no f32 weight has {} elements or more (it may be quantised already); hint: lower --smallest, or leave the model as it is",
            model.name(),
            options.smallest
        )));
    }
    let written = written("int8-block", model, &graph, out)?;
    Ok(QuantiseResult { block: Some(options.block), ..written.with(&report) })
}

/// Writes `model` with its weights in f16 to `out`, those of tensors with at least `smallest` elements.
///
/// # Errors
/// As [`quantise`].
pub fn halve(model: &Model, out: &Path, smallest: usize) -> Result<QuantiseResult, Error> {
    let (graph, report) = model.graph().fold_constants().halve_weights(smallest)?;
    if report.tensors == 0 {
        return Err(Error::Usage(format!(
            "model {}: no f32 weight has {smallest} elements or more that f16 can hold; hint: lower --smallest, or leave the \
             model as it is",
            model.name()
        )));
    }
    Ok(written("f16", model, &graph, out)?.with(&report))
}

/// Writes `model` with layers of int8, weights and activations, to `out`; the ranges of activations are measured on at most
/// `most` photographs of `calibrate`, a folder of them or a dataset.
///
/// # Errors
/// When there is no photograph, the model cannot be run, the file not written, or `progress` cancels.
pub fn quantise_layers(
    model: &Model,
    out: &Path,
    calibrate: &Path,
    most: usize,
    progress: Progress<'_>,
) -> Result<QuantiseResult, Error> {
    let graph = model.graph().fold_constants();
    let wanted = graph.inputs_of_layers();
    if wanted.is_empty() {
        return Err(Error::Usage(format!(
            "model {}: no convolution or product has f32 weights for 16 channels or more (it may be quantised already); hint: \
             leave the model as it is",
            model.name()
        )));
    }
    let photos = calibration::photographs(calibrate, most)?;
    let (ranges, used) = calibration::ranges(model, &graph, &wanted, &photos, progress)?;
    let (graph, layers, weights) = graph.quantise_layers(&ranges)?;
    Ok(QuantiseResult { tensors: layers, weights, calibrated_on: Some(used), ..written("int8", model, &graph, out)? })
}

/// Writes a graph that `model` was turned into; answers what is known of the file whatever was quantised.
fn written(kind: &'static str, model: &Model, graph: &Graph, out: &Path) -> Result<QuantiseResult, Error> {
    let name = out.file_stem().map_or_else(|| "model".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let written = onnx::write(graph, &name, &[("quantised_by", concat!("eyebar ", env!("CARGO_PKG_VERSION")))]);
    let bytes = Bytes::from(written);
    // Measured on what will be read again, before anything is written.
    let again = Model::read(&name, bytes.clone(), model.spec().ok().cloned())?;
    let drift = drift::drift(model, &again)?;
    write_atomic(out, &bytes)?;
    Ok(QuantiseResult {
        kind,
        bytes_before: model.bytes(),
        bytes_after: bytes.len() as u64,
        sha256: hash::sha256(&bytes),
        tensors: 0,
        weights: 0,
        block: None,
        calibrated_on: None,
        weight_error: None,
        drift,
    })
}

impl QuantiseResult {
    fn with(self, report: &QuantisedWeights) -> Self {
        Self { tensors: report.tensors, weights: report.weights, weight_error: Some(report.relative_error), ..self }
    }
}
