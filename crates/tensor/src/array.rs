//! The dense row-major array.

use crate::shape::{ShapeError, element_count};

/// A dense, row-major N-d array. A shape of `[]` is a scalar.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<T = f32> {
    shape: Vec<usize>,
    data: Vec<T>,
}

impl<T> Tensor<T> {
    /// Wraps `data`, which must fill `shape` exactly.
    ///
    /// # Errors
    /// When the shape is too large or does not hold `data.len()` elements.
    pub fn new(shape: &[usize], data: Vec<T>) -> Result<Self, ShapeError> {
        let expected = element_count(shape)?;
        if expected != data.len() {
            return Err(ShapeError::Mismatch { shape: shape.to_vec(), expected, found: data.len() });
        }
        Ok(Self { shape: shape.to_vec(), data })
    }

    /// Builds a tensor by calling `f` with each flat (row-major) index.
    ///
    /// # Panics
    /// When the shape is too large ([`element_count`]); for shapes that come from a file, check first.
    pub fn from_fn(shape: &[usize], f: impl FnMut(usize) -> T) -> Self {
        let count = element_count(shape).expect("shape within limits");
        Self { shape: shape.to_vec(), data: (0..count).map(f).collect() }
    }

    /// A one-dimensional tensor.
    pub fn vector(data: Vec<T>) -> Self {
        Self { shape: vec![data.len()], data }
    }

    /// A scalar, of shape `[]`.
    pub fn scalar(value: T) -> Self {
        Self { shape: Vec::new(), data: vec![value] }
    }

    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in row-major order.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The elements in row-major order, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The elements, leaving the shape behind.
    pub fn into_data(self) -> Vec<T> {
        self.data
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    /// When `shape` does not hold as many elements.
    pub fn reshape(self, shape: &[usize]) -> Result<Self, ShapeError> {
        Self::new(shape, self.data)
    }

    /// Applies `f` to every element.
    pub fn map<U>(&self, f: impl FnMut(&T) -> U) -> Tensor<U> {
        Tensor { shape: self.shape.clone(), data: self.data.iter().map(f).collect() }
    }
}

impl<T: Clone> Tensor<T> {
    /// A tensor filled with `value`.
    ///
    /// # Panics
    /// When the shape is too large ([`element_count`]); for shapes that come from a file, check first.
    pub fn full(shape: &[usize], value: T) -> Self {
        let count = element_count(shape).expect("shape within limits");
        Self { shape: shape.to_vec(), data: vec![value; count] }
    }
}

impl<T: Clone + Default> Tensor<T> {
    /// A tensor of zeros (of `T::default()`).
    ///
    /// # Panics
    /// As [`Tensor::full`].
    pub fn zeros(shape: &[usize]) -> Self {
        Self::full(shape, T::default())
    }
}
