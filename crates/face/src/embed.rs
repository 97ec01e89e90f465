//! From an aligned crop to a template.

use std::sync::Arc;

use eyebar_imaging::{InputSpec, RgbImage};
use eyebar_network::{DataType, Executor, Graph, TensorType, Value, ValueId};
use rayon::prelude::*;

use crate::align::{SIDE, aligned};
use crate::error::FaceError;
use crate::landmarks::Landmarks;
use crate::model::only_input;
use crate::template::Template;

/// For errors.
const ROLE: &str = "face embedding";

/// A face recognition network such as SFace (Zhong and others 2021, *SFace: sigmoid-constrained hypersphere loss for
/// robust face recognition*): one aligned crop in, one embedding out. It may be shared by threads.
pub struct Embedder {
    plan: Executor,
    input: ValueId,
    spec: InputSpec,
    model: Arc<str>,
    dimension: usize,
}

impl std::fmt::Debug for Embedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedder")
            .field("model", &self.model)
            .field("dimension", &self.dimension)
            .finish_non_exhaustive()
    }
}

impl Embedder {
    /// Prepares a network with one image input, fed as `spec` says (crops of 112 × 112 are resized where it names
    /// another size), whose first output is the embedding. `model` names it and its version in every template.
    ///
    /// # Errors
    /// When the network does not take such an input, has several, or is not supported.
    pub fn new(graph: &Graph, spec: InputSpec, model: &str) -> Result<Self, FaceError> {
        let input = only_input(graph, ROLE)?;
        let &[output, ..] = graph.outputs() else {
            let reason = "it has no output; hint: export it again".to_owned();
            return Err(FaceError::Model { role: ROLE, reason });
        };
        let (width, height) = spec.size.unwrap_or((SIDE as usize, SIDE as usize));
        let kind = TensorType { dtype: DataType::F32, shape: spec.shape(1, width, height).to_vec() };
        let graph = graph.specialise(&[(input, kind)], &[output])?;
        let dimension = graph.shape(output).iter().product();
        let plan = Executor::new(graph, &[output])?;
        Ok(Self { plan, input, spec, model: model.into(), dimension })
    }

    /// The model's name in templates.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Number of values of a template.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// What the network is fed.
    pub fn input(&self) -> &InputSpec {
        &self.spec
    }

    /// The template of an aligned crop ([`aligned`]).
    ///
    /// # Errors
    /// When the network fails or its output has no direction.
    pub fn embed(&self, crop: &RgbImage) -> Result<Template, FaceError> {
        if crop.is_empty() {
            return Err(FaceError::EmptyImage);
        }
        let input = if self.spec.size.is_none() && crop.dimensions() != (SIDE, SIDE) {
            self.spec.tensor(&eyebar_imaging::resize::resize(crop, SIDE, SIDE))
        } else {
            self.spec.fitted_tensor(crop)
        };
        let values = self.plan.run(&[(self.input, &Value::from(input))])?;
        let template = match values.first().and_then(Value::as_f32) {
            Some(embedding) => Template::new(embedding.data(), Arc::clone(&self.model)),
            None => Err(FaceError::Embedding { reason: "the network's output is not f32".to_owned() }),
        };
        self.plan.recycle(values);
        template
    }

    /// The templates of several crops, on all cores; each is the same as [`Embedder::embed`] makes it.
    ///
    /// # Errors
    /// As [`Embedder::embed`], of the first crop that fails.
    pub fn embed_batch(&self, crops: &[RgbImage]) -> Result<Vec<Template>, FaceError> {
        let templates: Vec<_> = crops.par_iter().map(|crop| self.embed(crop)).collect();
        templates.into_iter().collect()
    }

    /// Aligns the face of a photograph and embeds it.
    ///
    /// # Errors
    /// As [`aligned`] and [`Embedder::embed`].
    pub fn embed_face(&self, image: &RgbImage, landmarks: &Landmarks) -> Result<Template, FaceError> {
        self.embed(&aligned(image, landmarks)?)
    }
}
