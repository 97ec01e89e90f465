//! The nodes that explanations add to a graph.

use std::ops::Range;

use eyebar_network::operators::{Binary, Gather, Reduce, Reshaping, Slice, Variadic};
use eyebar_network::{Graph, OperatorError, Value, ValueId};
use eyebar_tensor::Tensor;

use crate::error::ExplainError;

/// Adds nodes on behalf of the value that is explained, whose name goes into errors.
pub(crate) struct Builder<'a> {
    pub(crate) graph: &'a mut Graph,
    explained: String,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(graph: &'a mut Graph, explained: ValueId) -> Self {
        let explained = graph.value(explained).name.clone();
        Self { graph, explained }
    }

    pub(crate) fn constant(&mut self, shape: &[usize], data: Vec<f32>) -> Result<ValueId, ExplainError> {
        let tensor = Tensor::new(shape, data);
        self.named(tensor.map_err(OperatorError::from)).map(|tensor| self.graph.add_constant(tensor))
    }

    pub(crate) fn mul(&mut self, a: ValueId, b: ValueId) -> Result<ValueId, ExplainError> {
        self.binary(Binary::Mul, a, b)
    }

    pub(crate) fn div(&mut self, a: ValueId, b: ValueId) -> Result<ValueId, ExplainError> {
        self.binary(Binary::Div, a, b)
    }

    pub(crate) fn add(&mut self, a: ValueId, b: ValueId) -> Result<ValueId, ExplainError> {
        self.binary(Binary::Add, a, b)
    }

    /// max(x, 0).
    pub(crate) fn rectify(&mut self, x: ValueId) -> Result<ValueId, ExplainError> {
        let zero = self.constant(&[], vec![0.0])?;
        let result = self.graph.apply(Variadic::Max, &[x, zero]);
        self.named(result)
    }

    /// The same elements under another shape.
    pub(crate) fn reshape(&mut self, x: ValueId, shape: &[usize]) -> Result<ValueId, ExplainError> {
        if self.graph.shape(x) == shape {
            return Ok(x);
        }
        let sizes = Tensor::vector(shape.iter().map(|&size| size as i64).collect());
        let sizes = self.graph.add_constant(Value::I64(sizes));
        let result = self.graph.apply(Reshaping::reshape(), &[x, sizes]);
        self.named(result)
    }

    /// Picks entries of the first axis by their places.
    pub(crate) fn gather(&mut self, x: ValueId, places: ValueId) -> Result<ValueId, ExplainError> {
        let result = self.graph.apply(Gather::new(0), &[x, places]);
        self.named(result)
    }

    /// The cells within these ranges of some axes.
    pub(crate) fn crop(&mut self, x: ValueId, ranges: &[(usize, Range<usize>)]) -> Result<ValueId, ExplainError> {
        let mut list = |places: Vec<usize>| {
            let places = places.into_iter().map(|place| place as i64).collect();
            self.graph.add_constant(Value::I64(Tensor::vector(places)))
        };
        let starts = list(ranges.iter().map(|(_, range)| range.start).collect());
        let ends = list(ranges.iter().map(|(_, range)| range.end).collect());
        let axes = list(ranges.iter().map(|(axis, _)| *axis).collect());
        let result = self.graph.apply(Slice, &[x, starts, ends, axes]);
        self.named(result)
    }

    /// Reduces over `axes`.
    pub(crate) fn reduce(&mut self, how: Reduce, x: ValueId, axes: &[usize]) -> Result<ValueId, ExplainError> {
        let result = how.add(self.graph, x, axes);
        self.named(result)
    }

    fn binary(&mut self, operator: Binary, a: ValueId, b: ValueId) -> Result<ValueId, ExplainError> {
        let result = self.graph.apply(operator, &[a, b]);
        self.named(result)
    }

    fn named<T>(&self, result: Result<T, OperatorError>) -> Result<T, ExplainError> {
        result.map_err(|source| ExplainError::Build { value: self.explained.clone(), source })
    }
}
