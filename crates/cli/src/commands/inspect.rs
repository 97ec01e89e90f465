//! `eyebar inspect`.

use clap::Args;
use eyebar::{Error, tasks};
use serde::Serialize;

use crate::options::{Global, ModelArgs};
use crate::output::show;

/// Layers, parameters, multiply-adds, output sizes and receptive fields of a network
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar inspect --model vgg16
  eyebar inspect --model efficientnet-lite0 --plan
  eyebar inspect --model resnet50.onnx --size 224x224 --json")]
pub(crate) struct Inspect {
    #[command(flatten)]
    model: ModelArgs,
    /// Size of the picture that sizes are stated for [default: the model's own]
    #[arg(long, value_name = "WxH", value_parser = parse_size, allow_negative_numbers = true)]
    size: Option<(usize, usize)>,
    /// Also show how it runs: algorithms, fused operators, layouts, memory
    #[arg(long)]
    plan: bool,
}

#[derive(Serialize)]
struct Results {
    #[serde(flatten)]
    inspection: tasks::inspect::Inspection,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<tasks::plan::Plan>,
}

pub(crate) fn parse_size(text: &str) -> Result<(usize, usize), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=8192).contains(side));
    let both = text.split_once('x').and_then(|(width, height)| side(width).zip(side(height)));
    both.or_else(|| side(text).map(|side| (side, side)))
        .ok_or_else(|| "hint: write a side or WIDTHxHEIGHT, each from 1 to 8192".to_owned())
}

impl Inspect {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let model = self.model.open("vgg16")?;
        let inspection = tasks::inspect::inspect(&model, self.size)?;
        let plan = self.plan.then(|| tasks::plan::plan(&model, self.size)).transpose()?;
        let tables = inspection.tables().into_iter().chain(plan.as_ref().map(|plan| plan.table())).collect::<Vec<_>>();
        show(global, &Results { inspection, plan }, &tables, &[])
    }
}
