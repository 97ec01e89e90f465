//! Operators that keep the elements and their order: `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze`, `Identity`,
//! `Dropout`.

use eyebar_tensor::Tensor;

use super::axes::{axis_index, axis_indices, require_i64, sizes_constant};
use super::element::Element;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::map_tensor;
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// An operator whose output has the elements of its input in the same order.
#[derive(Debug, Clone, Copy)]
pub struct Reshaping(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Reshape { allow_zero: bool },
    Flatten { axis: i64 },
    Squeeze,
    Unsqueeze,
    Identity,
    Dropout { mask: bool },
}

impl Reshaping {
    /// `Reshape` to the shape of input 1.
    pub fn reshape() -> Self {
        Self(Kind::Reshape { allow_zero: true })
    }

    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        Ok(Self(match node.operator() {
            "Reshape" => Kind::Reshape { allow_zero: node.flag("allowzero", false) },
            "Flatten" => Kind::Flatten { axis: node.int("axis").unwrap_or(1) },
            "Squeeze" => Kind::Squeeze,
            "Unsqueeze" => Kind::Unsqueeze,
            "Identity" => Kind::Identity,
            "Dropout" => Kind::Dropout { mask: node.output_count() > 1 },
            other => return Err(OperatorError::Unsupported(format!("operator {other}"))),
        }))
    }

    /// Shape of the output.
    fn target(&self, inputs: Inputs<'_>) -> Result<Vec<usize>, OperatorError> {
        let shape = inputs.require(0)?.shape;
        match &self.0 {
            Kind::Reshape { allow_zero } => reshaped(shape, &require_i64(inputs, 1)?, *allow_zero),
            Kind::Flatten { axis } => {
                let rank = shape.len();
                // The axis may lie one behind the last.
                let axis = if *axis == rank as i64 { rank } else { axis_index(*axis, rank)? };
                Ok(vec![product(&shape[..axis])?, product(&shape[axis..])?])
            }
            Kind::Squeeze => {
                let axes = match inputs.constant_i64(1)? {
                    Some(axes) => axis_indices(&axes, shape.len())?,
                    None => (0..shape.len()).filter(|&axis| shape[axis] == 1).collect(),
                };
                if let Some(&axis) = axes.iter().find(|&&axis| shape[axis] != 1) {
                    return Err(OperatorError::Shape(format!("axis {axis} of {shape:?} is not 1 long")));
                }
                Ok((0..shape.len()).filter(|axis| !axes.contains(axis)).map(|axis| shape[axis]).collect())
            }
            Kind::Unsqueeze => {
                let axes = require_i64(inputs, 1)?;
                let rank = shape.len() + axes.len();
                let axes = axis_indices(&axes, rank)?;
                let mut rest = shape.iter().copied();
                Ok((0..rank).map(|axis| if axes.contains(&axis) { 1 } else { rest.next().unwrap_or(1) }).collect())
            }
            Kind::Identity => Ok(shape.to_vec()),
            Kind::Dropout { .. } => {
                let training = match inputs.get(2) {
                    None => false,
                    Some(input) => match input.constant {
                        Some(Value::Bool(training)) => training.data().contains(&true),
                        _ => true,
                    },
                };
                if training {
                    return Err(OperatorError::Unsupported("Dropout in training mode".to_owned()));
                }
                Ok(shape.to_vec())
            }
        }
    }
}

fn product(dims: &[usize]) -> Result<usize, OperatorError> {
    Ok(eyebar_tensor::element_count(dims)?)
}

/// ONNX's `Reshape`: 0 keeps a dimension (unless `allow_zero`), one −1 takes what is left.
fn reshaped(shape: &[usize], target: &[i64], allow_zero: bool) -> Result<Vec<usize>, OperatorError> {
    let refuse = || OperatorError::Shape(format!("{shape:?} cannot be reshaped to {target:?}"));
    let mut dims = Vec::with_capacity(target.len());
    let mut free = None;
    for (axis, &dim) in target.iter().enumerate() {
        dims.push(match dim {
            -1 if free.is_none() => {
                free = Some(axis);
                1
            }
            0 if !allow_zero => *shape.get(axis).ok_or_else(refuse)?,
            dim => usize::try_from(dim).map_err(|_| refuse())?,
        });
    }
    let (count, known) = (product(shape)?, product(&dims)?);
    if let Some(axis) = free {
        // What is left of nothing is undetermined; ONNX Runtime makes it 0.
        dims[axis] = count.checked_div(known).unwrap_or(0);
    }
    if product(&dims)? == count { Ok(dims) } else { Err(refuse()) }
}

impl Operator for Reshaping {
    fn name(&self) -> &str {
        match self.0 {
            Kind::Reshape { .. } => "Reshape",
            Kind::Flatten { .. } => "Flatten",
            Kind::Squeeze => "Squeeze",
            Kind::Unsqueeze => "Unsqueeze",
            Kind::Identity => "Identity",
            Kind::Dropout { .. } => "Dropout",
        }
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let output = TensorType::new(inputs.require(0)?.dtype, self.target(inputs)?)?;
        let mask = matches!(self.0, Kind::Dropout { mask: true })
            .then(|| TensorType { dtype: DataType::Bool, shape: output.shape.clone() });
        Ok(std::iter::once(output).chain(mask).collect())
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let shape = arguments.with_inputs(|inputs| self.target(inputs))?;
        let output = map_tensor!(arguments.require(0)?, t => {
            let mut out = Element::take(pool, &shape);
            out.data_mut().copy_from_slice(t.data());
            out
        });
        let mask = matches!(self.0, Kind::Dropout { mask: true }).then(|| Value::Bool(Tensor::full(&shape, true)));
        Ok(std::iter::once(output).chain(mask).collect())
    }

    fn is_view(&self) -> bool {
        !matches!(self.0, Kind::Dropout { mask: true })
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let mut gradients = vec![None; wanted.len()];
        if let (Some(cotangent), true) = (cotangents[0], wanted[0]) {
            let shape = graph.shape(node.input(0)?).to_vec();
            gradients[0] = Some(reshape(graph, cotangent, &shape)?);
        }
        Ok(gradients)
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self.0 {
            Kind::Reshape { allow_zero: true } => vec![Attribute::int("allowzero", 1)],
            Kind::Flatten { axis } => vec![Attribute::int("axis", axis)],
            _ => Vec::new(),
        }
    }
}

/// Adds a `Reshape` to a known shape, unless the value has it already.
pub(super) fn reshape(graph: &mut Graph, value: ValueId, shape: &[usize]) -> Result<ValueId, OperatorError> {
    if graph.shape(value) == shape {
        return Ok(value);
    }
    let target = graph.add_constant(sizes_constant(shape));
    graph.apply(Reshaping::reshape(), &[value, target])
}

#[cfg(test)]
mod tests {
    use super::reshaped;

    #[test]
    fn zero_keeps_and_minus_one_takes_the_rest() {
        assert_eq!(reshaped(&[2, 3, 4], &[0, -1], false), Ok(vec![2, 12]));
        assert_eq!(reshaped(&[2, 0, 4], &[0, 4, 3], true), Ok(vec![0, 4, 3]));
        assert_eq!(reshaped(&[1, 1], &[], false), Ok(vec![]));
        for target in [[-1, -1], [5, -1], [-2, 12], [i64::MAX, i64::MAX], [7, 0]] {
            assert!(reshaped(&[2, 3, 4], &target, false).is_err(), "{target:?}");
        }
    }
}
