//! What a network is made of.

use eyebar_network::{DataType, Graph, Inputs, TensorType, ValueId};
use eyebar_report::Table;
use serde::Serialize;

use crate::error::Error;
use crate::model::{Model, in_model};

/// A network, layer by layer.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Name of a bundled model, or the file.
    pub model: String,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Operator set of the file.
    pub opset: i64,
    /// Program that wrote the file.
    pub producer: String,
    /// Shape of the input that sizes are stated for.
    pub input: Vec<usize>,
    /// Layers with weights, and pooling, in order.
    pub layers: Vec<LayerRow>,
    /// Sums over layers whose names begin alike.
    pub blocks: Vec<BlockRow>,
    /// Number of weights.
    pub parameters: u64,
    /// Multiply-adds of one picture.
    pub multiply_adds: u64,
    /// Share of the weights in convolutions, 0 to 1.
    pub convolutional_share: f64,
    /// Share of the weights in dense layers, 0 to 1.
    pub dense_share: f64,
    /// Nodes that are not supported: what depends on them is not among the layers and sums.
    pub unsupported: Vec<UnsupportedRow>,
    /// Number of nodes of which nothing is known because they depend on those.
    pub unreached: usize,
}

/// A node that is not supported.
#[derive(Debug, Clone, Serialize)]
pub struct UnsupportedRow {
    /// Name of the node.
    pub node: String,
    /// The operator.
    pub operator: String,
    /// Why it is refused.
    pub reason: String,
}

/// A layer.
#[derive(Debug, Clone, Serialize)]
pub struct LayerRow {
    /// Its alias, or the name of its tensor.
    pub layer: String,
    /// The operator.
    pub operator: String,
    /// Shape of the output.
    pub output: Vec<usize>,
    /// Number of weights.
    pub parameters: u64,
    /// Multiply-adds of one picture.
    pub multiply_adds: u64,
    /// Side of the part of the picture that one cell sees, in pixels; nothing where a cell sees all of it.
    pub receptive_field: Option<usize>,
}

/// A block of layers.
#[derive(Debug, Clone, Serialize)]
pub struct BlockRow {
    /// What the layers' names begin with.
    pub block: String,
    /// Number of layers with weights.
    pub layers: usize,
    /// Number of weights.
    pub parameters: u64,
    /// Multiply-adds of one picture.
    pub multiply_adds: u64,
}

/// The shape of one picture of `size`.
pub(super) fn shape(model: &Model, size: Option<(usize, usize)>) -> [usize; 4] {
    let spec = model.spec_or_layout();
    let size = size.or(spec.size).or_else(|| model.declared_size()).unwrap_or((224, 224));
    spec.shape(1, size.0, size.1)
}

