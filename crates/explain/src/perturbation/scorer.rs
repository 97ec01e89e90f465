//! Scores of many images with one planned forward pass, and of many edits of one image.

use std::sync::OnceLock;

use eyebar_network::{Base, Edit, Executor, Graph, Incremental, Value, ValueId};
use eyebar_tensor::Tensor;

use crate::error::ExplainError;
use crate::objective::Objective;
use crate::plan::{batch_size, f32_type, for_batches, may_be_batch, score_of};
use crate::progress::{Progress, report};

/// A network's forward pass up to an objective, planned for a batch size.
pub struct Scorer {
    /// From whole images to their scores; made ready when it is first needed.
    graph: Graph,
    executor: OnceLock<Executor>,
    input: ValueId,
    score: ValueId,
    /// Of a whole batch.
    shape: Vec<usize>,
    edits: Option<Edits>,
}

/// How edits of an image are scored without running all of the network.
struct Edits {
    incremental: Incremental,
    /// From the frontier to the score.
    rest: Executor,
    /// Edits that are followed at a time.
    together: usize,
    /// Edits whose rest runs at a time.
    batch: usize,
}

/// Edits whose rest runs at a time for every whole image that would: the weights of dense layers are read once for all.
const EDITS_PER_IMAGE: usize = 4;
/// Batches of edits that are put in order.
const BATCHES_IN_ORDER: usize = 8;

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
        let graph = &for_batches(graph, input);
        let plan = |batch: usize, edits: usize| {
            let shape: Vec<_> = std::iter::once(batch).chain(image[1..].iter().copied()).collect();
            let mut specialised = graph.specialise(&[(input, f32_type(&shape)?)], &[output])?;
            let score = score_of(&mut specialised, output, objective, &shape)?;
            let edits = Edits::new(graph, input, image, output, objective, (batch, edits))?;
            Ok(Self { graph: specialised, executor: OnceLock::new(), input, score, shape, edits })
        };
        let batch = batch_size(graph, input, batch);
        match plan(batch, batch * EDITS_PER_IMAGE) {
            Err(error) if may_be_batch(&error) => plan(1, 1),
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
        let executor = self.executor()?;
        let results = executor.run(&[(self.input, &input)])?;
        let scores = finite(&results, images.len());
        executor.recycle(results);
        scores
    }

    /// Scores of the images that `edits` make of `image`, each alone; what an edit does not reach is not computed again.
    /// `progress` counts them.
    ///
    /// # Errors
    /// As [`Scorer::scores`], when an edit does not lie inside the image, and when `progress` cancels.
    pub fn edited(
        &self,
        image: &Tensor,
        edits: impl ExactSizeIterator<Item = Edit>,
        progress: Progress<'_>,
    ) -> Result<Vec<f32>, ExplainError> {
        let count = edits.len();
        let mut scores = Vec::with_capacity(count);
        report(progress, 0, count)?;
        self.check_edits(image, &[])?;
        let base = self.edits.as_ref().map(|edits| edits.incremental.base(image)).transpose()?;
        // Made some at a time: all patches together may be far larger than the image.
        let mut edits = edits.peekable();
        while edits.peek().is_some() {
            let at_a_time = self.edits.as_ref().map_or(self.batch(), |edits| edits.batch * BATCHES_IN_ORDER);
            let some: Vec<_> = edits.by_ref().take(at_a_time).collect();
            self.check_edits(image, &some)?;
            match (&self.edits, &base) {
                (Some(planned), Some(base)) => {
                    let done = scores.len();
                    scores.resize(done + some.len(), 0.0);
                    planned.scores(base, &some, &mut scores[done..], &|more| report(progress, done + more, count))?;
                }
                _ => {
                    let images: Vec<_> = some.iter().map(|edit| apply(image, edit)).collect();
                    scores.extend(self.scores(&images.iter().map(Vec::as_slice).collect::<Vec<_>>())?);
                    report(progress, scores.len(), count)?;
                }
            }
        }
        Ok(scores)
    }

    fn check_edits(&self, image: &Tensor, edits: &[Edit]) -> Result<(), ExplainError> {
        let &[_, channels, height, width] = &self.shape[..] else {
            let expected = "an image [1, C, H, W]".to_owned();
            return Err(ExplainError::Input { found: image.shape().to_vec(), expected });
        };
        if image.shape() != self.image_shape() {
            let expected = format!("an image of {:?}", self.image_shape());
            return Err(ExplainError::Input { found: image.shape().to_vec(), expected });
        }
        for edit in edits {
            let inside = match edit.pixels.shape() {
                &[found, rows, columns] => {
                    found == channels
                        && edit.top.checked_add(rows).is_some_and(|end| end <= height)
                        && edit.left.checked_add(columns).is_some_and(|end| end <= width)
                }
                _ => false,
            };
            if !inside {
                let expected = format!("edits [{channels}, rows, columns] inside an image of {:?}", self.image_shape());
                return Err(ExplainError::Input { found: edit.pixels.shape().to_vec(), expected });
            }
        }
        Ok(())
    }

    fn executor(&self) -> Result<&Executor, ExplainError> {
        if let Some(executor) = self.executor.get() {
            return Ok(executor);
        }
        let executor = Executor::new(self.graph.clone(), &[self.score])?;
        Ok(self.executor.get_or_init(|| executor))
    }
}

