//! `LRN`: local response normalisation across channels (Krizhevsky et al. 2012).

use std::ops::Range;

use eyebar_tensor::Tensor;
use eyebar_tensor::team;

use super::batch_normalization::channels;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// out = x · s^−β with s = bias + α/size · Σ x² over `size` neighbouring channels; x is `[N, C, …]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lrn {
    alpha: f32,
    beta: f32,
    bias: f32,
    size: usize,
}

/// `[N, C, …]` as N·C rows of `inner` elements.
struct Rows {
    channels: usize,
    inner: usize,
}

impl Rows {
    fn new(shape: &[usize]) -> Result<Self, OperatorError> {
        Ok(Self { channels: channels(shape)?, inner: shape[2..].iter().product() })
    }

    /// The rows of `data` that hold the channels from `before` below to `after` above that of row `row`.
    fn window<'a>(&self, data: &'a [f32], row: usize, before: usize, after: usize) -> impl Iterator<Item = &'a [f32]> {
        let channel = row % self.channels;
        let first = row - channel;
        let range: Range<usize> = channel.saturating_sub(before)..(channel + after + 1).min(self.channels);
        data[(first + range.start) * self.inner..(first + range.end) * self.inner].chunks(self.inner)
    }

    /// Calls `f` with each row of `out` and its number.
    fn each(&self, out: &mut Tensor, f: impl Fn(usize, &mut [f32]) + Sync) {
        if !out.is_empty() {
            team::each_chunk(out.data_mut(), self.inner, (1 << 12) / self.inner + 1, f);
        }
    }
}

impl Lrn {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let size = node.int("size").and_then(|size| usize::try_from(size).ok());
        let size = size.filter(|size| (1..1 << 20).contains(size));
        Ok(Self {
            alpha: node.float("alpha").unwrap_or(1e-4),
            beta: node.float("beta").unwrap_or(0.75),
            bias: node.float("bias").unwrap_or(1.0),
            size: size.ok_or_else(|| OperatorError::Attribute("size must be given and positive".to_owned()))?,
        })
    }

    /// Channels of the window below and above its centre.
    fn reach(self) -> (usize, usize) {
        ((self.size - 1) / 2, self.size / 2)
    }

    /// s of every element.
    fn sums(self, x: &Tensor, rows: &Rows, pool: &Pool) -> Tensor {
        let (below, above) = self.reach();
        let factor = self.alpha / self.size as f32;
        let mut sums = pool.take(x.shape());
        rows.each(&mut sums, |row, sums| {
            sums.fill(0.0);
            for neighbour in rows.window(x.data(), row, below, above) {
                sums.iter_mut().zip(neighbour).for_each(|(sum, &x)| *sum += x * x);
            }
            sums.iter_mut().for_each(|sum| *sum = self.bias + factor * *sum);
        });
        sums
    }
}

impl Operator for Lrn {
    fn name(&self) -> &str {
        "LRN"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let x = inputs.f32(0)?;
        channels(x.shape)?;
        Ok(vec![TensorType::new(DataType::F32, x.shape.to_vec())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let x = arguments.f32(0)?;
        let rows = Rows::new(x.shape())?;
        let mut out = self.sums(x, &rows, pool);
        rows.each(&mut out, |row, out| {
            let x = &x.data()[row * rows.inner..];
            out.iter_mut().zip(x).for_each(|(out, &x)| *out = x * out.powf(-self.beta));
        });
        Ok(vec![out.into()])
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let (Some(dy), true) = (cotangents[0], wanted[0]) else { return Ok(vec![None]) };
        Ok(vec![Some(graph.apply(LrnGrad(*self), &[dy, node.input(0)?])?)])
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![
            Attribute::float("alpha", self.alpha),
            Attribute::float("beta", self.beta),
            Attribute::float("bias", self.bias),
            Attribute::int("size", self.size as i64),
        ]
    }
}

/// dx_c = dy_c s_c^−β − 2αβ/size · x_c Σ dy_j x_j s_j^(−β−1) over the channels j whose window holds c. Inputs are dy
/// and x.
#[derive(Debug, Clone, Copy)]
pub(super) struct LrnGrad(Lrn);

impl LrnGrad {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        Lrn::read(node).map(Self)
    }
}

impl Operator for LrnGrad {
    fn name(&self) -> &str {
        "LRNGrad"
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let dy = inputs.f32(0)?;
        if dy.shape != inputs.f32(1)?.shape {
            return Err(OperatorError::Shape("dy and x differ".to_owned()));
        }
        self.0.infer(inputs)
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let (dy, x) = (arguments.f32(0)?, arguments.f32(1)?);
        let rows = Rows::new(x.shape())?;
        let sums = self.0.sums(x, &rows, pool);
        let beta = self.0.beta;
        let mut products = pool.take(x.shape());
        rows.each(&mut products, |row, products| {
            let from = row * rows.inner;
            let triples = dy.data()[from..].iter().zip(&x.data()[from..]).zip(&sums.data()[from..]);
            for (product, ((&dy, &x), &sum)) in products.iter_mut().zip(triples) {
                *product = dy * x * sum.powf(-beta - 1.0);
            }
        });
        let (below, above) = self.0.reach();
        let factor = 2.0 * self.0.alpha * beta / self.0.size as f32;
        let mut dx = pool.take(x.shape());
        rows.each(&mut dx, |row, dx| {
            dx.fill(0.0);
            // A window reaches `above` upwards, so c lies in the windows of the channels that far below it.
            for neighbour in rows.window(products.data(), row, above, below) {
                dx.iter_mut().zip(neighbour).for_each(|(dx, &product)| *dx += product);
            }
            let from = row * rows.inner;
            let triples = dy.data()[from..].iter().zip(&x.data()[from..]).zip(&sums.data()[from..]);
            for (dx, ((&dy, &x), &sum)) in dx.iter_mut().zip(triples) {
                *dx = dy * sum.powf(-beta) - factor * x * *dx;
            }
        });
        pool.give(sums.into());
        pool.give(products.into());
        Ok(vec![dx.into()])
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.0.attributes()
    }
}
