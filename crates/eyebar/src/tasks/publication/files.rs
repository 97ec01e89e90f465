//! The files of a publication: masked photographs, a report, the numbers.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use eyebar_imaging::encode::{save, write_atomic};

use super::PublicationResult;
use crate::error::Error;

impl PublicationResult {
    /// Writes every photograph behind every mask, without any metadata, `report.html` and `results.json` to `folder`, which
    /// must be there. Answers the files' names.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        let mut taken = HashSet::new();
        for photo in &self.photos {
            let stem = photo.photo.file_stem().map_or_else(|| "photo".into(), |stem| stem.to_string_lossy());
            // Two photographs of different folders may have one name.
            let mut name = stem.to_string();
            for number in 2.. {
                if taken.insert(name.clone()) {
                    break;
                }
                name = format!("{stem}-{number}");
            }
            for (mask, image) in &photo.masked {
                let mask: String =
                    mask.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
                let path = folder.join(format!("{name}-{mask}.png"));
                save(&path, image)?;
                files.push(path);
            }
        }
        let json = serde_json::to_string_pretty(self).map_err(Error::serialise("the results"))? + "\n";
        for (name, text) in [("report.html", self.page()?), ("results.json", json)] {
            let path = folder.join(name);
            write_atomic(&path, text.as_bytes())?;
            files.push(path);
        }
        Ok(files)
    }
}
