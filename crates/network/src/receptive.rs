//! How much of the picture a cell of a layer sees, from the graph.

use std::collections::HashMap;

use crate::graph::{Graph, Node, ValueId};
use crate::onnx::AttributeValue;

/// Extent and spacing of what neighbouring cells see, in input pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Field {
    /// Side of what one cell sees.
    size: f64,
    /// Distance of what two neighbouring cells see.
    step: f64,
}

impl Graph {
    /// For every value of a specialised graph that depends on `input`: the side of its cells' receptive field in pixels
    /// (the larger of height and width, padding included), or `None` where a cell sees the whole picture.
    ///
    /// Follows r ← r + (k − 1) · dilation · j, j ← j · stride through convolutions and pooling (Araujo, Norris, Sim 2019,
    /// *Computing Receptive Fields of Convolutional Neural Networks*); branches keep the larger.
    pub fn receptive_fields(&self, input: ValueId) -> HashMap<ValueId, Option<usize>> {
        let mut fields: HashMap<ValueId, Option<Field>> =
            HashMap::from([(input, Some(Field { size: 1.0, step: 1.0 }))]);
        for node in self.nodes() {
            let mut sources = node.inputs.iter().flatten().filter_map(|id| fields.get(id)).copied().peekable();
            if sources.peek().is_none() {
                continue;
            }
            let widest = sources.reduce(|a, b| match (a, b) {
                (Some(a), Some(b)) => Some(Field { size: a.size.max(b.size), step: a.step.max(b.step) }),
                _ => None,
            });
            let field = widest.flatten().and_then(|field| self.through(node, field));
            fields.extend(node.outputs.iter().flatten().map(|&id| (id, field)));
        }
        fields.into_iter().map(|(id, field)| (id, field.map(|field| field.size.round() as usize))).collect()
    }

    /// The field behind a node, `None` where its cells see everything.
    fn through(&self, node: &Node, field: Field) -> Option<Field> {
        match node.operator.name() {
            "Conv" | "MaxPool" | "AveragePool" => {
                let kernel = match ints(node, "kernel_shape") {
                    Some(kernel) => kernel,
                    None => self.shape(node.input(1).ok()?)[2..].iter().map(|&k| k as i64).collect(),
                };
                let at =
                    |list: Option<Vec<i64>>, axis: usize| list.and_then(|l| l.get(axis).copied()).unwrap_or(1) as f64;
                let (mut size, mut step) = (field.size, field.step);
                for (axis, &kernel) in kernel.iter().enumerate() {
                    let dilation = at(ints(node, "dilations"), axis);
                    size = size.max(field.size + (kernel as f64 - 1.0) * dilation * field.step);
                    step = step.max(field.step * at(ints(node, "strides"), axis));
                }
                Some(Field { size, step })
            }
            "ConvTranspose" | "Resize" => {
                let height = |id| self.shape(id).get(2).copied().unwrap_or(1).max(1) as f64;
                let scale = height(node.output(0).ok()?) / height(node.input(0).ok()?);
                let step = field.step / scale;
                Some(Field { size: field.size + field.step, step })
            }
            "GlobalAveragePool" | "GlobalMaxPool" | "Gemm" | "MatMul" | "Flatten" | "ReduceMean" | "ReduceSum"
            | "ReduceMax" | "Softmax" | "LogSoftmax" => None,
            _ => Some(field),
        }
    }
}

fn ints(node: &Node, name: &str) -> Option<Vec<i64>> {
    node.operator.attributes().into_iter().find(|attribute| attribute.name == name).and_then(
        |attribute| match attribute.value {
            AttributeValue::Ints(values) => Some(values),
            _ => None,
        },
    )
}
