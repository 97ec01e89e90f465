//! Grad-CAM.

use eyebar_network::operators::Reduce;
use eyebar_network::{Executor, Graph, Value, ValueId};
use eyebar_tensor::Tensor;

use super::{Cam, check_layer};
use crate::error::ExplainError;
use crate::nodes::Builder;
use crate::objective::Objective;
use crate::plan::{f32_type, score_of};
use crate::trace::depends;

/// Grad-CAM, planned once for any number of images: L = ReLU(Σ_k α_k A^k) with α_k = mean_ij ∂y/∂A^k_ij, for the layer's
/// activation A and a score y (Selvaraju et al. 2017, *Grad-CAM: Visual Explanations from Deep Networks via
/// Gradient-based Localization*).
///
/// One run computes the activation, the gradient down to it, and the map; nothing below the layer is differentiated.
pub struct GradCam {
    executor: Executor,
    input: ValueId,
    layer: String,
}

impl GradCam {
    /// Plans maps of `layer` for the score that `objective` makes of `output`, for inputs of the shape `shape`.
    ///
    /// `graph` is the network as it was read; `shape` is that of its `input` with a batch of any size.
    ///
    /// # Errors
    /// When the layer is not `[N, C, H, W]` or the score does not depend on it, when the objective refuses the output,
    /// and when a node on the path has no gradient.
    pub fn new(
        graph: &Graph,
        input: ValueId,
        shape: &[usize],
        output: ValueId,
        layer: ValueId,
        objective: &dyn Objective,
    ) -> Result<Self, ExplainError> {
        let (mut graph, [score, map]) = add_grad_cam(graph, input, shape, output, layer, objective)?;
        graph.set_outputs(vec![score, map]);
        let layer = graph.value(layer).name.clone();
        Ok(Self { executor: Executor::new(graph, &[score, map])?, input, layer })
    }

    /// The maps of a batch of the shape that was planned for, one per image.
    ///
    /// # Errors
    /// When the shape is another one, and when a map or score is not finite.
    pub fn run_batch(&self, input: &Tensor) -> Result<Vec<Cam>, ExplainError> {
        self.run_fed(&[(self.input, &Value::F32(input.clone()))])
    }

    /// The map of one image for an objective with an input of its own ([`crate::SimilarityToInput`]), which is fed
    /// `reference`.
    ///
    /// # Errors
    /// As [`GradCam::run_batch`].
    pub fn run_beside(&self, input: &Tensor, reference: &[f32]) -> Result<Cam, ExplainError> {
        let other = self.graph().inputs().iter().copied().find(|&id| id != self.input);
        let missing =
            || ExplainError::Parameter("the objective takes no reference; hint: plan it with another".to_owned());
        let other = other.ok_or_else(missing)?;
        let expected = self.graph().shape(other).to_vec();
        let row = Tensor::new(&expected, reference.to_vec()).map_err(|_| ExplainError::Input {
            found: vec![reference.len()],
            expected: format!("a reference of the shape {expected:?}"),
        })?;
        let mut cams = self.run_fed(&[(self.input, &Value::F32(input.clone())), (other, &Value::F32(row))])?;
        Ok(cams.remove(0))
    }

    fn run_fed(&self, inputs: &[(ValueId, &Value)]) -> Result<Vec<Cam>, ExplainError> {
        let results = self.executor.run(inputs)?;
        let [Some(scores), Some(maps)] = [results[0].as_f32(), results[1].as_f32()] else {
            unreachable!("the planned outputs are f32");
        };
        let shape = maps.shape()[1..].to_vec();
        let cells = shape.iter().product();
        let maps = maps.data().chunks_exact(cells).zip(scores.data());
        let cams = maps
            .map(|(map, &score)| Cam::new(Tensor::from_fn(&shape, |at| map[at]), score, &self.layer))
            .collect::<Result<_, _>>()?;
        self.executor.recycle(results);
        Ok(cams)
    }

    /// The map of one image.
    ///
    /// # Errors
    /// As [`GradCam::run_batch`], and when the batch is not one.
    pub fn run(&self, input: &Tensor) -> Result<Cam, ExplainError> {
        let mut cams = self.run_batch(input)?;
        match cams.len() {
            1 => Ok(cams.remove(0)),
            _ => {
                let expected = "a batch of one image (run_batch takes several)".to_owned();
                Err(ExplainError::Input { found: input.shape().to_vec(), expected })
            }
        }
    }

    /// The graph with the explanation inside: from the network's input to the score `[N]` and the maps `[N, h, w]`.
    pub fn graph(&self) -> &Graph {
        self.executor.graph()
    }
}

/// The Grad-CAM map of one image; [`GradCam`] is faster for many.
///
/// # Errors
/// As [`GradCam::new`] and [`GradCam::run`].
pub fn grad_cam(
    graph: &Graph,
    input: ValueId,
    image: &Tensor,
    output: ValueId,
    layer: ValueId,
    objective: &dyn Objective,
) -> Result<Cam, ExplainError> {
    GradCam::new(graph, input, image.shape(), output, layer, objective)?.run(image)
}

/// The network specialised for inputs of `shape` with the explanation inside, its score `[N]` and its maps `[N, h, w]`;
/// `output` is computed as well.
///
/// # Errors
/// As [`GradCam::new`].
pub fn add_grad_cam(
    graph: &Graph,
    input: ValueId,
    shape: &[usize],
    output: ValueId,
    layer: ValueId,
    objective: &dyn Objective,
) -> Result<(Graph, [ValueId; 2]), ExplainError> {
    let mut graph = graph.specialise(&[(input, f32_type(shape)?)], &[output, layer])?;
    check_layer(&graph, layer)?;
    let score = score_of(&mut graph, output, objective, shape)?;
    if !depends(&graph, score, layer) {
        let [target, layer] = [output, layer].map(|id| graph.value(id).name.clone());
        return Err(ExplainError::Independent { target, layer });
    }
    let gradient = graph.add_gradient(score, &[layer])?[0];
    let mut nodes = Builder::new(&mut graph, layer);
    let alpha = nodes.reduce(Reduce::mean(true), gradient, &[2, 3])?;
    let weighted = nodes.mul(layer, alpha)?;
    let sum = nodes.reduce(Reduce::sum(false), weighted, &[1])?;
    let map = nodes.rectify(sum)?;
    Ok((graph, [score, map]))
}
