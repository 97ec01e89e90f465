//! What was seen already, by the content of the photographs.

use std::collections::HashMap;
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
    known: HashMap<(String, String), Vec<Known>>,
    files: usize,
}

struct Known {
    reference: Option<String>,
    view: Result<Arc<View>, String>,
}

impl Known {
    /// Whether a face was looked for where that is asked for, and the photograph compared with this reference.
    fn suffices(&self, searched: bool, reference: Option<&str>) -> bool {
        let suffices = |view: &Arc<View>| (view.searched || !searched) && self.reference.as_deref() == reference;
        self.view.as_ref().map_or(true, suffices)
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
        cache.read(folder)?;
        Ok(cache)
    }

    /// Reads what others wrote with the same `settings`; what is of other settings, or damaged, is missing afterwards.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub(crate) fn merged(folders: &[PathBuf], settings: &str) -> Result<Self, Error> {
        let mut cache = Self { settings: settings.to_owned(), ..Self::none() };
        folders.iter().try_for_each(|folder| cache.read(folder))?;
        Ok(cache)
    }

    fn read(&mut self, folder: &Path) -> Result<(), Error> {
        for path in files(folder)? {
            self.files += 1;
            if let Ok((made_with, sightings)) = read(&path)
                && made_with == self.settings
            {
                self.learn(sightings);
            }
        }
        Ok(())
    }

    fn learn(&mut self, sightings: Vec<Sighting>) {
        for Sighting { sha256, mask, reference, view, .. } in sightings {
            self.known.entry((sha256, mask)).or_default().push(Known { reference, view });
        }
    }

    /// What is known of the photograph with this hash, shown in this way, or why nothing is to be seen of it.
    /// Nothing where a face was to be looked for behind the mask and was not, or where it was to be compared with another
    /// `reference`.
    pub(crate) fn recall(
        &self,
        sha256: &str,
        mask: &str,
        searched: bool,
        reference: Option<&str>,
    ) -> Option<Result<Arc<View>, String>> {
        let known = self.known.get(&(sha256.to_owned(), mask.to_owned()))?;
        known.iter().find(|known| known.suffices(searched, reference)).map(|known| known.view.clone())
    }

    /// Whether that is what is known.
    pub(crate) fn knows(&self, sighting: &Sighting) -> bool {
        let known = self.known.get(&(sighting.sha256.clone(), sighting.mask.clone()));
        known.is_some_and(|known| {
            known.iter().any(|known| match (&known.view, &sighting.view) {
                (Ok(known), Ok(seen)) => Arc::ptr_eq(known, seen),
                (Err(known), Err(seen)) => known == seen,
                _ => false,
            })
        })
    }

    /// Keeps what is new.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn keep(&mut self, sightings: Vec<Sighting>) -> Result<(), Error> {
        if let (Some(folder), Some(first)) = (&self.folder, sightings.first()) {
            let start: String = first.sha256.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
            let path = folder.join(format!("{:05}-{start}.parquet", self.files));
            write(&path, &self.settings, &sightings)?;
            only_for_the_owner(&path, 0o600)?;
            self.files += 1;
        }
        self.learn(sightings);
        Ok(())
    }

    /// Forgets what is known of a mask, in memory.
    pub(crate) fn forget(&mut self, mask: &str) {
        self.known.retain(|(_, other), _| other != mask);
    }
}

/// Deletes the Parquet files of a folder of embeddings, and the folder where nothing else is in it.
///
/// # Errors
/// When a file cannot be deleted.
pub(crate) fn delete(folder: &Path) -> Result<(), Error> {
    for path in files(folder)? {
        std::fs::remove_file(&path).map_err(|source| Error::Write { path, source })?;
    }
    // Somebody else's files stay.
    let _ = std::fs::remove_dir(folder);
    Ok(())
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

/// Makes a folder where there is none, and lets its owner alone look into it.
fn make_private(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
    only_for_the_owner(folder, 0o700)
}

#[cfg(unix)]
fn only_for_the_owner(path: &Path, mode: u32) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).map_err(|source| Error::Write { path: path.to_path_buf(), source })
}

#[cfg(not(unix))]
fn only_for_the_owner(_: &Path, _: u32) -> Result<(), Error> {
    Ok(())
}
