//! Smaller model files: int8 weights in blocks.

use std::path::Path;

use bytes::Bytes;
use eyebar_imaging::encode::write_atomic;
use eyebar_network::{NetworkError, WeightQuantisation, onnx};
use eyebar_tensor::Tensor;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::forward::Forward;
use crate::model::{Model, hex};
use crate::scene::Photo;

/// What quantisation saved, and what it cost.
#[derive(Debug, Clone, Serialize)]
pub struct QuantiseResult {
    /// Size of the file before.
    pub bytes_before: u64,
    /// Size of the file after.
    pub bytes_after: u64,
    /// SHA-256 of the new file.
    pub sha256: String,
    /// Tensors in int8.
    pub tensors: usize,
    /// Weights in int8.
    pub weights: usize,
    /// Weights that share a scale.
    pub block: usize,
    /// ‖ŵ − w‖ / ‖w‖ over the weights in int8.
    pub weight_error: f64,
    /// How far the outputs moved; nothing where no picture could be fed.
    pub drift: Option<Drift>,
}

/// How far an output moved on the test portrait.
#[derive(Debug, Clone, Serialize)]
pub struct Drift {
    /// Cosine of the outputs before and after.
    pub cosine: f64,
    /// Largest difference, relative to the largest value.
    pub largest: f64,
    /// Whether the five highest outputs are the same, in the same order.
    pub same_top5: bool,
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
    let name = out.file_stem().map_or_else(|| "model".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let written = onnx::write(&graph, &name, &[("quantised_by", concat!("eyebar ", env!("CARGO_PKG_VERSION")))]);
    let bytes = Bytes::from(written);
    // Measured on what will be read again, before anything is written.
    let again = Model::read(&name, bytes.clone(), model.spec().ok().cloned())?;
    let drift = drift(model, &again)?;
    write_atomic(out, &bytes)?;
    Ok(QuantiseResult {
        bytes_before: model.bytes(),
        bytes_after: bytes.len() as u64,
        sha256: hex(&Sha256::digest(&bytes)),
        tensors: report.tensors,
        weights: report.weights,
        block: options.block,
        weight_error: report.relative_error,
        drift,
    })
}

/// Compares the outputs on the test portrait, fed as the model's specification says; without one, as values from −1 to 1
/// (enough to tell how far the outputs move).
fn drift(before: &Model, after: &Model) -> Result<Option<Drift>, Error> {
    let input = probe(before)?;
    let run = |model: &Model| Forward::new(model, input.shape(), &[model.output()?])?.run(&input);
    let (a, b) = match (run(before), run(after)) {
        (Ok(a), Ok(b)) => (a, b),
        // The probe may not suit the network; the file is written all the same.
        (Err(Error::Model { source, .. }), _) if matches!(*source, NetworkError::Node { .. }) => return Ok(None),
        (Err(error), _) | (_, Err(error)) => return Err(error),
    };
    let (a, b) = (a[0].data(), b[0].data());
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let (a, b) = (wide(a), wide(b));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let largest = a.iter().map(|v| v.abs()).fold(f64::MIN_POSITIVE, f64::max);
    let difference = a.iter().zip(&b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
    Ok(Some(Drift {
        cosine: dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt().max(f64::MIN_POSITIVE),
        largest: difference / largest,
        same_top5: top5(&a) == top5(&b),
    }))
}

fn probe(model: &Model) -> Result<Tensor, Error> {
    let portrait = Photo::portrait()?.image;
    let spec = match model.spec() {
        Ok(spec) => spec.clone(),
        Err(_) => {
            let plain = model.spec_or_layout();
            let channels = plain.colour.channels();
            let (mean, scale) = (vec![127.5; channels], vec![1.0 / 127.5; channels]);
            eyebar_imaging::InputSpec { mean, scale, size: model.declared_size().or(Some((224, 224))), ..plain }
        }
    };
    Ok(spec.fitted_tensor(&portrait))
}

fn top5(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    order.truncate(5);
    order
}