impl Edits {
    /// `None` where edits save nothing.
    fn new(
        graph: &Graph,
        input: ValueId,
        image: &[usize],
        output: ValueId,
        objective: &dyn Objective,
        (together, batch): (usize, usize),
    ) -> Result<Option<Self>, ExplainError> {
        // The part of a side that a patch usually takes.
        const PART: usize = 9;
        let &[1, _, height, width] = image else { return Ok(None) };
        // A network made for one batch size only has no plan for one image.
        let Ok(one) = graph.specialise(&[(input, f32_type(image)?)], &[output]) else { return Ok(None) };
        let size = (height.div_ceil(PART), width.div_ceil(PART));
        let Some(incremental) = Incremental::new(&one, input, output, size, together)? else { return Ok(None) };
        let mut rest = incremental.rest(graph, output, batch)?;
        let shape: Vec<_> = std::iter::once(batch).chain(image[1..].iter().copied()).collect();
        let score = score_of(&mut rest, output, objective, &shape)?;
        Ok(Some(Self { incremental, rest: Executor::new(rest, &[score])?, together, batch }))
    }

    /// Scores of the images that `edits` make; `report` is told how many are done.
    fn scores(
        &self,
        base: &Base,
        edits: &[Edit],
        scores: &mut [f32],
        report: &dyn Fn(usize) -> Result<(), ExplainError>,
    ) -> Result<(), ExplainError> {
        // Edits of one size that reach as far, side by side.
        let mut order: Vec<_> = (0..edits.len()).collect();
        order
            .sort_by_cached_key(|&index| (edits[index].pixels.shape().to_vec(), self.incremental.reach(&edits[index])));
        for (batch, indices) in order.chunks(self.batch).enumerate() {
            let ordered: Vec<_> = indices.iter().map(|&index| &edits[index]).collect();
            let found = self.batch_scores(base, &ordered)?;
            indices.iter().zip(found).for_each(|(&index, score)| scores[index] = score);
            report(batch * self.batch + indices.len())?;
        }
        Ok(())
    }

    fn batch_scores(&self, base: &Base, edits: &[&Edit]) -> Result<Vec<f32>, ExplainError> {
        // What an incomplete batch lacks stays 0.
        let mut values: Vec<Vec<f32>> = vec![Vec::new(); self.incremental.frontier().len()];
        for alike in
            edits.chunk_by(|a, b| a.pixels.shape() == b.pixels.shape()).flat_map(|alike| alike.chunks(self.together))
        {
            let found = self.incremental.run(base, alike)?;
            for (all, value) in values.iter_mut().zip(&found) {
                all.extend_from_slice(value.as_f32().map_or(&[], Tensor::data));
            }
            self.incremental.recycle(found);
        }
        let graph = self.rest.graph();
        let inputs = self.incremental.frontier().iter().zip(values).map(|(&id, mut data)| {
            let shape = graph.shape(id);
            data.resize(shape.iter().product(), 0.0);
            let tensor = Tensor::new(shape, data).map_err(eyebar_network::OperatorError::from);
            tensor
                .map(|tensor| (id, Value::F32(tensor)))
                .map_err(|source| ExplainError::Build { value: graph.value(id).name.clone(), source })
        });
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let results = self.rest.run(&inputs.iter().map(|(id, value)| (*id, value)).collect::<Vec<_>>())?;
        let scores = finite(&results, edits.len());
        self.rest.recycle(results);
        scores
    }
}

/// The flat image, `[1, C, H, W]`, with an edit made; both of as many channels.
fn apply(image: &Tensor, edit: &Edit) -> Vec<f32> {
    let mut data = image.data().to_vec();
    let (&[_, _, height, width], &[_, rows, columns]) = (image.shape(), edit.pixels.shape()) else { return data };
    for (index, pixels) in edit.pixels.data().chunks_exact(columns.max(1)).enumerate() {
        let (channel, row) = (index / rows, edit.top + index % rows);
        data[(channel * height + row) * width + edit.left..][..columns].copy_from_slice(pixels);
    }
    data
}

/// The first `count` scores, all of which must be numbers.
fn finite(results: &[Value], count: usize) -> Result<Vec<f32>, ExplainError> {
    let scores = results[0].as_f32().map(|scores| scores.data()[..count].to_vec()).unwrap_or_default();
    match scores.iter().all(|score| score.is_finite()) {
        true => Ok(scores),
        false => Err(ExplainError::NotFinite { what: "a score".to_owned() }),
    }
}
