//! `eyebar models`.

use clap::Args;
use eyebar::Error;
use eyebar::manifest::entries;
use eyebar_report::Table;
use serde::Serialize;

use crate::options::Global;
use crate::output::show;

/// The bundled models, with their licences
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar models
  eyebar models --json")]
pub(crate) struct Models {}

impl Models {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Listed {
            models: &'static [eyebar::manifest::Entry],
        }
        let table = Table::new("Bundled models").text("Name").text("What").number("Size", "MB").text("Licence");
        let table = entries().iter().fold(table, |table, entry| {
            let size = format!("{:.1}", entry.bytes as f64 / 1e6);
            table.row([entry.name.clone(), entry.title.clone(), size, entry.licence.clone()])
        });
        let credits: Vec<_> = entries().iter().map(|entry| entry.attribution.clone()).collect();
        show(global, &Listed { models: entries() }, &[table.note(credits.join("; "))], &[])
    }
}
