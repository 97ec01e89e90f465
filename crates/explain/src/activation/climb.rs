//! The ascent of all filters of a call, as batches.

use eyebar_imaging::{InputSpec, Layout, RgbImage};
use eyebar_network::{DataType, Dimension, Executor, Graph, OperatorError, TensorType, Value, ValueId};
use eyebar_tensor::Tensor;
use rayon::prelude::*;

use super::fourier::Fourier;
use super::frame::Frame;
use super::pixels::Pixels;
use super::random::Random;
use super::{Filter, Maximisation, Prior};
use crate::error::ExplainError;
use crate::objective::{ChannelMean, plane_means};
use crate::plan::{batch_size, check_score, f32_type, for_batches, may_be_batch};
use crate::progress::{Progress, report};
use crate::trace::pre_activation;

const DEFAULT_SIDE: usize = 128;
/// Hours of work; more is a slip of the keyboard.
const MOST_STEPS: usize = 100_000;

/// What is moved: a picture in some parametrisation. Planes are pixels of 0 to 255 in the network's channel order.
pub(crate) trait Subject: Send {
    /// What the network sees in this step.
    fn view(&mut self) -> Vec<f32>;

    /// The picture itself, where views differ from it.
    fn at_rest(&self) -> Option<Vec<f32>>;

    /// Moves along the gradient with respect to the latest view.
    fn ascend(&mut self, gradient: &[f32]);

