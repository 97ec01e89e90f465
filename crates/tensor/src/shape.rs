//! Shapes: checked element counts and strides.

/// Largest number of elements a tensor may hold (2³¹, 8 GiB of f32): a shape beyond it comes from a broken file.
pub const MAX_ELEMENTS: usize = 1 << 31;

/// Largest number of dimensions a tensor may have.
pub const MAX_RANK: usize = 12;

/// Why a shape was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The product of the dimensions overflows or exceeds [`MAX_ELEMENTS`].
    #[error("shape {shape:?} has more than {MAX_ELEMENTS} elements")]
    TooLarge {
        /// The refused shape.
        shape: Vec<usize>,
    },
    /// More dimensions than [`MAX_RANK`].
    #[error("{rank} dimensions are more than the {MAX_RANK} supported")]
    TooManyDimensions {
        /// Number of dimensions asked for.
        rank: usize,
    },
    /// The data does not fill the shape.
    #[error("shape {shape:?} holds {expected} elements, but there are {found}")]
    Mismatch {
        /// The shape.
        shape: Vec<usize>,
        /// Elements the shape holds.
        expected: usize,
        /// Elements found.
        found: usize,
    },
}

/// Number of elements of `shape`.
///
/// # Errors
/// When the product overflows or exceeds [`MAX_ELEMENTS`], or the rank exceeds [`MAX_RANK`].
pub fn element_count(shape: &[usize]) -> Result<usize, ShapeError> {
    if shape.len() > MAX_RANK {
        return Err(ShapeError::TooManyDimensions { rank: shape.len() });
    }
    // A zero anywhere makes the count zero, but its neighbours must still not overflow on their own.
    let product =
        shape.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim.max(1)).filter(|&n| n <= MAX_ELEMENTS));
    match product {
        Some(count) => Ok(if shape.contains(&0) { 0 } else { count }),
        None => Err(ShapeError::TooLarge { shape: shape.to_vec() }),
    }
}

/// Row-major strides of `shape`, in elements.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}
