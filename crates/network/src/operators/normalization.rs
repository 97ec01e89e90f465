//! `LayerNormalization` (Ba et al. 2016) and `InstanceNormalization` (Ulyanov et al. 2016): rows brought to mean zero
//! and variance one.

use eyebar_tensor::Tensor;
use eyebar_tensor::reduce::row_sum;
use eyebar_tensor::team;

use super::axes::axis_index;
use super::batch_normalization::channels;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Rows are one channel of one image; scale and bias are `[C]`.
    Instance,
    /// Rows are all axes from `axis` on; scale and bias have their shape.
    Layer { axis: i64 },
}

/// out = (x − mean) / √(variance + ε) · scale + bias with the statistics of each row. Input 1 is the scale, 2 the bias.
#[derive(Debug, Clone, Copy)]
pub(super) struct Normalization {
    kind: Kind,
    epsilon: f32,
    /// Number of outputs: `LayerNormalization` also gives the rows' means and 1/√(variance + ε), if asked.
    outputs: usize,
}

/// The extent of a row, and where its scale and bias lie.
struct Rows {
    length: usize,
    /// Number of channels, where a row has one scale and one bias.
    channels: Option<usize>,
}

impl Rows {
    /// Scale (or bias) of element `index` of a row.
    fn parameter<'a>(&self, row: usize, parameters: &'a [f32]) -> impl Fn(usize) -> f32 + use<'a> {
        let channel = self.channels.map(|channels| row % channels);
        move |index| parameters[channel.unwrap_or(index)]
    }

    fn tasks(&self) -> usize {
        (1 << 14) / self.length.max(1) + 1
    }
}

/// Mean and 1/√(variance + ε).
fn statistics(row: &[f32], epsilon: f32) -> (f32, f32) {
    let count = row.len() as f64;
    let mean = (row_sum(row, |x| x) / count) as f32;
    let variance = row_sum(row, |x| (x - mean) * (x - mean)) / count;
    (mean, (1.0 / (variance + f64::from(epsilon)).sqrt()) as f32)
}

impl Normalization {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        Self::of_name(node.operator(), node)
    }

    fn of_name(name: &str, node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let kind = match name {
            "InstanceNormalization" => Kind::Instance,
            "LayerNormalization" => Kind::Layer { axis: node.int("axis").unwrap_or(-1) },
            other => return Err(OperatorError::Unsupported(format!("operator {other}"))),
        };
        let outputs = node.output_count();
        if outputs > if kind == Kind::Instance { 1 } else { 3 } {
            return Err(OperatorError::Attribute(format!("{outputs} outputs are too many")));
        }
        Ok(Self { kind, epsilon: node.float("epsilon").unwrap_or(1e-5), outputs })
    }

    /// The rows of an input of `shape`, and the shape of scale and bias.
    fn rows(self, shape: &[usize]) -> Result<(Rows, Vec<usize>), OperatorError> {
        Ok(match self.kind {
            Kind::Instance => {
                let channels = channels(shape)?;
                (Rows { length: shape[2..].iter().product(), channels: Some(channels) }, vec![channels])
            }
            Kind::Layer { axis } => {
                let row = &shape[axis_index(axis, shape.len())?..];
                (Rows { length: row.iter().product(), channels: None }, row.to_vec())
            }
        })
    }

    /// Shape of the statistics of all rows of an input of `shape`.
    fn statistics_shape(self, shape: &[usize]) -> Result<Vec<usize>, OperatorError> {
        let mut reduced = shape.to_vec();
        if let Kind::Layer { axis } = self.kind {
            reduced[axis_index(axis, shape.len())?..].fill(1);
        }
        Ok(reduced)
    }

    /// Means and 1/√(variance + ε) of all rows.
    fn row_statistics(self, x: &Tensor, rows: &Rows) -> Result<[Value; 2], OperatorError> {
        let shape = self.statistics_shape(x.shape())?;
        let (mut means, mut inverses) = (Tensor::zeros(&shape), Tensor::zeros(&shape));
        let places = means.data_mut().iter_mut().zip(inverses.data_mut());
        for ((mean, inverse), row) in places.zip(x.data().chunks(rows.length.max(1))) {
            (*mean, *inverse) = statistics(row, self.epsilon);
        }
        Ok([means.into(), inverses.into()])
    }

    fn check(self, shape: &[usize], parameters: &[(usize, &[usize])]) -> Result<(), OperatorError> {
        let (_, expected) = self.rows(shape)?;
        match parameters.iter().find(|(_, found)| *found != expected) {
            Some((index, found)) => {
                Err(OperatorError::Shape(format!("input {index} is {found:?}, {expected:?} expected")))
            }
            None => Ok(()),
        }
    }
}

