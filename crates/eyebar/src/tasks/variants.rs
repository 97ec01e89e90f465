//! Variants of one network, as quantisation makes them: what each saves, and what it costs.

use std::path::{Path, PathBuf};
use std::time::Instant;

use eyebar_explain::{Cam, GradCam, Progress, SimilarityToInput};
use eyebar_face::{Template, cosine};
use eyebar_imaging::RgbImage;
use eyebar_report::Table;
use eyebar_tensor::Tensor;
use rayon::prelude::*;
use serde::Serialize;

use super::lfw::lfw;
use super::speed::{Subject, median, resident_mb};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::model::{Model, in_explanation};
use crate::recogniser::{Recogniser, each_photo};

/// What variants are measured on.
#[derive(Debug, Clone)]
pub struct Measure {
    /// Forward passes of each that the median is taken of.
    pub runs: usize,
    /// (Embedders) people with photographs.
    pub photos: Option<PathBuf>,
    /// People that are looked at, at most.
    pub people: usize,
    /// (Embedders) LFW's list of pairs; `photos` is LFW then.
    pub pairs: Option<PathBuf>,
}

/// All variants; the first is what the others are compared with.
#[derive(Debug, Clone, Serialize)]
pub struct Variants {
    /// One for each model.
    pub variants: Vec<Variant>,
    /// Forward passes of each, which took turns.
    pub runs: usize,
    /// Threads.
    pub threads: usize,
    /// People with two photographs on which cosine, rank and drift were measured.
    pub people: usize,
    /// Layer of the maps.
    pub layer: Option<String>,
}

/// One variant.
#[derive(Debug, Clone, Serialize)]
pub struct Variant {
    /// Name or file.
    pub model: String,
    /// Size of the file.
    pub bytes: u64,
    /// Median time of a forward pass, in milliseconds.
    pub forward_ms: f64,
    /// Memory of a network that is ready to run, in 10⁶ bytes: how much the process grew; nothing where the system does not
    /// say.
    pub memory_mb: Option<f64>,
    /// What it says of faces.
    pub faces: Option<OnFaces>,
    /// LFW's accuracy, with its standard deviation over the folds.
    pub lfw: Option<(f64, f64)>,
}

/// What a variant says of faces.
#[derive(Debug, Clone, Serialize)]
pub struct OnFaces {
    /// Mean cosine of its embeddings with the first variant's.
    pub cosine: f64,
    /// The least such cosine.
    pub least_cosine: f64,
    /// Share of second photographs whose nearest first photograph is the same person's.
    pub rank_1: f64,
    /// Mean rank correlation (Spearman) of its Grad-CAM maps with the first variant's; nothing where all are constant.
    pub map_correlation: Option<f64>,
    /// The least such correlation.
    pub least_map_correlation: Option<f64>,
}

/// Measures `models`.
///
/// # Errors
/// When a model cannot be run, is no embedder though photographs are given, a photograph cannot be read, or `progress`
/// cancels.
pub fn variants(models: &[Model], measure: &Measure, progress: Progress<'_>) -> Result<Variants, Error> {
    let mut subjects = Vec::with_capacity(models.len());
    for model in models {
        let before = resident_mb();
        let subject = Subject::new(model.clone(), None)?;
        subject.forward()?;
        subjects.push((subject, resident_mb().zip(before).map(|(after, before)| after - before)));
    }
    let mut times = vec![Vec::new(); models.len()];
    for _ in 0..measure.runs.max(1) {
        for ((subject, _), times) in subjects.iter().zip(&mut times) {
            let start = Instant::now();
            subject.forward()?;
            times.push(1e3 * start.elapsed().as_secs_f64());
        }
    }
    let memory: Vec<Option<f64>> = subjects.into_iter().map(|(_, memory)| memory).collect();
    let seen = measure
        .photos
        .as_deref()
        .map(|photos| Mated::open(photos, measure.people, &models[0], progress))
        .transpose()?;
    let faces = seen.as_ref().map(|seen| seen.measure(models)).transpose()?;
    let mut accuracies = vec![None; models.len()];
    if let (Some(photos), Some(pairs)) = (&measure.photos, &measure.pairs) {
        for (model, accuracy) in models.iter().zip(&mut accuracies) {
            let result = lfw(photos, pairs, model, false, progress)?;
            *accuracy = Some((result.plain.accuracy, result.plain.accuracy_std));
        }
    }
    let (faces, layer) = faces.map_or_else(|| (vec![None; models.len()], None), |(faces, layer)| (faces, Some(layer)));
    let rows = models.iter().zip(times).zip(memory).zip(faces).zip(accuracies);
    Ok(Variants {
        variants: rows
            .map(|((((model, times), memory_mb), faces), lfw)| Variant {
                model: model.name().to_owned(),
                bytes: model.bytes(),
                forward_ms: median(times),
                memory_mb,
                faces,
                lfw,
            })
            .collect(),
        runs: measure.runs,
        threads: rayon::current_num_threads(),
        people: seen.map_or(0, |seen| seen.pairs.len()),
        layer,
    })
}

