//! How fast a model is loaded, run and explained on this machine.

use std::time::Instant;

use eyebar_explain::cam::GradCam;
use eyebar_explain::perturbation::Occlusion;
use eyebar_explain::{ChannelMean, ClassScore, ExplainError, Objective, Progress, unwatched};
use eyebar_network::{Executor, Value, ValueId};
use eyebar_report::Table;
use eyebar_tensor::Tensor;
use eyebar_tensor::simd::Isa;
use serde::Serialize;

use super::inspect::shape;
use super::occlude;
use crate::error::Error;
use crate::model::{Model, in_explanation, in_model};

/// Medians of warm runs, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Speed {
    /// The model.
    pub model: String,
    /// The layer of the gradient step and the map.
    pub layer: String,
    /// Shape of the input.
    pub shape: Vec<usize>,
    /// From the file to a network that is ready to run: reading, planning, packing of weights.
    pub load_ms: f64,
    /// A forward pass.
    pub forward_ms: f64,
    /// Forward to the layer, and the gradient of the mean of its channel 0 with respect to the input.
    pub gradient_step_ms: f64,
    /// A Grad-CAM map at the layer, of the first output.
    pub cam_ms: f64,
    /// An occlusion map of the first output: patch 25, stride 14, all positions.
    pub occlusion_ms: f64,
    /// The most memory that the process held after loading and forward passes, in 10⁶ bytes; nothing where the system
    /// does not say.
    pub peak_rss_mb: Option<f64>,
    /// Runs that each median is taken of, after one that is not counted.
    pub runs: usize,
    /// Threads.
    pub threads: usize,
    /// Instruction set: `scalar`, `avx2` or `avx512`.
    pub isa: &'static str,
}

/// Measures the model that `open` opens, on pictures of `size` (width, height), its own where none is named. Explanations
/// are those of `layer`, the model's default where none is named; `progress` counts runs.
///
/// # Errors
/// When the model cannot be opened, run or explained, or `progress` cancels.
pub fn speed(
    open: &dyn Fn() -> Result<Model, Error>,
    size: Option<(usize, usize)>,
    layer: Option<&str>,
    runs: usize,
    progress: Progress<'_>,
) -> Result<Speed, Error> {
    let mut clock = Clock { runs: runs.max(1), done: 0, progress };
    let load_ms = clock.median(|| Subject::new(open()?, size).map(drop))?;
    let subject = Subject::new(open()?, size)?;
    let forward_ms = clock.median(|| subject.run(&subject.forward))?;
    let peak_rss_mb = peak_rss_mb();
    // Its weights are packed once more for each of what follows.
    let Subject { model, image, .. } = &subject;
    let refuse = in_explanation(model);
    let layer = match layer {
        Some(layer) => model.layer(layer)?,
        None => model.default_layer(subject.shape())?,
    };
    let gradient_step_ms = {
        let step = subject.gradient_step(layer)?;
        clock.median(|| subject.run(&step))?
    };
    let Value::F32(image) = image else { unreachable!("made as f32") };
    let (output, objective) = (model.output()?, ClassScore { class: 0 });
    let cam_ms = {
        let plan = GradCam::new(model.graph(), model.input(), image.shape(), output, layer, &objective);
        let plan = plan.map_err(&refuse)?;
        clock.median(|| plan.run(image).map(drop).map_err(&refuse))?
    };
    let occlusion_ms = {
        let scorer = occlude::scorer(model, image.shape(), output, &objective).map_err(&refuse)?;
        let (occlusion, spec) = (Occlusion { fill: 0.0, ..Occlusion::default() }, model.spec_or_layout());
        clock.median(|| occlusion.run(&scorer, image, &spec, &unwatched).map(drop).map_err(&refuse))?
    };
    Ok(Speed {
        model: model.name().to_owned(),
        layer: model.layer_name(layer),
        shape: image.shape().to_vec(),
        load_ms,
        forward_ms,
        gradient_step_ms,
        cam_ms,
        occlusion_ms,
        peak_rss_mb,
        runs: clock.runs,
        threads: rayon::current_num_threads(),
        isa: Isa::detect().name(),
    })
}

/// A model that is ready to run, and a picture of no meaning for it.
pub(super) struct Subject {
    model: Model,
    forward: Executor,
    image: Value,
}

