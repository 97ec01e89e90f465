//! `eyebar gallery rekey`.

use std::path::PathBuf;

use clap::Args;
use eyebar::Error;
use serde::Serialize;

use crate::commands::forget::warn_unless_erased;
use crate::gallery::{GalleryArgs, OTHER_PASSPHRASE, new_unlock, now};
use crate::options::Global;
use crate::output::{print, show};

/// Give the gallery another passphrase or key file, and seal every key anew
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar gallery rekey
  eyebar gallery rekey --new-key-file gallery.key

Copies of the file that were made before still open with the old key, and with them what is enrolled for the same people
later: to shut somebody out who has both, forget those people and enrol them again.")]
pub(crate) struct Rekey {
    /// The new key file; made where there is none [default: a passphrase, from $EYEBAR_NEW_PASSPHRASE or the terminal]
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,
    #[command(flatten)]
    gallery: GalleryArgs,
}

#[derive(Serialize)]
struct Rekeyed {
    rekeyed: bool,
    erased: bool,
}

impl Rekey {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let mut gallery = self.gallery.open()?;
        let unlock = new_unlock(self.new_key_file.as_deref(), OTHER_PASSPHRASE, "New passphrase: ")?;
        let erased = gallery.rekey(&unlock, now())?;
        warn_unless_erased(erased);
        match global.json {
            true => show(global, &Rekeyed { rekeyed: true, erased }, &[], &[]),
            false => print("The gallery has a new key; the old one opens it no more.\n"),
        }
    }
}
