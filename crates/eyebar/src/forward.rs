//! A forward pass that is planned once and run for many inputs.

use eyebar_network::{DataType, Executor, Graph, TensorType, Value, ValueId};
use eyebar_tensor::Tensor;

use crate::error::Error;
use crate::model::{Model, in_model};

/// A model planned up to some layers, for inputs of one shape.
pub(crate) struct Forward {
    executor: Executor,
    input: ValueId,
    model: String,
    /// Names of the layers, for errors.
    layers: Vec<String>,
}

impl Forward {
    /// Plans the values of `outputs` for inputs of `shape`, the input's own layout.
    ///
    /// # Errors
    /// When the model refuses the shape.
    pub(crate) fn new(model: &Model, shape: &[usize], outputs: &[ValueId]) -> Result<Self, Error> {
        Self::of_graph(model, model.graph(), shape, outputs)
    }

    /// As [`Forward::new`], of a graph that `model` was turned into.
    ///
    /// # Errors
    /// As [`Forward::new`].
    pub(crate) fn of_graph(model: &Model, graph: &Graph, shape: &[usize], outputs: &[ValueId]) -> Result<Self, Error> {
        let refuse = |source| in_model(model.name(), source);
        let kind = TensorType { dtype: DataType::F32, shape: shape.to_vec() };
        let graph = graph.specialise(&[(model.input(), kind)], outputs).map_err(refuse)?;
        Ok(Self {
            executor: Executor::new(graph, outputs).map_err(refuse)?,
            input: model.input(),
            model: model.name().to_owned(),
            layers: outputs.iter().map(|&id| model.graph().value(id).name.clone()).collect(),
        })
    }

    /// The layers' values for one input.
    ///
    /// # Errors
    /// When the network fails, or a layer holds no f32.
    pub(crate) fn run(&self, input: &Tensor) -> Result<Vec<Tensor>, Error> {
        let input = Value::F32(input.clone());
        let values = self.executor.run(&[(self.input, &input)]).map_err(|source| in_model(&self.model, source))?;
        let named = values.into_iter().zip(&self.layers);
        let tensors = named.map(|(value, name)| {
            let dtype = value.dtype();
            value.into_f32().ok_or_else(|| {
                Error::Usage(format!("{name:?} holds {dtype}, not f32; hint: choose a layer of activations"))
            })
        });
        tensors.collect()
    }
}
