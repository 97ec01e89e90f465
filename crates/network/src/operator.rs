//! The contract of an operator: types from types, values from values, gradient as nodes.

use std::any::Any;
use std::fmt::Debug;

use eyebar_tensor::Tensor;

use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{BlockedKernel, Layout, LocalKernel};
use crate::onnx::Attribute;
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// What is known of an input before anything runs.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Element type.
    pub dtype: DataType,
    /// Dimensions.
    pub shape: &'a [usize],
    /// The value itself, where it is constant.
    pub constant: Option<&'a Value>,
}

/// What is known of all the inputs of a node; optional inputs that are left out are `None`.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a>(pub &'a [Option<Input<'a>>]);

impl<'a> Inputs<'a> {
    /// Number of inputs, those left out included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no input.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Input `index`, if it is there.
    pub fn get(&self, index: usize) -> Option<Input<'a>> {
        self.0.get(index).copied().flatten()
    }

    /// Input `index`.
    ///
    /// # Errors
    /// When it is missing.
    pub fn require(&self, index: usize) -> Result<Input<'a>, OperatorError> {
        self.get(index).ok_or_else(|| OperatorError::Input(format!("{index} is missing")))
    }

    /// Input `index`, an f32 tensor.
    ///
    /// # Errors
    /// When it is missing or of another element type.
    pub fn f32(&self, index: usize) -> Result<Input<'a>, OperatorError> {
        let input = self.require(index)?;
        if input.dtype == DataType::F32 {
            Ok(input)
        } else {
            Err(OperatorError::Input(format!("{index} must be f32, not {}", input.dtype)))
        }
    }

    /// The integers of input `index` (axes, a shape), or `None` where it is left out.
    ///
    /// # Errors
    /// When it is not a constant, or not made of integers.
    pub fn constant_i64(&self, index: usize) -> Result<Option<Vec<i64>>, OperatorError> {
        let Some(input) = self.get(index) else { return Ok(None) };
        let value = input.constant.ok_or_else(|| {
            OperatorError::Unsupported(format!("input {index} computed from the data (it must be constant)"))
        })?;
        value
            .to_i64()
            .map(Some)
            .ok_or_else(|| OperatorError::Input(format!("{index} must hold integers, not {}", value.dtype())))
    }
}

/// The values of the inputs of a node at run time.
#[derive(Debug, Clone, Copy)]
pub struct Arguments<'a>(pub &'a [Option<&'a Value>]);

impl<'a> Arguments<'a> {
    /// Input `index`, if it is there.
    pub fn get(&self, index: usize) -> Option<&'a Value> {
        self.0.get(index).copied().flatten()
    }

    /// Input `index`.
    ///
    /// # Errors
    /// When it is missing.
    pub fn require(&self, index: usize) -> Result<&'a Value, OperatorError> {
        self.get(index).ok_or_else(|| OperatorError::Input(format!("{index} is missing")))
    }

    /// Input `index`, an f32 tensor.
    ///
    /// # Errors
    /// When it is missing or of another element type.
    pub fn f32(&self, index: usize) -> Result<&'a Tensor, OperatorError> {
        let value = self.require(index)?;
        value.as_f32().ok_or_else(|| OperatorError::Input(format!("{index} must be f32, not {}", value.dtype())))
    }

    /// Input `index`, an f32 tensor, or `None` where it is left out.
    ///
    /// # Errors
    /// When it is of another element type.
    pub fn optional_f32(&self, index: usize) -> Result<Option<&'a Tensor>, OperatorError> {
        if self.get(index).is_some() { self.f32(index).map(Some) } else { Ok(None) }
    }

    /// The integers of input `index`, or `None` where it is left out.
    ///
    /// # Errors
    /// When it is not made of integers.
    pub fn optional_i64(&self, index: usize) -> Result<Option<Vec<i64>>, OperatorError> {
        let Some(value) = self.get(index) else { return Ok(None) };
        value
            .to_i64()
            .map(Some)
            .ok_or_else(|| OperatorError::Input(format!("{index} must hold integers, not {}", value.dtype())))
    }

    /// The same arguments as [`Inputs`] whose values are all constant, so that `run` can share the checks of `infer`.
    pub fn with_inputs<R>(&self, f: impl FnOnce(Inputs<'_>) -> R) -> R {
        let inputs: Vec<_> = self
            .0
            .iter()
            .map(|value| value.map(|v| Input { dtype: v.dtype(), shape: v.shape(), constant: Some(v) }))
            .collect();
        f(Inputs(&inputs))
    }
}

