//! `QuantizeLinear` and `DequantizeLinear`: per tensor, per axis, and in blocks along an axis.

use eyebar_tensor::Tensor;
use eyebar_tensor::elementwise::map;
use eyebar_tensor::team;

use super::axes::axis_index;
use super::straight_through::StraightThrough;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// What the elements of a tensor that share a scale have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grouping {
    axis: i64,
    /// Elements of a block along the axis; 0: the whole tensor or one index of the axis.
    block: usize,
}

/// A tensor as `[outer, length, inner]` with the scales of its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scales {
    Single,
    PerAxis {
        length: usize,
        inner: usize,
    },
    /// Scales are `[outer, ⌈length/block⌉, inner]`; the last block may be short.
    Blocked {
        length: usize,
        inner: usize,
        block: usize,
    },
}

impl Grouping {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let block = node.int("block_size").unwrap_or(0);
        let block = usize::try_from(block).ok().filter(|&block| block <= 1 << 31);
        let block = block.ok_or_else(|| OperatorError::Attribute("block_size is out of range".to_owned()))?;
        Ok(Self { axis: node.int("axis").unwrap_or(1), block })
    }

    pub(super) fn attributes(self) -> Vec<Attribute> {
        let mut attributes = vec![Attribute::int("axis", self.axis)];
        if self.block > 0 {
            attributes.push(Attribute::int("block_size", self.block as i64));
        }
        attributes
    }

    pub(super) fn scales(self, shape: &[usize], scale: &[usize]) -> Result<Scales, OperatorError> {
        let refuse = || {
            let block = if self.block > 0 { format!(" and blocks of {}", self.block) } else { String::new() };
            OperatorError::Shape(format!("scale {scale:?} does not fit {shape:?} with axis {}{block}", self.axis))
        };
        if self.block == 0 && matches!(scale, [] | [1]) {
            return Ok(Scales::Single);
        }
        let axis = axis_index(self.axis, shape.len())?;
        let (length, inner) = (shape[axis], shape[axis + 1..].iter().product());
        if self.block == 0 {
            return if scale == [length] { Ok(Scales::PerAxis { length, inner }) } else { Err(refuse()) };
        }
        let mut expected = shape.to_vec();
        expected[axis] = length.div_ceil(self.block);
        if scale == expected { Ok(Scales::Blocked { length, inner, block: self.block }) } else { Err(refuse()) }
    }
}

impl Scales {
    /// out = f(x, index of the scale).
    pub(super) fn map<T: Copy + Sync, U: Send>(self, x: &[T], out: &mut [U], f: impl Fn(T, usize) -> U + Sync) {
        let fill = |x: &[T], out: &mut [U], scale: usize| {
            out.iter_mut().zip(x).for_each(|(out, &x)| *out = f(x, scale));
        };
        let fill_columns = |x: &[T], out: &mut [U], scale: usize| {
            out.iter_mut().zip(x).enumerate().for_each(|(column, (out, &x))| *out = f(x, scale + column));
        };
        let (Self::PerAxis { length, inner } | Self::Blocked { length, inner, .. }) = self else {
            return map(x, out, |x| f(x, 0));
        };
        if out.is_empty() {
            return;
        }
        let work = |outer: usize, x: &[T], out: &mut [U]| match self {
            Self::Single => fill(x, out, 0),
            Self::PerAxis { inner: 1, .. } => fill_columns(x, out, 0),
            Self::PerAxis { .. } => {
                let rows = x.chunks(inner).zip(out.chunks_mut(inner)).enumerate();
                rows.for_each(|(index, (x, out))| fill(x, out, index));
            }
            Self::Blocked { block, .. } => {
                let first = outer * length.div_ceil(block);
                if inner == 1 {
                    let blocks = x.chunks(block).zip(out.chunks_mut(block)).enumerate();
                    blocks.for_each(|(index, (x, out))| fill(x, out, first + index));
                } else {
                    let rows = x.chunks(inner).zip(out.chunks_mut(inner)).enumerate();
                    rows.for_each(|(index, (x, out))| fill_columns(x, out, (first + index / block) * inner));
                }
            }
        };
        let together = length * inner;
        team::each_chunk(out, together, (1 << 14) / together + 1, |outer, out| {
            work(outer, &x[outer * together..][..out.len()], out);
        });
    }
}

/// Checks the zero points, which share the shape of the scales, and returns their type.
pub(super) fn zero_point(inputs: Inputs<'_>, scale: &[usize]) -> Result<Option<DataType>, OperatorError> {
    let Some(zero) = inputs.get(2) else { return Ok(None) };
    // A single zero point may be a scalar where the scale is a vector of one, and the other way round.
    let single = |shape: &[usize]| matches!(shape, [] | [1]);
    if zero.shape != scale && !(single(zero.shape) && single(scale)) {
        return Err(OperatorError::Shape(format!("zero point {:?} and scale {scale:?} differ", zero.shape)));
    }
    Ok(Some(zero.dtype))
}

/// out = saturate(round(x / scale) + zero point), ties to even. Input 1 is the scale, 2 the zero point.
#[derive(Debug, Clone, Copy)]
pub struct QuantizeLinear {
    grouping: Grouping,
    /// Type of the output where there is no zero point.
    to: Option<DataType>,
}

impl QuantizeLinear {
    /// Scales along `axis`, one for each `block` elements (0: one for each index of the axis, or a single one); to the type
    /// of the zero point, u8 without one.
    pub fn new(axis: i64, block: usize) -> Self {
        Self { grouping: Grouping { axis, block }, to: None }
    }

    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        // 0 stands for "not given".
        let to = if node.int("output_dtype").unwrap_or(0) == 0 { None } else { node.data_type("output_dtype")? };
        Ok(Self { grouping: Grouping::read(node)?, to })
    }
}