/// Inspects a model for pictures of `size` (width, height), its own where none is named. Where a node is not supported, what
/// does not depend on it is inspected all the same.
///
/// # Errors
/// When the model refuses the size.
pub fn inspect(model: &Model, size: Option<(usize, usize)>) -> Result<Inspection, Error> {
    let shape = shape(model, size);
    let kind = TensorType { dtype: DataType::F32, shape: shape.to_vec() };
    let outputs = model.graph().outputs().to_vec();
    let refuse = |source| in_model(model.name(), source);
    let part = model.graph().specialise_supported(&[(model.input(), kind)], &outputs).map_err(refuse)?;
    let graph = part.graph;
    let fields = graph.receptive_fields(model.input());
    let mut layers = Vec::new();
    let (mut dense, mut convolutional, mut total) = (0, 0, 0);
    for node in graph.nodes() {
        let Some(output) = node.outputs.first().copied().flatten() else { continue };
        let parameters = parameters(&graph, &node.inputs);
        let operator = node.operator.name();
        let multiply_adds = graph.with_types(&node.inputs, |inputs: Inputs<'_>| node.operator.multiply_adds(inputs));
        match operator {
            "Conv" | "ConvTranspose" => convolutional += parameters,
            "Gemm" | "MatMul" => dense += parameters,
            _ => {}
        }
        total += parameters;
        if parameters > 0 || multiply_adds > 0 || operator.ends_with("Pool") {
            layers.push(LayerRow {
                layer: model.layer_name(output).trim_end_matches("/preactivation").to_owned(),
                operator: operator.to_owned(),
                output: graph.shape(output).to_vec(),
                parameters,
                multiply_adds,
                receptive_field: fields.get(&output).copied().flatten(),
            });
        }
    }
    let share = |part: u64| part as f64 / total.max(1) as f64;
    Ok(Inspection {
        model: model.name().to_owned(),
        bytes: model.bytes(),
        sha256: model.sha256().to_owned(),
        opset: model.opset(),
        producer: model.producer().to_owned(),
        input: shape.to_vec(),
        blocks: blocks(&layers),
        parameters: total,
        multiply_adds: layers.iter().map(|layer| layer.multiply_adds).sum(),
        convolutional_share: share(convolutional),
        dense_share: share(dense),
        unsupported: part
            .refused
            .into_iter()
            .map(|refused| UnsupportedRow {
                node: refused.node,
                operator: refused.operator,
                reason: refused.reason.to_string(),
            })
            .collect(),
        unreached: part.unreached,
        layers,
    })
}

/// Floating-point constants among the inputs.
fn parameters(graph: &Graph, inputs: &[Option<ValueId>]) -> u64 {
    let constants = inputs.iter().flatten().filter_map(|&id| graph.constant_value(id));
    constants.filter(|value| value.dtype() == DataType::F32 && value.len() > 1).map(|value| value.len() as u64).sum()
}

/// Groups layers by what their names begin with, in order.
fn blocks(layers: &[LayerRow]) -> Vec<BlockRow> {
    let mut blocks: Vec<BlockRow> = Vec::new();
    for layer in layers.iter().filter(|layer| layer.parameters > 0) {
        let trimmed = layer.layer.trim_start_matches('/');
        let name = trimmed.split(['_', '/', '.']).next().unwrap_or(trimmed);
        if blocks.last().is_none_or(|block| block.block != name) {
            blocks.push(BlockRow { block: name.to_owned(), layers: 0, parameters: 0, multiply_adds: 0 });
        }
        if let Some(block) = blocks.last_mut() {
            block.layers += 1;
            block.parameters += layer.parameters;
            block.multiply_adds += layer.multiply_adds;
        }
    }
    blocks
}

impl Inspection {
    /// Layers, then blocks, then what is not supported, if anything.
    pub fn tables(&self) -> Vec<Table> {
        let table = Table::new(format!("{}, input {:?}", self.model, self.input)).text("Layer").text("Operator");
        let table = table.text("Output").number("Parameters", "").number("Multiply-adds", "million");
        let table = self.layers.iter().fold(table.number("Receptive field", "px"), |table, layer| {
            let output: Vec<_> = layer.output.iter().map(ToString::to_string).collect();
            table.row([
                layer.layer.clone(),
                layer.operator.clone(),
                output.join(" × "),
                thousands(layer.parameters),
                million(layer.multiply_adds),
                layer.receptive_field.map_or_else(|| "all".to_owned(), |field| field.to_string()),
            ])
        });
        let blocks = Table::new("By block").text("Block").number("Layers", "").number("Parameters", "");
        let blocks = self.blocks.iter().fold(blocks.number("Multiply-adds", "million"), |blocks, block| {
            let parameters = thousands(block.parameters);
            blocks.row([block.block.clone(), block.layers.to_string(), parameters, million(block.multiply_adds)])
        });
        let blocks = blocks.row([
            "all".to_owned(),
            self.blocks.iter().map(|block| block.layers).sum::<usize>().to_string(),
            thousands(self.parameters),
            million(self.multiply_adds),
        ]);
        let note = format!(
            "{:.1} % of the parameters are in convolutions, {:.1} % in dense layers.",
            100.0 * self.convolutional_share,
            100.0 * self.dense_share
        );
        let mut tables = vec![table, blocks.note(note)];
        tables.extend(self.unsupported_table());
        tables
    }

    fn unsupported_table(&self) -> Option<Table> {
        if self.unsupported.is_empty() {
            return None;
        }
        let table = Table::new("Not supported").text("Node").text("Operator").text("Reason");
        let table = self
            .unsupported
            .iter()
            .fold(table, |table, row| table.row([row.node.clone(), row.operator.clone(), row.reason.clone()]));
        let behind = match self.unreached {
            0 => String::new(),
            1 => " and of 1 node behind them".to_owned(),
            count => format!(" and of {count} nodes behind them"),
        };
        let note =
            format!("The shapes of their outputs{behind} are not known; the layers and sums above leave them out.");
        Some(table.note(note))
    }
}

fn million(count: u64) -> String {
    format!("{:.2}", count as f64 / 1e6)
}

/// 14714688 as 14 714 688, with narrow no-break spaces.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
