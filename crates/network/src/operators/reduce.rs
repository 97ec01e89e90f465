//! `ReduceSum`, `ReduceMean`, `ReduceMax`, `ReduceMin`, `ReduceL2`: one number for the elements along some axes.

use eyebar_tensor::Tensor;
use eyebar_tensor::elementwise::broadcast;
use eyebar_tensor::reduce::{Reduction, reduce};

use super::axes::{axis_indices, sizes_constant};
use super::binary::Binary;
use super::broadcast::expand_to;
use super::forms::Forms;
use super::reshape::reshape;
use super::variadic::Variadic;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    L2,
    Max,
    Mean,
    Min,
    Sum,
}

/// Reduces over the axes that input 1 lists (all, where it is left out).
#[derive(Debug, Clone, Copy)]
pub struct Reduce {
    kind: Kind,
    /// Reduced axes stay, with length 1.
    keep: bool,
    /// No axes listed: nothing is reduced, instead of everything.
    none_is_none: bool,
}

impl Reduce {
    /// The sum; reduced axes stay with length 1 where `keep`.
    pub fn sum(keep: bool) -> Self {
        Self { kind: Kind::Sum, keep, none_is_none: false }
    }

    /// The mean.
    pub fn mean(keep: bool) -> Self {
        Self { kind: Kind::Mean, keep, none_is_none: false }
    }

    /// The largest; its gradient is shared by what ties.
    pub fn max(keep: bool) -> Self {
        Self { kind: Kind::Max, keep, none_is_none: false }
    }

    /// The Euclidean norm; its gradient at zero is zero.
    pub fn l2(keep: bool) -> Self {
        Self { kind: Kind::L2, keep, none_is_none: false }
    }

    /// Adds this reduction of `value` over `axes` to a graph.
    ///
    /// # Errors
    /// When an axis does not exist.
    pub fn add(self, graph: &mut Graph, value: ValueId, axes: &[usize]) -> Result<ValueId, OperatorError> {
        let axes = graph.add_constant(sizes_constant(axes));
        graph.apply(self, &[value, axes])
    }

    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let kind = match node.operator() {
            "ReduceL2" => Kind::L2,
            "ReduceMax" => Kind::Max,
            "ReduceMean" => Kind::Mean,
            "ReduceMin" => Kind::Min,
            "ReduceSum" => Kind::Sum,
            other => return Err(OperatorError::Unsupported(format!("operator {other}"))),
        };
        Ok(Self { kind, keep: node.flag("keepdims", true), none_is_none: node.flag("noop_with_empty_axes", false) })
    }

    /// For each axis whether it is reduced.
    fn reduced(self, inputs: Inputs<'_>) -> Result<Vec<bool>, OperatorError> {
        let rank = inputs.f32(0)?.shape.len();
        let axes = inputs.constant_i64(1)?.unwrap_or_default();
        let axes = axis_indices(&axes, rank)?;
        let all = axes.is_empty() && !self.none_is_none;
        Ok((0..rank).map(|axis| all || axes.contains(&axis)).collect())
    }
}

/// `shape` with the reduced axes at length 1.
fn kept_shape(shape: &[usize], reduced: &[bool]) -> Vec<usize> {
    shape.iter().zip(reduced).map(|(&dim, &reduced)| if reduced { 1 } else { dim }).collect()
}

/// Number of elements that fall together.
fn group_size(shape: &[usize], reduced: &[bool]) -> usize {
    shape.iter().zip(reduced).filter(|&(_, &reduced)| reduced).map(|(&dim, _)| dim).product()
}

