//! How far outputs move.

use eyebar_network::NetworkError;
use eyebar_tensor::Tensor;
use serde::Serialize;

use crate::error::Error;
use crate::forward::Forward;
use crate::model::Model;
use crate::scene::Photo;

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

/// Compares the outputs on the test portrait, fed as the model's specification says; without one, as values from −1 to 1
/// (enough to tell how far the outputs move).
pub(super) fn drift(before: &Model, after: &Model) -> Result<Option<Drift>, Error> {
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
