//! One file per command.

mod bench;
mod cam;
mod demo;
mod filters;
mod inspect;
mod mask;
mod models;
mod occlude;
mod predict;
mod quantize;

use clap::Subcommand;
use eyebar::Error;

use crate::options::Global;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Inspect(inspect::Inspect),
    Predict(predict::Predict),
    Filters(filters::Filters),
    Cam(cam::Cam),
    Occlude(occlude::Occlude),
    Mask(mask::MaskCommand),
    Quantize(quantize::Quantize),
    Bench(bench::Bench),
    Models(models::Models),
}

impl Command {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        match self {
            Self::Demo(command) => command.run(global),
            Self::Inspect(command) => command.run(global),
            Self::Predict(command) => command.run(global),
            Self::Filters(command) => command.run(global),
            Self::Cam(command) => command.run(global),
            Self::Occlude(command) => command.run(global),
            Self::Mask(command) => command.run(global),
            Self::Quantize(command) => command.run(global),
            Self::Bench(command) => command.run(global),
            Self::Models(command) => command.run(global),
        }
    }
}
