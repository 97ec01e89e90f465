//! `eyebar gallery export` and `import`.

use std::path::PathBuf;

use clap::Args;
use eyebar::Error;
use eyebar_gallery::{Gallery, SubjectName};
use eyebar_report::Table;
use serde::Serialize;

use crate::gallery::{GalleryArgs, OTHER_PASSPHRASE, Place, new_unlock, now, place};
use crate::options::Global;
use crate::output::{show, warn};

/// Copy everybody into a new gallery, encrypted with a key of its own
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar gallery export backup.db
  eyebar gallery export for-the-branch.db --to-key-file branch.key
  eyebar gallery export copy.db --gallery postgres://eyebar@db.example.org/faces

Whoever is forgotten here stays in such a copy: note where copies go.")]
pub(crate) struct Export {
    /// The file to make
    file: PathBuf,
    /// Key file of the copy; made where there is none [default: a passphrase, from $EYEBAR_NEW_PASSPHRASE or the terminal]
    #[arg(long, value_name = "FILE")]
    to_key_file: Option<PathBuf>,
    #[command(flatten)]
    gallery: GalleryArgs,
}

/// Copy everybody of another gallery whose name is not taken into this one
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar gallery import other.db
  eyebar gallery import gallery.db --gallery postgres://eyebar@db.example.org/faces")]
pub(crate) struct Import {
    /// The other gallery: a file, or postgres://USER@HOST/DATABASE
    #[arg(value_name = "FILE|URL", value_parser = place())]
    from: Place,
    /// Its key file [default: a passphrase, from $EYEBAR_NEW_PASSPHRASE or the terminal]
    #[arg(long, value_name = "FILE")]
    from_key_file: Option<PathBuf>,
    #[command(flatten)]
    gallery: GalleryArgs,
}

#[derive(Serialize)]
struct Copied {
    copied: usize,
    /// Names that were there already: left as they were.
    kept: Vec<SubjectName>,
}

impl Export {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        if self.file.to_str().is_some_and(|file| file.contains("://")) {
            return Err(Error::Usage(
                "copies are files; hint: `eyebar gallery import FILE --gallery URL` takes people to a server"
                    .to_owned(),
            ));
        }
        if self.file.exists() {
            return Err(Error::Usage(format!(
                "{} is there already; hint: name a new file, or use `eyebar gallery import` to add to a gallery",
                self.file.display()
            )));
        }
        let mut from = self.gallery.open()?;
        let prompt = format!("Passphrase for the copy {}: ", self.file.display());
        let unlock = new_unlock(self.to_key_file.as_deref(), OTHER_PASSPHRASE, &prompt)?;
        let mut to = Gallery::open_or_create(&self.file.clone().into(), &unlock, now())?.0;
        copy(global, &mut from, &mut to)
    }
}

impl Import {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let (gallery, key_file) = (Some(self.from.clone()), self.from_key_file.clone());
        let from = GalleryArgs { gallery, key_file, passphrase: OTHER_PASSPHRASE };
        let mut from = from.open()?;
        let mut to = self.gallery.open_or_create()?;
        copy(global, &mut from, &mut to)
    }
}

fn copy(global: &Global, from: &mut Gallery, to: &mut Gallery) -> Result<(), Error> {
    let (copied, kept) = from.copy_into(to, now())?;
    for name in &kept {
        warn(&format!("warning: {:?} is enrolled there already and was left as it is", name.as_str()));
    }
    let table = Table::new("Copied").text("").number("", "");
    let table = table.row(["People copied".to_owned(), copied.to_string()]);
    let table = table.row(["Names left as they were".to_owned(), kept.len().to_string()]);
    show(global, &Copied { copied, kept }, &[table], &[])
}