/// A node's work with its constant inputs already packed.
pub trait Kernel: Send + Sync {
    /// As [`Operator::run`].
    ///
    /// # Errors
    /// As [`Operator::run`].
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError>;

    /// The algorithm, for people; empty where there is no choice.
    fn algorithm(&self) -> &'static str {
        ""
    }
}

/// One operator with its attributes. The same type serves reading, shape inference, execution, differentiation and
/// writing.
pub trait Operator: Debug + Send + Sync + Any {
    /// ONNX's name of the operator; operators of our own (gradients) are named in the same style.
    fn name(&self) -> &str;

    /// The domain of the operator: empty for ONNX's own.
    fn domain(&self) -> &str {
        ""
    }

    /// Types of the outputs. Every check of shapes and types belongs here: `run` is called only where `infer` said yes.
    ///
    /// # Errors
    /// When the inputs do not fit.
    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError>;

    /// Computes the outputs; every element of a buffer taken from `pool` must be written, it comes with stale contents.
    ///
    /// # Errors
    /// When the values (not the types, which `infer` has checked) make no sense, such as an index out of range.
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError>;

    /// The output, where it follows from the types alone (`Shape`).
    fn fold(&self, _inputs: Inputs<'_>) -> Option<Value> {
        None
    }

    /// Packs constant inputs once; `None` where there is nothing to gain.
    ///
    /// # Errors
    /// When the inputs do not fit.
    fn prepare(&self, _inputs: Inputs<'_>) -> Result<Option<Box<dyn Kernel>>, OperatorError> {
        Ok(None)
    }

    /// As [`Operator::prepare`] for blocked activations, given the layouts that the inputs have now; `None` where the
    /// operator wants everything dense. The kernel's one output is blocked.
    ///
    /// # Errors
    /// When the inputs do not fit.
    fn prepare_blocked(
        &self,
        _inputs: Inputs<'_>,
        _layouts: &[Layout],
    ) -> Result<Option<BlockedKernel>, OperatorError> {
        Ok(None)
    }

    /// As [`Operator::prepare_blocked`] for parts of images: `None` where an output depends on the whole image. The kernel is
    /// to be run on about `images` at a time.
    ///
    /// # Errors
    /// When the inputs do not fit.
    fn prepare_local(&self, _inputs: Inputs<'_>, _images: usize) -> Result<Option<LocalKernel>, OperatorError> {
        Ok(None)
    }

    /// Whether output 0 has the elements of input 0 in the same order under another shape, so that no copy is needed.
    fn is_view(&self) -> bool {
        false
    }

    /// Adds to `graph` the nodes that compute the gradient of a scalar L with respect to the inputs of `node`.
    ///
    /// `cotangents` holds ∂L/∂output for each output (`None` where it is zero); the result holds ∂L/∂input for each
    /// input, `None` where `wanted` is false or the gradient is zero. Types of all values of `node` are known.
    ///
    /// # Errors
    /// [`OperatorError::NotDifferentiable`] unless implemented.
    fn gradient(
        &self,
        _graph: &mut Graph,
        _node: &Node,
        _cotangents: &[Option<ValueId>],
        _wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        Err(OperatorError::NotDifferentiable)
    }

    /// For an operator of our own: adds nodes of ONNX's operators that compute its one output to `graph`, and returns it.
    ///
    /// # Errors
    /// When there is no such form.
    fn standard(&self, _graph: &mut Graph, _node: &Node) -> Result<ValueId, OperatorError> {
        Err(OperatorError::NotStandard)
    }

    /// The attributes as ONNX (the opset that [`crate::onnx::WRITTEN_OPSET`] names) writes them.
    fn attributes(&self) -> Vec<Attribute> {
        Vec::new()
    }

    /// Bytes of weights that the operator holds itself, not as inputs.
    fn weight_bytes(&self) -> u64 {
        0
    }

    /// Most bytes that the operator's constants take once they are packed, at a guess from above.
    fn packed_bytes(&self, _inputs: Inputs<'_>) -> usize {
        0
    }

    /// Multiply-adds of one run, for `inspect`; 0 for operators without matrix arithmetic.
    fn multiply_adds(&self, _inputs: Inputs<'_>) -> u64 {
        0
    }
}