impl Operator for Reduce {
    fn name(&self) -> &str {
        match self.kind {
            Kind::L2 => "ReduceL2",
            Kind::Max => "ReduceMax",
            Kind::Mean => "ReduceMean",
            Kind::Min => "ReduceMin",
            Kind::Sum => "ReduceSum",
        }
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let shape = inputs.f32(0)?.shape;
        let reduced = self.reduced(inputs)?;
        let shape = if self.keep {
            kept_shape(shape, &reduced)
        } else {
            shape.iter().zip(&reduced).filter(|&(_, &reduced)| !reduced).map(|(&dim, _)| dim).collect()
        };
        Ok(vec![TensorType::new(DataType::F32, shape)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let x = arguments.f32(0)?;
        let (kind, reduced) =
            arguments.with_inputs(|inputs| Ok::<_, OperatorError>((self.infer(inputs)?, self.reduced(inputs)?)))?;
        let mut out = pool.take(&kind[0].shape);
        if !reduced.contains(&true) {
            out.data_mut().copy_from_slice(x.data());
            return Ok(vec![out.into()]);
        }
        let reduction = match self.kind {
            Kind::L2 => Reduction::SumOfSquares,
            Kind::Max => Reduction::Max,
            Kind::Min => Reduction::Min,
            Kind::Mean | Kind::Sum => Reduction::Sum,
        };
        reduce(x.data(), x.shape(), &reduced, out.data_mut(), reduction);
        let count = group_size(x.shape(), &reduced) as f32;
        match self.kind {
            Kind::L2 => out.data_mut().iter_mut().for_each(|out| *out = out.sqrt()),
            Kind::Mean => out.data_mut().iter_mut().for_each(|out| *out /= count),
            Kind::Max | Kind::Min | Kind::Sum => {}
        }
        Ok(vec![out.into()])
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let mut gradients = vec![None; node.inputs.len()];
        let (Some(dy), true) = (cotangents[0], wanted[0]) else { return Ok(gradients) };
        let (x, y) = (node.input(0)?, node.output(0)?);
        let shape = graph.shape(x).to_vec();
        let reduced = graph.with_inputs(&node.inputs, |inputs| self.reduced(inputs))??;
        if !reduced.contains(&true) {
            gradients[0] = Some(dy);
            return Ok(gradients);
        }
        let kept = kept_shape(&shape, &reduced);
        let dy = reshape(graph, dy, &kept)?;
        gradients[0] = Some(match self.kind {
            Kind::Sum => expand_to(graph, dy, &shape)?,
            Kind::Mean => {
                let share = graph.add_constant(Tensor::scalar(1.0 / group_size(&shape, &reduced) as f32));
                let scaled = graph.apply(Binary::Mul, &[dy, share])?;
                expand_to(graph, scaled, &shape)?
            }
            Kind::L2 => {
                // Below the smallest norm x is zero, and so is the gradient.
                let smallest = graph.add_constant(Tensor::scalar(1e-30f32));
                let y = reshape(graph, y, &kept)?;
                let norm = graph.apply(Variadic::Max, &[y, smallest])?;
                let factor = graph.apply(Binary::Div, &[dy, norm])?;
                graph.apply(Binary::Mul, &[x, factor])?
            }
            Kind::Max | Kind::Min => {
                let y = reshape(graph, y, &kept)?;
                graph.apply(ExtremumGrad, &[dy, x, y])?
            }
        });
        Ok(gradients)
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = vec![Attribute::int("keepdims", self.keep.into())];
        if self.none_is_none {
            attributes.push(Attribute::int("noop_with_empty_axes", 1));
        }
        attributes
    }
}

/// The gradient of `ReduceMax` and `ReduceMin`: inputs are dy, x and y, with dy and y of length 1 along the reduced
/// axes. Elements that tie share equally.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExtremumGrad;

impl Operator for ExtremumGrad {
    fn name(&self) -> &str {
        "ReduceExtremumGrad"
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (dy, x, y) = (inputs.f32(0)?, inputs.f32(1)?, inputs.f32(2)?);
        let fits = dy.shape == y.shape
            && y.shape.len() == x.shape.len()
            && y.shape.iter().zip(x.shape).all(|(&y, &x)| y == x || y == 1);
        if !fits {
            return Err(OperatorError::Shape(format!("{:?} is no reduction of {:?}", y.shape, x.shape)));
        }
        Ok(vec![TensorType::new(DataType::F32, x.shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (dy, x, y) = (arguments.f32(0)?, arguments.f32(1)?, arguments.f32(2)?);
        let shape = x.shape();
        let reduced: Vec<_> = shape.iter().zip(y.shape()).map(|(x, y)| x != y).collect();
        let mut mask = pool.take(shape);
        let (x, extremum) = ((x.data(), shape), (y.data(), y.shape()));
        broadcast(x, extremum, mask.data_mut(), shape, |x, y| f32::from(u8::from(x == y)));
        let mut share = pool.take(y.shape());
        reduce(mask.data(), shape, &reduced, share.data_mut(), Reduction::Sum);
        for (share, dy) in share.data_mut().iter_mut().zip(dy.data()) {
            *share = dy / *share;
        }
        let mut dx = pool.take(shape);
        let (mask_in, share_in) = ((mask.data(), shape), (share.data(), share.shape()));
        broadcast(mask_in, share_in, dx.data_mut(), shape, |mask, share| if mask == 0.0 { 0.0 } else { share });
        pool.give(mask.into());
        pool.give(share.into());
        Ok(vec![dx.into()])
    }

    fn standard(&self, graph: &mut Graph, node: &Node) -> Result<ValueId, OperatorError> {
        let (dy, x, y) = (node.input(0)?, node.input(1)?, node.input(2)?);
        let (shape, kept) = (graph.shape(x).to_vec(), graph.shape(y).to_vec());
        let ties = Forms::like(graph, x).equality(x, y)?;
        let reduced: Vec<_> = (0..shape.len()).filter(|&axis| shape[axis] != kept[axis]).collect();
        let count = Reduce::sum(true).add(graph, ties, &reduced)?;
        let share = graph.apply(Binary::Div, &[dy, count])?;
        graph.apply(Binary::Mul, &[ties, share])
    }
}
