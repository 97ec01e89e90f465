//! Nodes of older operator sets in the form that [`WRITTEN_OPSET`] gives them.
//!
//! Many operators turned attributes into inputs over the years (the axes of a reduction, the bounds of `Clip`). Doing
//! the same to a node as it is read leaves each operator with one form, and what is written is true to its opset.

use eyebar_tensor::Tensor;

use super::proto::{AttributeProto, NodeProto, attribute_type};
use crate::value::Value;

/// A node in its newer form, with the constants that were its attributes.
pub(super) struct Upgraded {
    pub(super) node: NodeProto,
    pub(super) constants: Vec<(String, Value)>,
}

/// The newer form of `node`, or `None` where the form has not changed since `opset`.
pub(super) fn upgrade(node: &NodeProto, opset: i64) -> Option<Upgraded> {
    let operator = node.op_type.as_deref().unwrap_or("");
    // Name of the attribute and index of the input it became.
    let (until, moved): (i64, &[(&str, usize)]) = match operator {
        "Clip" => (11, &[("min", 1), ("max", 2)]),
        "Dropout" => (12, &[("ratio", 1)]),
        "Pad" => (11, &[("pads", 1), ("value", 2)]),
        "ReduceSum" | "Squeeze" | "Unsqueeze" => (13, &[("axes", 1)]),
        "ReduceL2" | "ReduceMax" | "ReduceMean" | "ReduceMin" => (18, &[("axes", 1)]),
        "Resize" => (11, &[]),
        "Slice" => (10, &[("starts", 1), ("ends", 2), ("axes", 3)]),
        "Split" => (13, &[("split", 1)]),
        "Upsample" => (10, &[("scales", 1)]),
        _ => return None,
    };
    if opset >= until {
        return None;
    }
    let mut upgraded = Upgraded { node: node.clone(), constants: Vec::new() };
    for &(name, index) in moved {
        upgraded.move_to_input(name, index);
    }
    if matches!(operator, "Resize" | "Upsample") {
        upgraded.resize();
    }
    Some(upgraded)
}

impl Upgraded {
    fn move_to_input(&mut self, name: &str, index: usize) {
        let attributes = &mut self.node.attribute;
        let Some(found) = attributes.iter().position(|attribute| attribute.name.as_deref() == Some(name)) else {
            return;
        };
        let attribute = attributes.remove(found);
        let inputs = &mut self.node.input;
        if inputs.len() <= index {
            inputs.resize(index + 1, String::new());
        }
        let output = self.node.output.first().map_or("", String::as_str);
        let constant = format!("{output}/{name}");
        inputs[index].clone_from(&constant);
        self.constants.push((constant, value(&attribute)));
    }

    /// Opset 10 gave `Upsample` its new name and opset 11 its region of interest and coordinate modes; before, `x` of
    /// the output was `x / scale` of the input, rounded down.
    fn resize(&mut self) {
        self.node.op_type = Some("Resize".to_owned());
        if self.node.input.len() == 2 {
            self.node.input.insert(1, String::new());
        }
        for (name, text) in [("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor")] {
            self.node.attribute.push(AttributeProto {
                name: Some(name.to_owned()),
                s: Some(text.into()),
                kind: Some(attribute_type::STRING),
                ..AttributeProto::default()
            });
        }
    }
}

fn value(attribute: &AttributeProto) -> Value {
    match (attribute.f, attribute.floats.is_empty()) {
        (Some(value), _) => Value::F32(Tensor::scalar(value)),
        (None, false) => Value::F32(Tensor::vector(attribute.floats.clone())),
        (None, true) => Value::I64(Tensor::vector(attribute.ints.clone())),
    }
}
