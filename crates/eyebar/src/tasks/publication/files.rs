//! The files of a publication: masked photographs, a report, the numbers.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use eyebar_face::Mask;
use eyebar_imaging::encode::{save, write_atomic};

use super::PublicationResult;
use crate::error::Error;
use crate::tasks::mask::file_part;

impl PublicationResult {
    /// Writes every photograph behind every mask, without any metadata, `report.html` and `results.json` to `folder`, which
    /// must be there. Answers the files' names.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        let paths: Vec<PathBuf> = self.photos.iter().map(|photo| photo.photo.clone()).collect();
        let masks: Vec<Mask> = self.masks.clone();
        let mut planned = outputs(&paths, &masks, folder).into_iter();
        let mut files = Vec::new();
        for photo in &self.photos {
            for (mask, path) in masks.iter().zip(planned.by_ref()) {
                // One that hides nothing there was not put on.
                if let Some((_, image)) = photo.masked.iter().find(|(own, _)| own == mask) {
                    save(&path, image)?;
                    files.push(path);
                }
            }
        }
        let json = serde_json::to_string_pretty(self).map_err(Error::serialise("the results"))? + "\n";
        for (path, text) in planned.zip([self.page()?, json]) {
            write_atomic(&path, text.as_bytes())?;
            files.push(path);
        }
        Ok(files)
    }
}

/// The files that are written for these photographs and masks: of each photograph one for each mask, then the report and
/// the results.
pub fn outputs(photos: &[PathBuf], masks: &[Mask], folder: &Path) -> Vec<PathBuf> {
    let mut taken = HashSet::new();
    let mut free = |stem: &str| {
        // Two photographs of different folders may have one name, and two masks.
        let mut name = stem.to_owned();
        for number in 2.. {
            if taken.insert(name.clone()) {
                break;
            }
            name = format!("{stem}-{number}");
        }
        name
    };
    let mut files = Vec::new();
    for photo in photos {
        let stem = photo.file_stem().map_or_else(|| "photo".into(), |stem| stem.to_string_lossy());
        for mask in masks {
            files.push(folder.join(format!("{}.png", free(&format!("{stem}-{}", file_part(mask))))));
        }
    }
    files.extend(["report.html", "results.json"].map(|name| folder.join(name)));
    files
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Mask, outputs};

    #[test]
    fn every_file_has_a_name_of_its_own() {
        let photos: Vec<PathBuf> = ["a/x.jpg", "b/x.png"].map(PathBuf::from).into();
        let custom = |left| Mask::Custom { left, top: 0.0, right: 2.0, bottom: 1.0 };
        let files = outputs(&photos, &[Mask::EYE_BAR, custom(-1.0), custom(1.0)], Path::new("out"));
        let names: Vec<_> = files.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
        assert_eq!(names[0], "x-eye-bar.png");
        assert_eq!(names[3], "x-eye-bar-2.png");
        let mut once = names.clone();
        once.sort();
        once.dedup();
        assert_eq!((names.len(), once.len()), (8, 8), "{names:?}");
    }
}
