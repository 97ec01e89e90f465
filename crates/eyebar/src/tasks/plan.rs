//! How a network runs: which kernel computes what, and how activations lie in memory.

use eyebar_network::{Executor, Layout};
use eyebar_report::Table;
use eyebar_tensor::simd::Isa;
use serde::Serialize;

use super::inspect::shape;
use crate::error::Error;
use crate::model::{Model, in_model};

/// How a network runs.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Instruction set: `scalar`, `avx2` or `avx512`.
    pub instruction_set: &'static str,
    /// Bytes of activations that live at once, at most.
    pub activation_bytes: usize,
    /// The steps, in order.
    pub steps: Vec<PlanRow>,
}

/// A step of a run.
#[derive(Debug, Clone, Serialize)]
pub struct PlanRow {
    /// Name of the node; of a convolution, where others are fused with it.
    pub node: String,
    /// The operator.
    pub operator: String,
    /// How it is computed, where there is a choice.
    pub algorithm: &'static str,
    /// Whether the output's channels lie in blocks of 16.
    pub blocked: bool,
    /// Shape of the output.
    pub output: Vec<usize>,
}

/// How a model runs on one picture of `size` (width, height), its own where none is named. Weights are packed for it.
///
/// # Errors
/// When the model refuses the size or has nodes that are not supported.
pub fn plan(model: &Model, size: Option<(usize, usize)>) -> Result<Plan, Error> {
    let outputs = model.graph().outputs().to_vec();
    let refuse = |source| in_model(model.name(), source);
    let graph = model.specialised(&shape(model, size), &outputs).map_err(refuse)?;
    let executor = Executor::new(graph, &outputs).map_err(refuse)?;
    let steps = executor.steps().map(|step| PlanRow {
        node: step.node.to_owned(),
        operator: step.operator.to_owned(),
        algorithm: step.algorithm,
        blocked: step.layout == Layout::Blocked,
        output: step.shape.to_vec(),
    });
    let (instruction_set, activation_bytes) = (Isa::detect().name(), executor.activation_bytes());
    Ok(Plan { instruction_set, activation_bytes, steps: steps.collect() })
}

impl Plan {
    /// The steps.
    pub fn table(&self) -> Table {
        let table =
            Table::new("How it runs").text("Node").text("Operator").text("Algorithm").text("Layout").text("Output");
        let table = self.steps.iter().fold(table, |table, step| {
            let output: Vec<_> = step.output.iter().map(ToString::to_string).collect();
            table.row([
                step.node.clone(),
                step.operator.clone(),
                step.algorithm.to_owned(),
                if step.blocked { "blocked" } else { "dense" }.to_owned(),
                output.join(" × "),
            ])
        });
        table.note(format!(
            "Instruction set {}; up to {:.1} MB of activations live at once. Operators behind a convolution that do not \
             appear are fused with it.",
            self.instruction_set,
            self.activation_bytes as f64 / 1e6
        ))
    }
}
