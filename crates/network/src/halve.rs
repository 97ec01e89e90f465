//! Weights in half the space: IEEE 754 binary16, widened again as a model is loaded.

use std::collections::HashSet;
use std::sync::Arc;

use eyebar_tensor::Tensor;
use half::f16;

use crate::error::NetworkError;
use crate::graph::Graph;
use crate::quantise::{QuantisedWeights, finite};
use crate::value::Value;

impl Graph {
    /// The same network with every f32 constant of at least `smallest` elements rounded to f16 (11 significant bits, up to
    /// 65 504) and written so: `Cast` nodes widen them, so that any runtime computes in f32. Smaller ones stay, and so do
    /// those with a value beyond the largest of f16.
    ///
    /// # Errors
    /// When a constant holds NaN or infinity.
    pub fn halve_weights(&self, smallest: usize) -> Result<(Self, QuantisedWeights), NetworkError> {
        let mut graph = self.clone();
        let mut report = QuantisedWeights::default();
        let (mut error, mut norm) = (0.0, 0.0);
        // What was folded away is nobody's, and not written.
        let read: HashSet<_> = self.nodes().iter().flat_map(|node| node.inputs.iter().flatten().copied()).collect();
        for id in self.value_ids().filter(|id| read.contains(id)) {
            let info = self.value(id);
            let Some(Value::F32(weights)) = info.constant.as_deref() else { continue };
            if weights.len() < smallest.max(1) {
                continue;
            }
            finite(&info.name, weights)?;
            let halved: Vec<f32> = weights.data().iter().map(|&weight| f16::from_f32(weight).to_f32()).collect();
            if halved.iter().any(|weight| weight.is_infinite()) {
                continue;
            }
            report.tensors += 1;
            report.weights += halved.len();
            for (before, after) in weights.data().iter().zip(&halved) {
                error += f64::from(before - after).powi(2);
                norm += f64::from(*before).powi(2);
            }
            let halved = Tensor::new(weights.shape(), halved).expect("as many as before");
            let info = graph.value_mut(id);
            info.constant = Some(Arc::new(halved.into()));
            info.half = true;
        }
        report.relative_error = if norm > 0.0 { (error / norm).sqrt() } else { 0.0 };
        Ok((graph, report))
    }
}
