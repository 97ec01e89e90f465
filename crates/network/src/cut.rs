//! Parts of a network, and networks with something before them.

use crate::error::{NetworkError, OperatorError};
use crate::graph::{Dimension, Graph, ValueId};
use crate::value::TensorType;

impl Graph {
    /// The part of the network that computes `outputs`, which become its outputs.
    #[must_use]
    pub fn cut(&self, outputs: &[ValueId]) -> Self {
        let mut graph = self.clone();
        let inputs = graph.inputs().to_vec();
        graph.keep(self.nodes().to_vec(), outputs.to_vec(), &inputs);
        graph
    }

    /// The same network fed another way: `build` computes `input`, of which it is no longer an input, of a new one called
    /// `name`. With `free_batch` the new input takes any number of images.
    ///
    /// # Errors
    /// When what `build` adds is refused, or computes a constant.
    pub fn fed_by(
        &self,
        input: ValueId,
        (name, kind): (&str, TensorType),
        free_batch: bool,
        build: impl FnOnce(&mut Self, ValueId) -> Result<ValueId, OperatorError>,
    ) -> Result<(Self, ValueId), NetworkError> {
        let mut graph = self.clone();
        graph.set_nodes(Vec::new());
        let fed = graph.add_input(&self.free_name(name), kind);
        let refuse = |source: OperatorError| NetworkError::Input {
            name: self.value(input).name.clone(),
            reason: format!("what comes before it is refused: {source}; hint: export it as it is"),
        };
        let made = build(&mut graph, fed).map_err(refuse)?;
        if made == fed || graph.value(made).constant.is_some() {
            return Err(refuse(OperatorError::Input("nothing is computed".to_owned())));
        }
        graph.stand_in(made, input);
        self.nodes().iter().for_each(|node| graph.push_node(node.clone()));
        let inputs = graph.inputs().iter().map(|&id| if id == input { fed } else { id });
        let mut inputs: Vec<_> = inputs.collect();
        inputs.pop();
        graph.set_inputs(inputs);
        if free_batch && let Some([batch, ..]) = graph.value_mut(fed).declared.as_deref_mut() {
            *batch = Dimension::Free("batch".to_owned());
        }
        let info = graph.value_mut(input);
        (info.declared, info.declared_dtype) = (None, None);
        Ok((graph, fed))
    }

    /// Has the inputs and outputs of a specialised network declare the types that they have in it.
    pub fn declare_types(&mut self) {
        for id in self.inputs().iter().chain(self.outputs()).copied().collect::<Vec<_>>() {
            let info = self.value_mut(id);
            if let Some(kind) = &info.kind {
                info.declared = Some(kind.shape.iter().map(|&size| Dimension::Fixed(size)).collect());
                info.declared_dtype = Some(kind.dtype);
            }
        }
    }

    /// Calls a value otherwise; where another has that name, something is added to it.
    pub fn rename(&mut self, id: ValueId, name: &str) {
        if self.value(id).name != name {
            let name = self.free_name(name);
            self.value_mut(id).name = name;
        }
    }

    /// A name that no value has, `name` if possible.
    fn free_name(&self, name: &str) -> String {
        let mut name = name.to_owned();
        while self.value_ids().any(|id| self.value(id).name == name) {
            name.push('_');
        }
        name
    }
}