/// Two upright faces of each of some people.
struct Mated {
    pairs: Vec<[RgbImage; 2]>,
}

impl Mated {
    fn open(photos: &Path, people: usize, model: &Model, progress: Progress<'_>) -> Result<Self, Error> {
        let dataset = Dataset::open(photos)?;
        let with_two = dataset.people.iter().filter(|person| person.photos.len() >= 2).take(people);
        let paths: Vec<PathBuf> = with_two.flat_map(|person| person.photos[..2].to_vec()).collect();
        let recogniser = Recogniser::new(model)?;
        let crops = each_photo(&paths, |photo| Ok(recogniser.central(&photo.image)?.map(|seen| seen.crop)), progress)?;
        let pairs = crops.chunks_exact(2).filter_map(|pair| Some([pair[0].clone()?, pair[1].clone()?]));
        let pairs: Vec<_> = pairs.collect();
        if pairs.len() < 2 {
            return Err(Error::Usage(format!(
                "{}: there are not two people with two photographs of a face each; hint: give a folder with a folder for \
                 each person",
                photos.display()
            )));
        }
        Ok(Self { pairs })
    }

    /// What every model says, beside the first; and the layer of the maps.
    fn measure(&self, models: &[Model]) -> Result<(Vec<Option<OnFaces>>, String), Error> {
        let first = &models[0];
        let (width, height) = first.spec()?.size.unwrap_or((112, 112));
        let shape = first.spec()?.shape(1, width, height);
        let layer = first.default_layer(&shape)?;
        let tensor = first.graph().value(layer).name.clone();
        let looked = models.iter().map(|model| self.look(model, &tensor, &shape)).collect::<Result<Vec<_>, Error>>()?;
        let faces = looked.iter().map(|other| looked[0].compare(other).map(Some)).collect::<Result<_, _>>()?;
        Ok((faces, first.layer_name(layer)))
    }

    fn look(&self, model: &Model, layer: &str, shape: &[usize]) -> Result<Looked, Error> {
        let recogniser = Recogniser::new(model)?;
        let embed = |[first, second]: &[RgbImage; 2]| {
            Ok([recogniser.embedder().embed(first)?, recogniser.embedder().embed(second)?])
        };
        let templates = self.pairs.par_iter().map(embed).collect::<Result<Vec<_>, Error>>()?;
        let (output, layer) = (model.output()?, model.layer(layer)?);
        let plan = GradCam::new(model.graph(), model.input(), shape, output, layer, &SimilarityToInput);
        let plan = plan.map_err(in_explanation(model))?;
        let map = |([first, _], [_, reference]): (&[RgbImage; 2], &[Template; 2])| {
            let input = model.spec()?.fitted_tensor(first);
            plan.run_beside(&input, reference.values()).map_err(in_explanation(model))
        };
        let maps: Result<Vec<Cam>, Error> = self.pairs.iter().zip(&templates).map(map).collect();
        Ok(Looked { templates, maps: maps?.into_iter().map(|cam| cam.map).collect() })
    }
}

/// Embeddings and maps of all pairs.
struct Looked {
    templates: Vec<[Template; 2]>,
    maps: Vec<Tensor>,
}

