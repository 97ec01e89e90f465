//! `eyebar forget`.

use clap::Args;
use eyebar::Error;
use eyebar_gallery::{Subject, SubjectName};
use eyebar_report::Table;
use serde::Serialize;

use crate::gallery::{GalleryArgs, now};
use crate::options::Global;
use crate::output::{show, warn};

/// Erase somebody from the gallery: key, templates and name, without residue in its file or tables
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar forget 'Ada Lovelace'

Copies that were exported or backed up are not reached; neither are blocks that a disk keeps to itself. Destroying the
passphrase or key file makes all copies under it unreadable. A database server has vectors in the clear, in its write-ahead
log, replicas and backups too, which no key reaches.")]
pub(crate) struct Forget {
    /// The name that the person is enrolled under
    subject: String,
    #[command(flatten)]
    gallery: GalleryArgs,
}

#[derive(Serialize)]
struct Forgotten {
    forgotten: Subject,
    /// Whether the file or tables were rewritten without what was deleted.
    erased: bool,
}

impl Forget {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let name = SubjectName::new(&self.subject)?;
        let (forgotten, erased) = self.gallery.open()?.forget(&name, now())?;
        warn_unless_erased(erased);
        let table = Table::new(format!("Forgotten: {}", forgotten.name)).text("").number("", "");
        let table = table.row(["Templates destroyed".to_owned(), forgotten.templates.to_string()]);
        show(global, &Forgotten { forgotten, erased }, &[table], &[])
    }
}

/// Says that something is left to do.
pub(crate) fn warn_unless_erased(erased: bool) {
    if !erased {
        warn(
            "warning: old pages are still in the gallery's file or tables, as another process reads them, the disk is full or \
             the tables are another role's; hint: they are wiped when it is opened next, by any command",
        );
    }
}
