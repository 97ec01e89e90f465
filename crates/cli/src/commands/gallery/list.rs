//! `eyebar gallery list`, `stats` and `purge`.

use clap::Args;
use eyebar::Error;
use eyebar_gallery::Subject;
use eyebar_report::Table;
use serde::Serialize;

use crate::commands::forget::warn_unless_erased;
use crate::gallery::{GalleryArgs, date_and_time, last_day, now};
use crate::options::Global;
use crate::output::show;

/// Everybody who is enrolled
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    gallery: GalleryArgs,
}

/// What the gallery holds
#[derive(Debug, Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    gallery: GalleryArgs,
}

/// Erase everybody whose time (--keep-until) is over
#[derive(Debug, Args)]
pub(crate) struct Purge {
    #[command(flatten)]
    gallery: GalleryArgs,
}

#[derive(Serialize)]
struct Subjects {
    subjects: Vec<Subject>,
}

#[derive(Serialize)]
struct Purged {
    purged: Vec<Subject>,
    erased: bool,
}

impl List {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let subjects = self.gallery.open()?.subjects()?;
        let table = table("Enrolled", &subjects);
        show(global, &Subjects { subjects }, &[table], &[])
    }
}

impl Stats {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let stats = self.gallery.open()?.stats(now())?;
        let mut table = Table::new(format!("Gallery {}", self.gallery.location()?)).text("").number("", "");
        for (name, value) in [
            ("People", stats.subjects.to_string()),
            ("  of them kept no longer", stats.expired.to_string()),
            ("Templates", stats.templates.to_string()),
        ] {
            table = table.row([name.to_owned(), value]);
        }
        for (model, count) in &stats.models {
            table = table.row([format!("  of {model}"), count.to_string()]);
        }
        table = table.row(["Lines of the log".to_owned(), stats.log_entries.to_string()]);
        table = table.row(["Made".to_owned(), date_and_time(stats.created)]);
        table = table.row(["Size, KB".to_owned(), stats.bytes.div_ceil(1000).to_string()]);
        show(global, &stats, &[table], &[])
    }
}

impl Purge {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let (purged, erased) = self.gallery.open()?.purge(now())?;
        warn_unless_erased(erased);
        let table = table("Erased", &purged);
        show(global, &Purged { purged, erased }, &[table], &[])
    }
}

fn table(title: &str, subjects: &[Subject]) -> Table {
    let now = now();
    let mut table = Table::new(format!("{title}: {}", subjects.len()))
        .text("Subject")
        .number("Templates", "")
        .text("Since")
        .text("Kept until")
        .text("Purpose")
        .text("Consent");
    for subject in subjects {
        let details = &subject.details;
        let over = if details.expired(now) { " (over)" } else { "" };
        table = table.row([
            subject.name.to_string(),
            subject.templates.to_string(),
            date_and_time(subject.enrolled),
            details.keep_until.map_or_else(String::new, |until| last_day(until) + over),
            details.purpose.clone().unwrap_or_default(),
            details.consent.clone().unwrap_or_default(),
        ]);
    }
    table.note("Times in UTC.")
}
