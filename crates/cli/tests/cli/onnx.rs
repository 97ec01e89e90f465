//! A writer of small ONNX files, right or wrong: protobuf by hand, so that nothing keeps it from writing nonsense.
//!
//! Field numbers are those of `onnx.proto`.

/// A protobuf message.
#[derive(Clone, Default)]
pub(crate) struct Message(Vec<u8>);

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

impl Message {
    pub(crate) fn number(mut self, field: u64, value: i64) -> Self {
        varint(&mut self.0, field << 3);
        varint(&mut self.0, value as u64);
        self
    }

    pub(crate) fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        varint(&mut self.0, field << 3 | 2);
        varint(&mut self.0, value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(crate) fn message(self, field: u64, value: &Message) -> Self {
        self.bytes(field, &value.0)
    }

    fn float(mut self, field: u64, value: f32) -> Self {
        varint(&mut self.0, field << 3 | 5);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn all(self, field: u64, values: &[Message]) -> Self {
        values.iter().fold(self, |message, value| message.message(field, value))
    }
}

/// Element types.
pub(crate) const FLOAT: i64 = 1;
pub(crate) const INT64: i64 = 7;

/// A node named after its operator and output.
pub(crate) fn node(operator: &str, inputs: &[&str], output: &str) -> Message {
    let message = inputs.iter().fold(Message::default(), |message, input| message.text(1, input));
    message.text(2, output).text(3, &format!("{operator}_of_{output}")).text(4, operator)
}

/// With an attribute that lists integers.
pub(crate) fn with_ints(node: Message, name: &str, values: &[i64]) -> Message {
    let attribute = Message::default().text(1, name).number(20, 7);
    node.message(5, &values.iter().fold(attribute, |attribute, &value| attribute.number(8, value)))
}

/// With an integer attribute.
pub(crate) fn with_int(node: Message, name: &str, value: i64) -> Message {
    node.message(5, &Message::default().text(1, name).number(20, 2).number(3, value))
}

fn header(name: &str, kind: i64, dims: &[i64]) -> Message {
    let message = dims.iter().fold(Message::default(), |message, &dim| message.number(1, dim));
    message.number(2, kind).text(8, name)
}

/// A tensor of floats; `data` may be too short or too long for `dims`.
pub(crate) fn floats(name: &str, dims: &[i64], data: &[f32]) -> Message {
    let raw: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
    header(name, FLOAT, dims).bytes(9, &raw)
}

/// A tensor of integers with one dimension.
pub(crate) fn integers(name: &str, data: &[i64]) -> Message {
    let raw: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
    header(name, INT64, &[data.len() as i64]).bytes(9, &raw)
}

/// A tensor of one float, in `float_data`.
pub(crate) fn scalar(name: &str, value: f32) -> Message {
    header(name, FLOAT, &[]).float(4, value)
}

/// An input or output of the graph.
pub(crate) fn value(name: &str, dims: &[i64]) -> Message {
    let shape =
        dims.iter().fold(Message::default(), |shape, &dim| shape.message(1, &Message::default().number(1, dim)));
    let tensor = Message::default().number(1, FLOAT).message(2, &shape);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

/// A model.
pub(crate) fn model(nodes: &[Message], constants: &[Message], inputs: &[Message], outputs: &[&str]) -> Vec<u8> {
    let graph = Message::default().all(1, nodes).text(2, "graph").all(5, constants).all(11, inputs);
    let graph = outputs.iter().fold(graph, |graph, name| graph.message(12, &Message::default().text(1, name)));
    let opset = Message::default().number(2, 17);
    Message::default().number(1, 8).message(7, &graph).message(8, &opset).0
}

/// A model from `x` of shape `[1, 3, 8, 8]` to `y`.
pub(crate) fn small(nodes: &[Message], constants: &[Message]) -> Vec<u8> {
    model(nodes, constants, &[value("x", &[1, 3, 8, 8])], &["y"])
}