impl Looked {
    fn compare(&self, other: &Self) -> Result<OnFaces, Error> {
        // Of two networks: templates themselves refuse to be compared.
        let pairs = self.templates.iter().flatten().zip(other.templates.iter().flatten());
        let cosines: Vec<f64> = pairs.map(|(a, b)| f64::from(cosine(a.values(), b.values()))).collect();
        let is_first = |(index, [_, probe]): (usize, &[Template; 2])| -> Result<bool, Error> {
            let similarities = other.templates.iter().map(|[enrolled, _]| probe.similarity(enrolled));
            let similarities = similarities.collect::<Result<Vec<f32>, _>>()?;
            Ok(similarities.iter().enumerate().all(|(at, value)| at == index || *value < similarities[index]))
        };
        let found = other.templates.iter().enumerate().map(is_first).collect::<Result<Vec<bool>, Error>>()?;
        let maps = self.maps.iter().zip(&other.maps);
        let correlations: Vec<f64> = maps.filter_map(|(a, b)| rank_correlation(a.data(), b.data())).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        Ok(OnFaces {
            cosine: mean(&cosines),
            least_cosine: least(&cosines),
            rank_1: found.iter().filter(|found| **found).count() as f64 / found.len() as f64,
            map_correlation: (!correlations.is_empty()).then(|| mean(&correlations)),
            least_map_correlation: (!correlations.is_empty()).then(|| least(&correlations)),
        })
    }
}

/// Spearman's correlation: that of the ranks, where equal values share theirs. Nothing where one side is constant.
fn rank_correlation(a: &[f32], b: &[f32]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        ab += (a - mean) * (b - mean);
        aa += (a - mean).powi(2);
        bb += (b - mean).powi(2);
    }
    (aa > 0.0 && bb > 0.0).then(|| ab / (aa * bb).sqrt())
}

fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for same in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = start as f64 + (same.len() as f64 - 1.0) / 2.0;
        for &index in same {
            ranks[index] = rank;
        }
        start += same.len();
    }
    ranks
}

impl Variants {
    /// One row for each variant.
    pub fn table(&self) -> Table {
        let mut table =
            Table::new("Variants").text("Model").number("Size", "MB").number("Forward", "ms").number("Memory", "MB");
        for (name, unit) in [("Cosine", ""), ("Rank 1", "%"), ("LFW", ""), ("Map correlation", "")] {
            table = table.number(name, unit);
        }
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        for variant in &self.variants {
            let on = |pick: fn(&OnFaces) -> String| or_dash(variant.faces.as_ref().map(pick));
            table = table.row([
                variant.model.clone(),
                format!("{:.2}", variant.bytes as f64 / 1e6),
                format!("{:.2}", variant.forward_ms),
                or_dash(variant.memory_mb.map(|mb| format!("{mb:.1}"))),
                on(|faces| format!("{:.4}", faces.cosine)),
                on(|faces| format!("{:.2}", 100.0 * faces.rank_1)),
                or_dash(variant.lfw.map(|(mean, deviation)| format!("{mean:.4} ± {deviation:.4}"))),
                on(|faces| faces.map_correlation.map_or_else(|| "–".to_owned(), |mean| format!("{mean:.3}"))),
            ]);
        }
        let mut note =
            format!("Medians of {} forward passes that took turns, with {} threads.", self.runs, self.threads);
        if let Some(layer) = &self.layer {
            note += &format!(
                " Cosine, rank and maps on two photographs each of {} people; cosine and maps (Grad-CAM at {layer}, Spearman) \
                 are compared with {}.",
                self.people, self.variants[0].model
            );
        }
        table.note(note)
    }
}

#[cfg(test)]
mod tests {
    use super::rank_correlation;

    #[test]
    fn ranks_correlate_as_defined() {
        assert_eq!(rank_correlation(&[1.0, 2.0, 3.0], &[10.0, 200.0, 201.0]), Some(1.0));
        assert_eq!(rank_correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        assert_eq!(rank_correlation(&[1.0, 1.0], &[1.0, 2.0]), None);
        // scipy.stats.spearmanr([1, 2, 2, 4], [1, 3, 2, 4]) = 0.9486832980505139
        let tied = rank_correlation(&[1.0, 2.0, 2.0, 4.0], &[1.0, 3.0, 2.0, 4.0]).unwrap();
        assert!((tied - 0.948_683_298_050_513_9).abs() < 1e-12, "{tied}");
    }
}
