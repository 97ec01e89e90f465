//! The works that are compared. Each is prepared once; running it is what is timed.

use std::error::Error;
use std::path::Path;

use eyebar_explain::attribution::IntegratedGradients;
use eyebar_explain::perturbation::{Occlusion, Scorer};
use eyebar_explain::{ChannelMean, ClassScore, GradCam, Objective, unwatched};
use eyebar_imaging::{InputSpec, Layout, input::Colour};
use eyebar_network::{DataType, Executor, Graph, TensorType, Value, ValueId, onnx};
use eyebar_tensor::Tensor;

use crate::search::Search;

type Work = Box<dyn FnMut() -> Result<(), Box<dyn Error>>>;

/// A network with one input, and a picture for it.
struct Subject {
    graph: Graph,
    input: ValueId,
    output: ValueId,
    image: Tensor,
}

impl Subject {
    fn read(path: &str, shape: &[usize]) -> Result<Self, Box<dyn Error>> {
        let graph = onnx::read_file(Path::new(path))?.graph;
        let (input, output) = (graph.inputs()[0], graph.outputs()[0]);
        let image = Tensor::from_fn(shape, |index| ((index * 7919) % 1009) as f32 / 504.5 - 1.0);
        Ok(Self { graph, input, output, image })
    }

    fn value(&self, name: &str) -> Result<ValueId, Box<dyn Error>> {
        let found = self.graph.value_ids().find(|&id| self.graph.value(id).name == name);
        found.ok_or_else(|| format!("no value {name:?}").into())
    }

    fn specialised(&self, outputs: &[ValueId]) -> Result<Graph, Box<dyn Error>> {
        let kind = TensorType::new(DataType::F32, self.image.shape().to_vec())?;
        Ok(self.graph.specialise(&[(self.input, kind)], outputs)?)
    }
}

/// Prepares the work that `arguments` ask for.
pub(crate) fn prepare(arguments: &[&str]) -> Result<Work, Box<dyn Error>> {
    let side = |text: &str| text.parse::<usize>();
    match *arguments {
        ["forward", ..] | ["ascent", ..] | ["gradient", ..] => run(plan(arguments)?),
        ["grad-cam", model, layer] => grad_cam(Subject::read(model, &[1, 3, 224, 224])?, layer),
        ["integrated", model, steps] => integrated(Subject::read(model, &[1, 3, 224, 224])?, side(steps)?),
        ["search", folder] => {
            let search = Search::new(folder)?;
            Ok(Box::new(move || search.run().map(drop)))
        }
        ["occlusion", model] => occlusion(Subject::read(model, &[1, 3, 224, 224])?),
        _ => Err("unknown work; see bench/versus/README.md".into()),
    }
}

/// A planned run and its input.
pub(crate) struct Run {
    pub(crate) executor: Executor,
    pub(crate) input: ValueId,
    pub(crate) image: Value,
}

/// Plans a work that is one run of a graph: `forward MODEL SIZE`; `ascent MODEL LAYER SIZE`, one step of activation
/// maximisation (score and gradient with respect to the picture); `gradient MODEL BATCH`, the same for a class.
pub(crate) fn plan(arguments: &[&str]) -> Result<Run, Box<dyn Error>> {
    let number = |text: &str| text.parse::<usize>();
    let (subject, graph, outputs) = match *arguments {
        ["forward", model, size] => {
            let subject = Subject::read(model, &[1, 3, number(size)?, number(size)?])?;
            let outputs = subject.graph.outputs().to_vec();
            let graph = subject.specialised(&outputs)?;
            (subject, graph, outputs)
        }
        ["ascent", model, layer, size] => {
            let subject = Subject::read(model, &[1, 3, number(size)?, number(size)?])?;
            let layer = subject.value(layer)?;
            let mut graph = subject.specialised(&[layer])?;
            let score = ChannelMean { channels: vec![0], border: 2 }.add(&mut graph, layer)?;
            let gradient = graph.add_gradient(score, &[subject.input])?[0];
            (subject, graph, vec![score, gradient])
        }
        ["gradient", model, batch] => {
            let mut subject = Subject::read(model, &[number(batch)?, 3, 224, 224])?;
            subject.graph.free_batch(subject.input);
            let mut graph = subject.specialised(&[subject.output])?;
            let score = ClassScore { class: 7 }.add(&mut graph, subject.output)?;
            let gradient = graph.add_gradient(score, &[subject.input])?[0];
            (subject, graph, vec![score, gradient])
        }
        _ => return Err("unknown work; see bench/versus/README.md".into()),
    };
    let executor = Executor::new(graph, &outputs)?;
    Ok(Run { executor, input: subject.input, image: Value::F32(subject.image) })
}

fn run(Run { executor, input, image }: Run) -> Result<Work, Box<dyn Error>> {
    Ok(Box::new(move || {
        let results = executor.run(&[(input, &image)])?;
        executor.recycle(results);
        Ok(())
    }))
}

fn grad_cam(subject: Subject, layer: &str) -> Result<Work, Box<dyn Error>> {
    let layer = subject.value(layer)?;
    let Subject { graph, input, output, image } = subject;
    let plan = GradCam::new(&graph, input, image.shape(), output, layer, &ClassScore { class: 7 })?;
    Ok(Box::new(move || Ok(plan.run(&image).map(drop)?)))
}

fn integrated(subject: Subject, steps: usize) -> Result<Work, Box<dyn Error>> {
    const BATCH: usize = 4;
    let Subject { graph, input, output, image } = subject;
    let objective = ClassScore { class: 7 };
    let plan = IntegratedGradients::new(&graph, input, image.shape(), output, &objective, steps, BATCH)?;
    let baseline = Tensor::zeros(image.shape());
    Ok(Box::new(move || Ok(plan.run(&image, &baseline, &unwatched).map(drop)?)))
}

fn occlusion(subject: Subject) -> Result<Work, Box<dyn Error>> {
    const BATCH: usize = 8;
    let Subject { graph, input, output, image } = subject;
    let scorer = Scorer::new(&graph, input, image.shape(), output, &ClassScore { class: 7 }, BATCH)?;
    let spec = InputSpec {
        layout: Layout::Nchw,
        size: Some((224, 224)),
        colour: Colour::Rgb,
        mean: vec![0.0; 3],
        scale: vec![1.0; 3],
    };
    let occlusion = Occlusion { fill: 0.0, ..Occlusion::default() };
    Ok(Box::new(move || Ok(occlusion.run(&scorer, &image, &spec, &unwatched).map(drop)?)))
}
