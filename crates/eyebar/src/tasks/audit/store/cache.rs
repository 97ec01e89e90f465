//! What was seen already, by the content of the photographs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::look::View;
use super::{Sighting, read, write};
use crate::error::Error;

/// Sightings of folders of Parquet files, and where new ones go.
pub(crate) struct Cache {
    /// Nothing where nothing is kept.
    folder: Option<PathBuf>,
    settings: String,
    /// By the photograph's hash and mask.
    known: HashMap<(String, String), Known>,
    files: usize,
}

struct Known {
    reference: Option<String>,
    view: Option<Arc<View>>,
}

impl Known {
    fn says_more_than(&self, other: &Self) -> bool {
        let searched = |known: &Self| known.view.as_ref().is_none_or(|view| view.searched);
        (searched(self) && !searched(other)) || (self.reference.is_some() && other.reference.is_none())
    }
}

impl Cache {
    /// Nothing is known, and nothing kept.
    pub(crate) fn none() -> Self {
        Self { folder: None, settings: String::new(), known: HashMap::new(), files: 0 }
    }

    /// Reads what `folder` has, made with the same `settings`, and keeps what is new there. Files made with others, or
    /// damaged ones, are of no use, and left alone.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub(crate) fn open(folder: &Path, settings: &str) -> Result<Self, Error> {
        make_private(folder)?;
        let mut cache = Self { folder: Some(folder.to_path_buf()), settings: settings.to_owned(), ..Self::none() };
        for path in files(folder)? {
            cache.files += 1;
            if let Ok((made_with, sightings)) = read(&path)
                && made_with == settings
            {
                cache.learn(sightings);
            }
        }
        Ok(cache)
    }

    /// Reads what others wrote with the same `settings`.
    ///
    /// # Errors
    /// When a file cannot be read, or was made with other settings.
    pub(crate) fn merged(folders: &[PathBuf], settings: &str) -> Result<Self, Error> {
        let mut cache = Self { settings: settings.to_owned(), ..Self::none() };
        for folder in folders {
            for path in files(folder)? {
                let (made_with, sightings) = read(&path)?;
                if made_with != settings {
                    return Err(Error::Usage(format!(
                        "{} was made with other settings or another version; hint: make all shards with one command",
                        path.display()
                    )));
                }
                cache.learn(sightings);
            }
        }
        Ok(cache)
    }

    fn learn(&mut self, sightings: Vec<Sighting>) {
        for Sighting { sha256, mask, reference, view, .. } in sightings {
            let new = Known { reference, view };
            // One file may be a person's photograph and, under another name, a learner's, of which less is asked.
            match self.known.entry((sha256, mask)) {
                Entry::Occupied(known) if known.get().says_more_than(&new) => {}
                Entry::Occupied(mut known) => *known.get_mut() = new,
                Entry::Vacant(place) => {
                    place.insert(new);
                }
            }
        }
    }

    /// What is known of the photograph with this hash, shown in this way; inside it nothing where it shows no face.
    /// Nothing where a face was to be looked for behind the mask and was not, or where it was to be compared with another
    /// `reference`.
    pub(crate) fn recall(
        &self,
        sha256: &str,
        mask: &str,
        searched: bool,
        reference: Option<&str>,
    ) -> Option<Option<Arc<View>>> {
        let known = self.known.get(&(sha256.to_owned(), mask.to_owned()))?;
        let suffices = match &known.view {
            None => true,
            Some(view) => {
                (view.searched || !searched) && (reference.is_none() || known.reference.as_deref() == reference)
            }
        };
        suffices.then(|| known.view.clone())
    }

    /// Whether that is what is known.
    pub(crate) fn knows(&self, sighting: &Sighting) -> bool {
        let known = self.known.get(&(sighting.sha256.clone(), sighting.mask.clone()));
        known.is_some_and(|known| match (&known.view, &sighting.view) {
            (Some(known), Some(seen)) => Arc::ptr_eq(known, seen),
            (None, None) => true,
            _ => false,
        })
    }

    /// Keeps what is new.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn keep(&mut self, sightings: Vec<Sighting>) -> Result<(), Error> {
        if let (Some(folder), Some(first)) = (&self.folder, sightings.first()) {
            // Shards of one audit may be put into one folder.
            let name = format!("{:05}-{}.parquet", self.files, &first.sha256[..first.sha256.len().min(12)]);
            write(&folder.join(name), &self.settings, &sightings)?;
            self.files += 1;
        }
        self.learn(sightings);
        Ok(())
    }
}

/// The Parquet files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: folder.to_path_buf(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "parquet") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Makes a folder that its owner alone may look into.
fn make_private(folder: &Path) -> Result<(), Error> {
    let make = || {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)
    };
    make().map_err(|source| Error::Write { path: folder.to_path_buf(), source })
}
