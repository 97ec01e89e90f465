//! The works that are compared. Each is prepared once; running it is what is timed.

use std::error::Error;
use std::path::Path;

use eyebar_explain::attribution::IntegratedGradients;
use eyebar_explain::perturbation::{Occlusion, Scorer};
use eyebar_explain::{ChannelMean, ClassScore, GradCam, Objective, unwatched};
use eyebar_imaging::{InputSpec, Layout, input::Colour};
use eyebar_network::{DataType, Executor, Graph, TensorType, Value, ValueId, onnx};
use eyebar_tensor::Tensor;

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
        ["forward", model, size] => forward(Subject::read(model, &[1, 3, side(size)?, side(size)?])?),
        ["ascent", model, layer, size] => ascent(Subject::read(model, &[1, 3, side(size)?, side(size)?])?, layer),
        ["grad-cam", model, layer] => grad_cam(Subject::read(model, &[1, 3, 224, 224])?, layer),
        ["integrated", model, steps] => integrated(Subject::read(model, &[1, 3, 224, 224])?, side(steps)?),
        ["occlusion", model] => occlusion(Subject::read(model, &[1, 3, 224, 224])?),
        _ => Err("unknown work; see bench/versus/README.md".into()),
    }
}

fn forward(subject: Subject) -> Result<Work, Box<dyn Error>> {
    let outputs = subject.graph.outputs().to_vec();
    let executor = Executor::new(subject.specialised(&outputs)?, &outputs)?;
    let image = Value::F32(subject.image);
    Ok(Box::new(move || {
        let results = executor.run(&[(subject.input, &image)])?;
        executor.recycle(results);
        Ok(())
    }))
}

/// One step of activation maximisation: score and gradient with respect to the picture.
fn ascent(subject: Subject, layer: &str) -> Result<Work, Box<dyn Error>> {
    let layer = subject.value(layer)?;
    let mut graph = subject.specialised(&[layer])?;
    let score = ChannelMean { channels: vec![0], border: 2 }.add(&mut graph, layer)?;
    let gradient = graph.add_gradient(score, &[subject.input])?[0];
    let executor = Executor::new(graph, &[score, gradient])?;
    let image = Value::F32(subject.image);
    Ok(Box::new(move || {
        let results = executor.run(&[(subject.input, &image)])?;
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
