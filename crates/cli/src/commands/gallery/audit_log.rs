//! `eyebar gallery audit-log`.

use clap::Args;
use eyebar::Error;
use eyebar_gallery::LogEntry;
use eyebar_report::Table;
use serde::Serialize;

use crate::gallery::{GalleryArgs, date_and_time};
use crate::options::{Global, whole};
use crate::output::show;

/// Who was enrolled, searched and forgotten; the chain of entries is checked
///
/// The log holds random numbers instead of names: names are shown as long as somebody is enrolled.
#[derive(Debug, Args)]
pub(crate) struct AuditLog {
    /// Show the last N entries only
    #[arg(long, value_name = "N", value_parser = whole::<1, 1_000_000_000>, allow_negative_numbers = true)]
    last: Option<usize>,
    #[command(flatten)]
    gallery: GalleryArgs,
}

#[derive(Serialize)]
struct Entries<'a> {
    /// Always: a log that is not is an error.
    intact: bool,
    entries: &'a [LogEntry],
}

impl AuditLog {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let entries = self.gallery.open()?.log()?;
        let shown = &entries[entries.len().saturating_sub(self.last.unwrap_or(usize::MAX))..];
        let mut table = Table::new("Log").number("Entry", "").text("Time").text("Event").text("Subject").text("Detail");
        for entry in shown {
            let id = |id: &[u8; 16]| id.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>() + "…";
            let subject = entry.name.clone().or_else(|| entry.subject.as_ref().map(id));
            table = table.row([
                entry.sequence.to_string(),
                date_and_time(entry.at),
                entry.event.name().to_owned(),
                subject.unwrap_or_default(),
                entry.detail.clone(),
            ]);
        }
        let table = table.note(format!("Times in UTC. The chain of {} entries is intact.", entries.len()));
        show(global, &Entries { intact: true, entries: shown }, &[table], &[])
    }
}
