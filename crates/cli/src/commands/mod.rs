//! One file per command.

mod audit;
mod bench;
mod cam;
mod compare;
mod demo;
mod enrol;
mod export;
mod filters;
mod forget;
mod gallery;
mod identify;
mod inspect;
mod mask;
mod models;
mod occlude;
mod oneshot;
mod predict;
mod quantize;
mod serve;
mod token;
mod verify;

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
    Compare(compare::Compare),
    Audit(audit::Audit),
    Oneshot(oneshot::OneShot),
    Enrol(enrol::Enrol),
    Verify(verify::Verify),
    Identify(identify::Identify),
    Forget(forget::Forget),
    Gallery(gallery::GalleryCommand),
    Export(export::Export),
    Quantize(quantize::Quantize),
    Bench(bench::Bench),
    Models(models::Models),
    Serve(serve::Serve),
    Token(token::TokenCommand),
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
            Self::Compare(command) => command.run(global),
            Self::Audit(command) => command.run(global),
            Self::Oneshot(command) => command.run(global),
            Self::Enrol(command) => command.run(global),
            Self::Verify(command) => command.run(global),
            Self::Identify(command) => command.run(global),
            Self::Forget(command) => command.run(global),
            Self::Gallery(command) => command.run(global),
            Self::Export(command) => command.run(global),
            Self::Quantize(command) => command.run(global),
            Self::Bench(command) => command.run(global),
            Self::Models(command) => command.run(global),
            Self::Serve(command) => command.run(global),
            Self::Token(command) => command.run(global),
        }
    }
}