impl Operator for QuantizeLinear {
    fn name(&self) -> &str {
        "QuantizeLinear"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (x, scale) = (inputs.f32(0)?, inputs.f32(1)?);
        self.grouping.scales(x.shape, scale.shape)?;
        let dtype = zero_point(inputs, scale.shape)?.or(self.to).unwrap_or(DataType::U8);
        if !matches!(dtype, DataType::I8 | DataType::U8) {
            return Err(OperatorError::Unsupported(format!("QuantizeLinear to {dtype}")));
        }
        Ok(vec![TensorType::new(dtype, x.shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, _pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (x, scale) = (arguments.f32(0)?, arguments.f32(1)?);
        let scales = self.grouping.scales(x.shape(), scale.shape())?;
        let scale = scale.data();
        macro_rules! quantize {
            ($kind:ty, $zero:expr) => {{
                let zero: &[$kind] = $zero;
                let mut out = Tensor::<$kind>::zeros(x.shape());
                scales.map(x.data(), out.data_mut(), |x, index| {
                    let zero = zero.get(index).copied().unwrap_or(0);
                    // `as` saturates, after the sum: a float holds these integers exactly.
                    ((x / scale[index]).round_ties_even() + f32::from(zero)) as $kind
                });
                out
            }};
        }
        Ok(vec![match arguments.get(2) {
            Some(Value::I8(zero)) => Value::I8(quantize!(i8, zero.data())),
            Some(Value::U8(zero)) => Value::U8(quantize!(u8, zero.data())),
            _ if self.to == Some(DataType::I8) => Value::I8(quantize!(i8, &[])),
            _ => Value::U8(quantize!(u8, &[])),
        }])
    }

    /// The straight-through estimator: see `straight_through`.
    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let to = graph.value(node.output(0)?).kind.as_ref().map(|kind| kind.dtype);
        StraightThrough { grouping: self.grouping, to }.add(graph, node, cotangents, wanted)
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = self.grouping.attributes();
        attributes.extend(self.to.map(|to| Attribute::data_type("output_dtype", to)));
        attributes
    }
}

/// out = (x − zero point) · scale in f32, for i8, u8 or i32. Input 1 is the scale, 2 the zero point.
#[derive(Debug, Clone, Copy)]
pub struct DequantizeLinear {
    grouping: Grouping,
}

impl DequantizeLinear {
    /// Scales along `axis`, one for each `block` elements (0: one for each index of the axis, or a single one).
    pub fn new(axis: i64, block: usize) -> Self {
        Self { grouping: Grouping { axis, block } }
    }

    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        Ok(Self { grouping: Grouping::read(node)? })
    }

    /// The axis that several scales belong to, 0 where there is one; nothing where they belong to blocks.
    pub(super) fn scale_axis(&self, inputs: Inputs<'_>) -> Option<usize> {
        let (x, scale) = (inputs.require(0).ok()?, inputs.f32(1).ok()?);
        match self.grouping.scales(x.shape, scale.shape).ok()? {
            Scales::Single => Some(0),
            Scales::PerAxis { .. } => axis_index(self.grouping.axis, x.shape.len()).ok(),
            Scales::Blocked { .. } => None,
        }
    }
}

impl Operator for DequantizeLinear {
    fn name(&self) -> &str {
        "DequantizeLinear"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let (x, scale) = (inputs.require(0)?, inputs.f32(1)?);
        if !matches!(x.dtype, DataType::I8 | DataType::U8 | DataType::I32) {
            return Err(OperatorError::Unsupported(format!("DequantizeLinear of {}", x.dtype)));
        }
        if let Some(zero) = zero_point(inputs, scale.shape)?.filter(|&zero| zero != x.dtype) {
            return Err(OperatorError::Input(format!("is {}, its zero point {zero}", x.dtype)));
        }
        self.grouping.scales(x.shape, scale.shape)?;
        Ok(vec![TensorType::new(DataType::F32, x.shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (x, scale) = (arguments.require(0)?, arguments.f32(1)?);
        let scales = self.grouping.scales(x.shape(), scale.shape())?;
        let scale = scale.data();
        let mut out = pool.take(x.shape());
        let target = out.data_mut();
        macro_rules! dequantize {
            ($x:expr, $zero:expr, $wide:ty) => {
                match $zero {
                    Some(zero) => scales.map($x, target, |x, index| {
                        (<$wide>::from(x) - <$wide>::from(zero[index])) as f32 * scale[index]
                    }),
                    None => scales.map($x, target, |x, index| x as f32 * scale[index]),
                }
            };
        }
        match (x, arguments.get(2)) {
            (Value::I8(x), Some(Value::I8(zero))) => dequantize!(x.data(), Some(zero.data()), i16),
            (Value::U8(x), Some(Value::U8(zero))) => dequantize!(x.data(), Some(zero.data()), i16),
            (Value::I32(x), Some(Value::I32(zero))) => dequantize!(x.data(), Some(zero.data()), i64),
            (Value::I8(x), None) => dequantize!(x.data(), None::<&[i8]>, i16),
            (Value::U8(x), None) => dequantize!(x.data(), None::<&[u8]>, i16),
            (Value::I32(x), None) => dequantize!(x.data(), None::<&[i32]>, i64),
            _ => return Err(OperatorError::Input("types of values and zero points differ".to_owned())),
        }
        Ok(vec![out.into()])
    }

    /// The straight-through estimator: see `straight_through`.
    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        StraightThrough { grouping: self.grouping, to: None }.add(graph, node, cotangents, wanted)
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.grouping.attributes()
    }
}
