//! Scores of many images with one planned forward pass.

use eyebar_network::{Executor, Graph, Value, ValueId};
use eyebar_tensor::Tensor;

use crate::error::ExplainError;
use crate::objective::Objective;
use crate::plan::{batch_size, f32_type, may_be_batch, score_of};

/// A network's forward pass up to an objective, planned for a batch size.
pub struct Scorer {
    executor: Executor,
    input: ValueId,
    /// Of a whole batch.
    shape: Vec<usize>,
}

impl Scorer {
    /// Plans the scores that `objective` makes of `output`, for images of the shape `image` (`[1, …]`, the input's own
    /// layout), up to `batch` at a time. A network that is made for a fixed batch is run with that.
    ///
    /// # Errors
    /// When the network refuses the image, or the objective the output.
    pub fn new(
        graph: &Graph,
        input: ValueId,
        image: &[usize],
        output: ValueId,
        objective: &dyn Objective,
        batch: usize,
    ) -> Result<Self, ExplainError> {
        if image.first() != Some(&1) {
            let expected = "one image, [1, …]".to_owned();
            return Err(ExplainError::Input { found: image.to_vec(), expected });
        }
        let plan = |batch: usize| {
            let shape: Vec<_> = std::iter::once(batch).chain(image[1..].iter().copied()).collect();
            let mut graph = graph.specialise(&[(input, f32_type(&shape)?)], &[output])?;
            let score = score_of(&mut graph, output, objective, &shape)?;
            Ok(Self { executor: Executor::new(graph, &[score])?, input, shape })
        };
        match plan(batch_size(graph, input, batch)) {
            Err(error) if batch > 1 && may_be_batch(&error) => plan(1),
            result => result,
        }
    }

    /// Images that run at a time.
    pub fn batch(&self) -> usize {
        self.shape[0]
    }

    /// Shape of one image, `[1, …]`.
    pub fn image_shape(&self) -> Vec<usize> {
        std::iter::once(1).chain(self.shape[1..].iter().copied()).collect()
    }

    /// The scores of `images` of the planned shape, each a flat slice; at most [`Scorer::batch`] of them.
    ///
    /// # Errors
    /// When there are too many or one has another size, and when a score is not finite.
    pub fn scores(&self, images: &[&[f32]]) -> Result<Vec<f32>, ExplainError> {
        let size = self.shape[1..].iter().product::<usize>();
        if images.len() > self.batch() || images.iter().any(|image| image.len() != size) {
            let expected = format!("up to {} images of {size} numbers", self.batch());
            return Err(ExplainError::Input { found: images.iter().map(|image| image.len()).collect(), expected });
        }
        let Some(last) = images.last() else { return Ok(Vec::new()) };
        // The rest of an incomplete batch repeats its last image, whose further scores are dropped.
        let filled = images.iter().chain(std::iter::repeat(last)).take(self.batch());
        let data: Vec<f32> = filled.flat_map(|image| image.iter().copied()).collect();
        let input = Value::F32(
            Tensor::new(&self.shape, data)
                .map_err(eyebar_network::OperatorError::from)
                .map_err(|source| ExplainError::Build { value: "input".to_owned(), source })?,
        );
        let results = self.executor.run(&[(self.input, &input)])?;
        let scores = results[0].as_f32().map(|scores| scores.data()[..images.len()].to_vec()).unwrap_or_default();
        self.executor.recycle(results);
        match scores.iter().all(|score| score.is_finite()) {
            true => Ok(scores),
            false => Err(ExplainError::NotFinite { what: "a score".to_owned() }),
        }
    }
}
