//! Integrated gradients.

use eyebar_network::{Executor, Graph, Value, ValueId};
use eyebar_tensor::Tensor;

use super::quadrature::gauss_legendre;
use crate::error::ExplainError;
use crate::objective::Objective;
use crate::plan::{batch_size, f32_type, for_batches, may_be_batch, score_of};
use crate::progress::{Progress, report};

/// Most points on the path: hours of work; more is a slip of the keyboard.
const MOST_STEPS: usize = 10_000;

/// Integrated gradients, planned once for any number of images: (x − x′) · ∫₀¹ ∂y/∂x (x′ + α (x − x′)) dα for an input x,
/// a baseline x′ and a score y (Sundararajan, Taly, Yan 2017, *Axiomatic Attribution for Deep Networks*, section 3).
///
/// The integral is taken by Gauss–Legendre quadrature, several points of the path at a time.
pub struct IntegratedGradients {
    executor: Executor,
    input: ValueId,
    /// Of a whole batch.
    shape: Vec<usize>,
    /// Place on the path and weight.
    points: Vec<(f64, f64)>,
}

/// What every number of an input contributes to the difference of two scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// Of the input's own shape; raw values.
    pub values: Tensor,
    /// Score of the input.
    pub score: f32,
    /// Score of the baseline.
    pub baseline: f32,
}

impl Attribution {
    /// How far the attributions are from adding up to the difference of the scores (the axiom of completeness): what the
    /// quadrature leaves out. More steps bring it nearer to 0.
    pub fn gap(&self) -> f32 {
        let sum: f64 = self.values.data().iter().map(|&value| f64::from(value)).sum();
        (sum - (f64::from(self.score) - f64::from(self.baseline))) as f32
    }
}

impl IntegratedGradients {
    /// Plans `steps` gradients of the score that `objective` makes of `output`, for one image of the shape `image`
    /// (`[1, …]`), up to `batch` at a time.
    ///
    /// # Errors
    /// When there are no or too many steps, the network refuses the image or the objective the output, and when a node on
    /// the path has no gradient.
    pub fn new(
        graph: &Graph,
        input: ValueId,
        image: &[usize],
        output: ValueId,
        objective: &dyn Objective,
        steps: usize,
        batch: usize,
    ) -> Result<Self, ExplainError> {
        if !(1..=MOST_STEPS).contains(&steps) {
            return Err(ExplainError::Parameter(format!(
                "{steps} steps of integrated gradients; hint: choose 1 to {MOST_STEPS}, such as 20"
            )));
        }
        if image.first() != Some(&1) {
            let expected = "one image, [1, …]".to_owned();
            return Err(ExplainError::Input { found: image.to_vec(), expected });
        }
        let graph = &for_batches(graph, input);
        let plan = |batch: usize| {
            let shape: Vec<_> = std::iter::once(batch).chain(image[1..].iter().copied()).collect();
            let mut graph = graph.specialise(&[(input, f32_type(&shape)?)], &[output])?;
            let score = score_of(&mut graph, output, objective, &shape)?;
            let gradient = graph.add_gradient(score, &[input])?[0];
            Ok(Self {
                executor: Executor::new(graph, &[score, gradient])?,
                input,
                shape,
                points: gauss_legendre(steps),
            })
        };
        match plan(batch_size(graph, input, batch.min(steps + 2))) {
            Err(error) if batch > 1 && may_be_batch(&error) => plan(1),
            result => result,
        }
    }

    /// The attributions of `image` against `baseline`, both of the shape that was planned for. `progress` counts images.
    ///
    /// # Errors
    /// When a shape is another one, a score or gradient is not finite, or `progress` cancels.
    pub fn run(&self, image: &Tensor, baseline: &Tensor, progress: Progress<'_>) -> Result<Attribution, ExplainError> {
        let size = self.shape[1..].iter().product::<usize>();
        for given in [image, baseline] {
            if given.shape()[0] != 1 || given.shape()[1..] != self.shape[1..] {
                let expected = format!("one image of {:?}", &self.shape[1..]);
                return Err(ExplainError::Input { found: given.shape().to_vec(), expected });
            }
        }
        // The ends of the path have no weight; they give the two scores.
        let ends = [(1.0, 0.0), (0.0, 0.0)];
        let points: Vec<_> = ends.into_iter().chain(self.points.iter().copied()).collect();
        let mut integral = vec![0f64; size];
        let mut scores = Vec::with_capacity(points.len());
        report(progress, 0, points.len())?;
        for chunk in points.chunks(self.shape[0]) {
            let (found, gradients) = self.gradients(image, baseline, chunk)?;
            scores.extend(&found[..chunk.len()]);
            for ((_, weight), gradient) in chunk.iter().zip(gradients.chunks_exact(size)) {
                if *weight > 0.0 {
                    integral.iter_mut().zip(gradient).for_each(|(sum, &value)| *sum += weight * f64::from(value));
                }
            }
            report(progress, scores.len(), points.len())?;
        }
        let values = integral.iter().zip(image.data().iter().zip(baseline.data()));
        let values: Vec<_> = values.map(|(sum, (x, from))| (sum * f64::from(x - from)) as f32).collect();
        if scores.iter().chain(&values).any(|value| !value.is_finite()) {
            return Err(ExplainError::NotFinite { what: "a score or a gradient".to_owned() });
        }
        let values = Tensor::new(image.shape(), values)
            .map_err(eyebar_network::OperatorError::from)
            .map_err(|source| ExplainError::Build { value: "input".to_owned(), source })?;
        Ok(Attribution { values, score: scores[0], baseline: scores[1] })
    }

    /// Scores and gradients of a batch of points; the rest of an incomplete one repeats the last.
    fn gradients(
        &self,
        image: &Tensor,
        baseline: &Tensor,
        points: &[(f64, f64)],
    ) -> Result<(Vec<f32>, Vec<f32>), ExplainError> {
        let mut data = Vec::with_capacity(self.shape.iter().product());
        for index in 0..self.shape[0] {
            let at = points[index.min(points.len() - 1)].0 as f32;
            data.extend(image.data().iter().zip(baseline.data()).map(|(x, from)| from + at * (x - from)));
        }
        let input = Tensor::new(&self.shape, data)
            .map_err(eyebar_network::OperatorError::from)
            .map_err(|source| ExplainError::Build { value: "input".to_owned(), source })?;
        let results = self.executor.run(&[(self.input, &Value::F32(input))])?;
        let mut found = results.into_iter().filter_map(|value| match value {
            Value::F32(tensor) => Some(tensor.into_data()),
            _ => None,
        });
        Ok((found.next().unwrap_or_default(), found.next().unwrap_or_default()))
    }
}