impl Subject {
    pub(super) fn new(model: Model, size: Option<(usize, usize)>) -> Result<Self, Error> {
        let shape = shape(&model, size);
        let outputs = model.graph().outputs().to_vec();
        let planned = model.specialised(&shape, &outputs).and_then(|graph| Executor::new(graph, &outputs));
        let forward = planned.map_err(|source| in_model(model.name(), source))?;
        let image = Tensor::from_fn(&shape, |index| ((index * 7919) % 1009) as f32 / 504.5 - 1.0);
        Ok(Self { forward, image: Value::F32(image), model })
    }

    fn shape(&self) -> &[usize] {
        self.image.shape()
    }

    /// A forward pass.
    pub(super) fn forward(&self) -> Result<(), Error> {
        self.run(&self.forward)
    }

    fn run(&self, executor: &Executor) -> Result<(), Error> {
        let results = executor.run(&[(self.model.input(), &self.image)]);
        executor.recycle(results.map_err(|source| in_model(self.model.name(), source))?);
        Ok(())
    }

    fn gradient_step(&self, layer: ValueId) -> Result<Executor, Error> {
        let refuse = |source| in_model(self.model.name(), source);
        let mut graph = self.model.specialised(self.shape(), &[layer]).map_err(refuse)?;
        let score = ChannelMean { channels: vec![0], border: 0 }.add(&mut graph, layer);
        let score = score.map_err(in_explanation(&self.model))?;
        let gradient = graph.add_gradient(score, &[self.model.input()]).map_err(refuse)?[0];
        Executor::new(graph, &[score, gradient]).map_err(refuse)
    }
}

/// Takes medians, and says how far it is.
struct Clock<'a> {
    runs: usize,
    done: usize,
    progress: Progress<'a>,
}

impl Clock<'_> {
    /// Works whose medians are taken.
    const WORKS: usize = 5;

    /// The median time of a work, in milliseconds.
    fn median(&mut self, mut work: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
        let mut times = Vec::with_capacity(self.runs);
        for run in 0..=self.runs {
            if (self.progress)(self.done, Self::WORKS * (self.runs + 1)).is_break() {
                return Err(ExplainError::Cancelled.into());
            }
            let start = Instant::now();
            work()?;
            if run > 0 {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
            self.done += 1;
        }
        Ok(median(times))
    }
}

/// The middle of some times, or the mean of the two there.
pub(super) fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    if times.len() % 2 == 1 { times[middle] } else { (times[middle - 1] + times[middle]) / 2.0 }
}

/// The most memory that this process ever held, in 10⁶ bytes.
fn peak_rss_mb() -> Option<f64> {
    memory_mb("VmHWM:")
}

/// The memory that this process holds, in 10⁶ bytes.
pub(super) fn resident_mb() -> Option<f64> {
    memory_mb("VmRSS:")
}

/// What Linux says under this name, in 10⁶ bytes; nothing elsewhere.
fn memory_mb(name: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

impl Speed {
    /// One row for each measure.
    pub fn table(&self) -> Table {
        let sides: Vec<_> = self.shape.iter().map(ToString::to_string).collect();
        let table = Table::new(format!("Speed of {}", self.model))
            .text("Work")
            .number("Time", "ms")
            .row(["load: read, plan, pack the weights".to_owned(), format!("{:.2}", self.load_ms)]);
        let table = table
            .row(["forward pass".to_owned(), format!("{:.2}", self.forward_ms)])
            .row([format!("gradient step to {}", self.layer), format!("{:.2}", self.gradient_step_ms)])
            .row([format!("Grad-CAM at {}", self.layer), format!("{:.2}", self.cam_ms)])
            .row(["occlusion map, patch 25, stride 14".to_owned(), format!("{:.2}", self.occlusion_ms)]);
        let memory = self
            .peak_rss_mb
            .map_or_else(String::new, |mb| format!(" Loading and forward passes took up to {mb:.1} MB of memory."));
        table.note(format!(
            "Input {}; medians of {} runs with {} threads, instruction set {}.{memory}",
            sides.join(" × "),
            self.runs,
            self.threads,
            self.isa
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::time::Duration;

    use super::Clock;

    #[test]
    fn a_median_leaves_the_first_run_out() {
        for (runs, expected) in [(3, 5.0), (2, 7.5)] {
            let mut naps = [60, 10, 5, 1].into_iter();
            let mut clock = Clock { runs, done: 0, progress: &|_, _| ControlFlow::Continue(()) };
            let median = clock.median(|| {
                std::thread::sleep(Duration::from_millis(naps.next().unwrap()));
                Ok(())
            });
            let median = median.unwrap();
            assert!((expected..40.0).contains(&median), "{median}");
            assert_eq!(clock.done, runs + 1);
        }
    }
}