    /// The picture to be shown.
    fn picture(&self, frame: &Frame<'_>) -> RgbImage;
}

/// Draws what `channels` of `layer` respond to, each for itself. `graph` is the network as it was read, `spec` says what
/// its `input` is fed. `progress` counts steps of the ascent.
///
/// # Errors
/// When the layer is not `[N, C, H, W]`, a channel or a parameter is out of range, the network refuses the size, a node
/// has no gradient, or `progress` cancels.
pub fn maximise(
    graph: &Graph,
    input: ValueId,
    spec: &InputSpec,
    layer: ValueId,
    channels: &[usize],
    options: &Maximisation,
    progress: Progress<'_>,
) -> Result<Vec<Filter>, ExplainError> {
    let (width, height) =
        options.size.or_else(|| fixed_size(graph, input, spec)).unwrap_or((DEFAULT_SIDE, DEFAULT_SIDE));
    check(options, width, height)?;
    let Some(&first) = channels.first() else { return Ok(Vec::new()) };
    let frame = Frame { spec, width, height };
    let layer = pre_activation(graph, layer);
    let graph = &for_batches(graph, input);
    let planned = |batch: usize| plan(graph, input, &frame, layer, &vec![first; batch], options);
    let least = batch_size(graph, input, 1);
    let alone = planned(least)?;
    alone.check(channels)?;
    let fitting = (options.memory_limit / alone.bytes().max(1)).clamp(1, channels.len());
    // Equal parts, so that one plan serves all of them and few places stay empty.
    let parts = channels.len().div_ceil(fitting);
    let plan = match batch_size(graph, input, channels.len().div_ceil(parts)) {
        batch if batch > least => match planned(batch) {
            Err(error) if may_be_batch(&error) => alone,
            plan => plan?,
        },
        _ => alone,
    };
    let network = Network::new(plan, &frame)?;
    let steps = options.prior.steps();
    let total = channels.len() * steps;
    report(progress, 0, total)?;
    let mut filters = Vec::with_capacity(channels.len());
    for channels in channels.chunks(network.batch) {
        // Places that stay empty draw the first filter once more.
        let filled = channels.iter().copied().chain(std::iter::repeat(channels[0])).take(network.batch);
        let before = filters.len() * steps;
        let climbed = climb(&network, &filled.collect::<Vec<_>>(), options, &|done, _| {
            progress(before + done * channels.len(), total)
        })?;
        filters.extend(climbed.into_iter().take(channels.len()));
    }
    Ok(filters)
}

fn check(options: &Maximisation, width: usize, height: usize) -> Result<(), ExplainError> {
    let refuse = |reason: String| Err(ExplainError::Parameter(reason));
    if !(1..=4096).contains(&width) || !(1..=4096).contains(&height) {
        return refuse(format!("pictures of {width} × {height} pixels; hint: choose 1 to 4096 a side, such as 128"));
    }
    if !(1..=MOST_STEPS).contains(&options.prior.steps()) {
        let steps = options.prior.steps();
        return refuse(format!("{steps} steps of ascent; hint: choose 1 to {MOST_STEPS}, such as 30"));
    }
    if !(options.prior.rate().is_finite() && options.prior.rate() > 0.0) {
        return refuse(format!("a rate of {}; hint: choose one above 0", options.prior.rate()));
    }
    Ok(())
}

/// Width and height that the network declares for its input.
fn fixed_size(graph: &Graph, input: ValueId, spec: &InputSpec) -> Option<(usize, usize)> {
    let axes = match spec.layout {
        Layout::Nchw => (3, 2),
        Layout::Nhwc => (2, 1),
    };
    let declared = graph.value(input).declared.as_ref()?;
    match (declared.get(axes.0)?, declared.get(axes.1)?) {
        (&Dimension::Fixed(width), &Dimension::Fixed(height)) => Some((width, height)),
        _ => None,
    }
}

/// A batch's score and its gradient with respect to the network's input, specialised but not yet made ready to run.
/// Which filters are drawn is an input of the graph, so that one plan serves all of them.
struct Plan {
    graph: Graph,
    batch: usize,
    input: ValueId,
    layer: ValueId,
    planes: ValueId,
    score: ValueId,
    gradient: ValueId,
}

fn plan(
    graph: &Graph,
    input: ValueId,
    frame: &Frame<'_>,
    layer: ValueId,
    channels: &[usize],
    options: &Maximisation,
) -> Result<Plan, ExplainError> {
    let batch = channels.len();
    let fed = frame.spec.shape(batch, frame.width, frame.height);
    let mut graph = graph.specialise(&[(input, f32_type(&fed)?)], &[layer])?;
    // Refuses layers that have no filters.
    let objective = ChannelMean { channels: channels.to_vec(), border: options.border };
    let shape = objective.planes(&graph, layer)?.shape().to_vec();
    let planes = graph.add_input("filters", TensorType { dtype: DataType::I64, shape });
    let score = plane_means(&mut graph, layer, planes, options.border)?;
    check_score(&graph, layer, score, &fed)?;
    let gradient = graph.add_gradient(score, &[input])?[0];
    Ok(Plan { graph, batch, input, layer, planes, score, gradient })
}

impl Plan {
    /// Bytes of all values that nodes compute: more than are alive at any one time.
    fn bytes(&self) -> usize {
        let outputs = self.graph.nodes().iter().flat_map(|node| node.outputs.iter().flatten());
        outputs.map(|&id| 4 * self.graph.shape(id).iter().product::<usize>()).sum()
    }

