//! `eyebar gallery`.

mod audit_log;
mod calibrate;
mod list;
mod rekey;
mod transfer;

use clap::{Args, Subcommand};
use eyebar::Error;

use crate::options::Global;

/// Look after the gallery
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar gallery list
  eyebar gallery calibrate lfw/ --fmr 1e-4
  eyebar gallery export backup.db
  eyebar gallery rekey")]
pub(crate) struct GalleryCommand {
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, Subcommand)]
enum Work {
    List(list::List),
    Stats(list::Stats),
    Purge(list::Purge),
    Export(transfer::Export),
    Import(transfer::Import),
    Rekey(rekey::Rekey),
    AuditLog(audit_log::AuditLog),
    Calibrate(calibrate::Calibrate),
}

impl GalleryCommand {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        match &self.work {
            Work::List(work) => work.run(global),
            Work::Stats(work) => work.run(global),
            Work::Purge(work) => work.run(global),
            Work::Export(work) => work.run(global),
            Work::Import(work) => work.run(global),
            Work::Rekey(work) => work.run(global),
            Work::AuditLog(work) => work.run(global),
            Work::Calibrate(work) => work.run(global),
        }
    }
}
