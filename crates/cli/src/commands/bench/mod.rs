//! `eyebar bench`.

mod lfw;
mod speed;
mod variants;

use clap::{Args, Subcommand};
use eyebar::Error;

use crate::options::Global;

/// Measures on this machine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar bench speed --model efficientnet-lite0
  eyebar bench speed --model resnet50.onnx --size 224 --threads 2 --json
  eyebar bench lfw lfw/ --pairs pairs.txt
  eyebar bench variants sface int8.onnx --input 'rgb 112x112' --photos lfw/")]
pub(crate) struct Bench {
    #[command(subcommand)]
    measure: Measure,
}

#[derive(Debug, Subcommand)]
enum Measure {
    Speed(speed::Speed),
    Lfw(lfw::Lfw),
    Variants(variants::Variants),
}

impl Bench {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        match &self.measure {
            Measure::Speed(speed) => speed.run(global),
            Measure::Lfw(lfw) => lfw.run(global),
            Measure::Variants(variants) => variants.run(global),
        }
    }
}
