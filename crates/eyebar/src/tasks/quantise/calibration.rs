//! The ranges of activations, measured on photographs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use eyebar_explain::{ExplainError, Progress};
use eyebar_network::{Graph, Range, ValueId};

use crate::dataset::{Dataset, photographs_in};
use crate::error::Error;
use crate::forward::Forward;
use crate::model::Model;
use crate::scene::{Faces, Photo, Scene};

/// Values of an activation that are kept of each photograph, at equal distances.
const KEPT: usize = 4096;
/// Parts of the whole range that are tried at each end.
const TRIED: usize = 24;
/// Steps of a range.
const STEPS: f64 = 255.0;

/// Photographs to measure ranges on: a folder of them, or a dataset, of which the first photograph of each person is taken.
///
/// # Errors
/// When there are none.
pub(super) fn photographs(path: &Path, most: usize) -> Result<Vec<PathBuf>, Error> {
    let mut own = if path.is_dir() { photographs_in(path)? } else { Vec::new() };
    if own.is_empty() {
        own = Dataset::open(path)?.people.into_iter().filter_map(|person| person.photos.into_iter().next()).collect();
    }
    // From all of it, not only its beginning.
    let step = own.len().div_ceil(most.max(1)).max(1);
    Ok(own.into_iter().step_by(step).collect())
}

/// The range of each activation of `wanted` that loses least where it is cut in 255 steps; `model` has the graph `graph`.
/// Answers also how many photographs were of use.
///
/// # Errors
/// When the network fails, no photograph is of use, or `progress` cancels.
pub(super) fn ranges(
    model: &Model,
    graph: &Graph,
    wanted: &[ValueId],
    photos: &[PathBuf],
    progress: Progress<'_>,
) -> Result<(HashMap<ValueId, Range>, usize), Error> {
    let faces = Faces::new();
    let mut seen: Vec<Vec<f32>> = vec![Vec::new(); wanted.len()];
    let mut forward: Option<(Vec<usize>, Forward)> = None;
    let mut used = 0;
    for (index, path) in photos.iter().enumerate() {
        if progress(index, photos.len()).is_break() {
            return Err(ExplainError::Cancelled.into());
        }
        let Ok(photo) = Photo::open(path) else { continue };
        let scene = match Scene::of(&photo, model, &faces) {
            Ok(scene) => scene,
            Err(Error::NoFace { .. }) => continue,
            Err(error) => return Err(error),
        };
        let shape = scene.input.shape().to_vec();
        if forward.as_ref().is_none_or(|(planned, _)| *planned != shape) {
            forward = Some((shape.clone(), Forward::of_graph(model, graph, &shape, wanted)?));
        }
        let Some((_, forward)) = &forward else { continue };
        for (seen, values) in seen.iter_mut().zip(forward.run(&scene.input)?) {
            let step = values.len().div_ceil(KEPT).max(1);
            seen.extend(values.data().iter().step_by(step).filter(|value| value.is_finite()));
        }
        used += 1;
    }
    if used == 0 {
        return Err(Error::Usage(format!(
            "none of {} photographs can be fed to model {}; hint: calibrate on photographs such as the model will see",
            photos.len(),
            model.name()
        )));
    }
    let found = wanted.iter().copied().zip(seen.iter().map(|seen| range(seen)));
    Ok((found.collect(), used))
}

/// The range with the least squared error of rounding and cutting together.
fn range(values: &[f32]) -> Range {
    let low = values.iter().copied().fold(0.0f32, f32::min);
    let high = values.iter().copied().fold(0.0f32, f32::max);
    let parts = |end: f32| (0..TRIED).map(move |cut| end * (1.0 - cut as f32 / (TRIED as f32 * 1.25)));
    let mut best = (f64::INFINITY, Range { low, high });
    // One end after the other: what is cut off at one hardly depends on the other.
    for high in parts(high) {
        best = better(best, values, Range { low, high });
    }
    for low in parts(low) {
        let high = best.1.high;
        best = better(best, values, Range { low, high });
    }
    best.1
}

fn better(best: (f64, Range), values: &[f32], range: Range) -> (f64, Range) {
    let step = f64::from(range.high - range.low) / STEPS;
    // Rounding costs step² / 12 on average.
    let rounding = step * step / 12.0 * values.len() as f64;
    let cut = |value: f32| f64::from(value - value.clamp(range.low, range.high)).powi(2);
    let error = rounding + values.iter().map(|&value| cut(value)).sum::<f64>();
    if error < best.0 { (error, range) } else { best }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn a_lone_value_far_away_is_cut_off() {
        let mut values: Vec<f32> = (0..100_000).map(|at| (at % 1000) as f32 / 1000.0).collect();
        let all = range(&values);
        assert!(all.low == 0.0 && all.high > 0.95 && all.high <= 0.999, "{all:?}");
        values.push(3.0);
        let cut = range(&values);
        assert!(cut.high < 3.0 && cut.high > 0.9, "{cut:?}");
        let zero = range(&[0.0; 8]);
        assert!(zero.low == 0.0 && zero.high == 0.0);
    }
}