impl Operator for Normalization {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Instance => "InstanceNormalization",
            Kind::Layer { .. } => "LayerNormalization",
        }
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let shape = inputs.f32(0)?.shape;
        let mut parameters = vec![(1, inputs.f32(1)?.shape)];
        if self.kind == Kind::Instance || inputs.get(2).is_some() {
            parameters.push((2, inputs.f32(2)?.shape));
        }
        self.check(shape, &parameters)?;
        let mut types = vec![TensorType::new(DataType::F32, shape.to_vec())?];
        types.resize(self.outputs.max(1), TensorType::new(DataType::F32, self.statistics_shape(shape)?)?);
        Ok(types)
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (x, scale) = (arguments.f32(0)?, arguments.f32(1)?.data());
        let bias = arguments.optional_f32(2)?.map(Tensor::data);
        let (rows, _) = self.rows(x.shape())?;
        let mut out = pool.take(x.shape());
        let mut others = Vec::new();
        if self.outputs > 1 {
            others.extend(self.row_statistics(x, &rows)?);
        }
        let length = rows.length.max(1);
        team::each_chunk(out.data_mut(), length, rows.tasks(), |index, out| {
            let x = &x.data()[index * length..][..out.len()];
            let (mean, inverse) = statistics(x, self.epsilon);
            let scale = rows.parameter(index, scale);
            for (i, (out, &x)) in out.iter_mut().zip(x).enumerate() {
                *out = (x - mean) * inverse * scale(i);
            }
            if let Some(bias) = bias {
                let bias = rows.parameter(index, bias);
                out.iter_mut().enumerate().for_each(|(i, out)| *out += bias(i));
            }
        });
        Ok(std::iter::once(out.into()).chain(others).take(self.outputs.max(1)).collect())
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let mut gradients = vec![None; node.inputs.len()];
        if cotangents[1..].iter().any(Option::is_some) {
            return Err(OperatorError::Unsupported("the gradient of a mean or a deviation".to_owned()));
        }
        let Some(dy) = cotangents[0] else { return Ok(gradients) };
        if wanted[1..].contains(&true) {
            return Err(OperatorError::Unsupported("the gradient of parameters computed from the data".to_owned()));
        }
        gradients[0] = Some(graph.apply(NormalizationGrad(*self), &[dy, node.input(0)?, node.input(1)?])?);
        Ok(gradients)
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = vec![Attribute::float("epsilon", self.epsilon)];
        if let Kind::Layer { axis } = self.kind {
            attributes.push(Attribute::int("axis", axis));
        }
        attributes
    }
}

/// With g = dy · scale, x̂ the normalised row and σ⁻¹ = 1/√(variance + ε): dx = σ⁻¹ (g − mean(g) − x̂ mean(g x̂)).
/// Inputs are dy, x and scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct NormalizationGrad(Normalization);

impl NormalizationGrad {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        Normalization::of_name(node.operator().strip_suffix("Grad").unwrap_or_default(), node).map(Self)
    }
}

impl Operator for NormalizationGrad {
    fn name(&self) -> &str {
        match self.0.kind {
            Kind::Instance => "InstanceNormalizationGrad",
            Kind::Layer { .. } => "LayerNormalizationGrad",
        }
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (dy, x, scale) = (inputs.f32(0)?, inputs.f32(1)?, inputs.f32(2)?);
        if dy.shape != x.shape {
            return Err(OperatorError::Shape(format!("{:?} and {:?} differ", dy.shape, x.shape)));
        }
        self.0.check(x.shape, &[(2, scale.shape)])?;
        Ok(vec![TensorType::new(DataType::F32, x.shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (dy, x, scale) = (arguments.f32(0)?, arguments.f32(1)?, arguments.f32(2)?.data());
        let (rows, _) = self.0.rows(x.shape())?;
        let mut dx = pool.take(x.shape());
        if x.is_empty() {
            return Ok(vec![dx.into()]);
        }
        team::each_chunk(dx.data_mut(), rows.length, rows.tasks(), |index, dx| {
            let [dy, x] = [&dy, &x].map(|tensor| &tensor.data()[index * rows.length..][..dx.len()]);
            let (mean, inverse) = statistics(x, self.0.epsilon);
            let scale = rows.parameter(index, scale);
            let (mut sum, mut product) = (0.0f64, 0.0f64);
            for (i, (dx, (&dy, &x))) in dx.iter_mut().zip(dy.iter().zip(x)).enumerate() {
                *dx = dy * scale(i);
                sum += f64::from(*dx);
                product += f64::from(*dx * (x - mean));
            }
            let count = x.len() as f64;
            let mean_gradient = (sum / count) as f32;
            let slope = (product / count) as f32 * inverse * inverse;
            for (dx, &x) in dx.iter_mut().zip(x) {
                *dx = inverse * (*dx - mean_gradient - (x - mean) * slope);
            }
        });
        Ok(vec![dx.into()])
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.0.attributes()
    }
}

#[cfg(test)]
mod tests {
    use eyebar_tensor::Tensor;

    use super::{Kind, Normalization};
    use crate::operator::{Arguments, Operator};
    use crate::pool::Pool;
    use crate::value::Value;

    #[test]
    fn means_and_inverse_deviations_of_the_rows() {
        let x: Value = Tensor::new(&[2, 3, 2], (0..12u8).map(f32::from).collect()).expect("a shape").into();
        let scale: Value = Tensor::full(&[3, 2], 1.0f32).into();
        let arguments = [Some(&x), Some(&scale)];
        let all = Normalization { kind: Kind::Layer { axis: 1 }, epsilon: 0.0, outputs: 3 };
        let types = Arguments(&arguments).with_inputs(|inputs| all.infer(inputs)).expect("types");
        let outputs = all.run(Arguments(&arguments), &Pool::default()).expect("values");
        assert_eq!(outputs.iter().map(Value::tensor_type).collect::<Vec<_>>(), types);
        assert_eq!(types[1].shape, [2, 1, 1]);
        assert_eq!(outputs[1].as_f32().map(Tensor::data), Some(&[2.5, 8.5][..]));
        // The variance of 0 … 5 is 35/12.
        let inverses = outputs[2].as_f32().expect("floats").data();
        assert!(inverses.iter().all(|inverse| (inverse - (12.0f32 / 35.0).sqrt()).abs() < 1e-6), "{inverses:?}");
        let two = Normalization { outputs: 2, ..all };
        assert_eq!(two.run(Arguments(&arguments), &Pool::default()).map(|outputs| outputs.len()), Ok(2));
    }
}