    /// Refuses filters that the layer does not have, before any is drawn.
    fn check(&self, channels: &[usize]) -> Result<(), ExplainError> {
        let count = self.graph.shape(self.layer)[1];
        match channels.iter().find(|&&channel| channel >= count) {
            Some(&channel) => {
                let layer = self.graph.value(self.layer).name.clone();
                Err(ExplainError::ChannelOutOfRange { channel, layer, count })
            }
            None => Ok(()),
        }
    }
}

/// Draws a batch of filters.
fn climb(
    network: &Network<'_>,
    channels: &[usize],
    options: &Maximisation,
    progress: Progress<'_>,
) -> Result<Vec<Filter>, ExplainError> {
    let frame = network.frame;
    let planes = network.planes(channels, options)?;
    let mut subjects: Vec<_> = channels
        .iter()
        .map(|&channel| subject(frame, options.prior, Random::new(options.seed, channel as u64)))
        .collect();
    let at_rest = |subjects: &[Box<dyn Subject>]| subjects.iter().map(|s| s.at_rest()).collect::<Option<Vec<_>>>();
    let start = at_rest(&subjects).map(|views| network.run(&planes, &views)).transpose()?;
    let mut start = start.map(|(scores, _)| scores);
    let mut traces = vec![Vec::new(); subjects.len()];
    let steps = options.prior.steps();
    for step in 0..steps {
        let views: Vec<_> = subjects.par_iter_mut().map(|subject| subject.view()).collect();
        let (scores, gradients) = network.run(&planes, &views)?;
        subjects.par_iter_mut().zip(gradients).for_each(|(subject, gradient)| subject.ascend(&gradient));
        traces.iter_mut().zip(&scores).for_each(|(trace, &score)| trace.push(score));
        start.get_or_insert(scores);
        report(progress, step + 1, steps)?;
    }
    let views = match at_rest(&subjects) {
        Some(views) => views,
        None => subjects.iter_mut().map(|subject| subject.view()).collect(),
    };
    let (end, _) = network.run(&planes, &views)?;
    let start = start.unwrap_or_default();
    let ends = start.into_iter().zip(end);
    Ok(channels
        .iter()
        .zip(&subjects)
        .zip(traces)
        .zip(ends)
        .map(|(((&channel, subject), trace), (start, end))| {
            // Also where either is NaN.
            let dead = !(end > start && end.is_finite());
            let image = (!dead).then(|| subject.picture(frame));
            Filter { channel, image, start, end, dead, trace }
        })
        .collect())
}

fn subject(frame: &Frame<'_>, prior: Prior, mut random: Random) -> Box<dyn Subject> {
    match prior {
        Prior::Pixels { rate, .. } => Box::new(Pixels::new(frame, rate, &mut random)),
        Prior::Fourier { rate, .. } => Box::new(Fourier::new(frame, rate, random)),
    }
}

/// The plan, made ready: weights of the network are packed once for all batches.
struct Network<'a> {
    executor: Executor,
    batch: usize,
    input: ValueId,
    layer: ValueId,
    planes: ValueId,
    frame: &'a Frame<'a>,
}

impl<'a> Network<'a> {
    fn new(plan: Plan, frame: &'a Frame<'a>) -> Result<Self, ExplainError> {
        let Plan { graph, batch, input, layer, planes, score, gradient } = plan;
        Ok(Self { executor: Executor::new(graph, &[score, gradient])?, batch, input, layer, planes, frame })
    }

    /// What makes the scores those of `channels`, one for each image of the batch.
    fn planes(&self, channels: &[usize], options: &Maximisation) -> Result<Value, ExplainError> {
        let objective = ChannelMean { channels: channels.to_vec(), border: options.border };
        objective.planes(self.executor.graph(), self.layer).map(Value::I64)
    }

    /// Scores of the views, and their gradients with respect to them.
    fn run(&self, planes: &Value, views: &[Vec<f32>]) -> Result<(Vec<f32>, Vec<Vec<f32>>), ExplainError> {
        let frame = self.frame;
        let size = frame.len();
        let mut data = vec![0.0; views.len() * size];
        data.par_chunks_exact_mut(size).zip(views).for_each(|(out, view)| frame.feed(view, out));
        let input = Tensor::new(&frame.spec.shape(views.len(), frame.width, frame.height), data)
            .map_err(|source| ExplainError::Build { value: "input".to_owned(), source: OperatorError::from(source) })?;
        let input = Value::F32(input);
        let results = self.executor.run(&[(self.input, &input), (self.planes, planes)])?;
        let [Some(scores), Some(gradients)] = [results[0].as_f32(), results[1].as_f32()] else {
            unreachable!("the planned outputs are f32");
        };
        let gradients = gradients.data().par_chunks_exact(size).map(|gradient| frame.pull_back(gradient)).collect();
        let scores = scores.data().to_vec();
        self.executor.recycle(results);
        Ok((scores, gradients))
    }
}
