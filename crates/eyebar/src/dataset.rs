//! Photographs of people: a folder for each person, or a list.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Endings of photographs.
const ENDINGS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];

/// People with their photographs.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// People in the order of their names.
    pub people: Vec<Person>,
}

/// A person of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The person's folder, or subject.
    pub name: String,
    /// Photographs: in the order of their names in a folder, in its own order in a list.
    pub photos: Vec<PathBuf>,
}

impl Person {
    /// The person with her first photographs, at most `count`.
    pub(crate) fn first(&self, count: usize) -> Self {
        Self { name: self.name.clone(), photos: self.photos.iter().take(count).cloned().collect() }
    }
}

impl Dataset {
    /// Reads `DIR/PERSON/*.jpg` (also png, webp, bmp), or a CSV file whose columns `path` and `subject` are named in its
    /// first line; paths are relative to the file.
    ///
    /// # Errors
    /// When it cannot be read, or names no photograph.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let people = if path.is_dir() { folders(path)? } else { list(path)? };
        if people.is_empty() {
            return Err(Error::Usage(format!(
                "{}: no photographs found; hint: a dataset is a folder with a folder of photographs for each person, or a \
                 CSV file with the columns path and subject",
                path.display()
            )));
        }
        let people = people.into_iter().map(|(name, photos)| Person { name, photos }).collect();
        Ok(Self { people })
    }
}

/// Whether a name ends as those of photographs do.
pub fn is_photograph(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

fn folders(path: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, Error> {
    let mut people = BTreeMap::new();
    for folder in entries(path)?.into_iter().filter(|entry| entry.is_dir()) {
        let photos = photographs_in(&folder)?;
        if let (Some(name), false) = (folder.file_name(), photos.is_empty()) {
            people.insert(name.to_string_lossy().into_owned(), photos);
        }
    }
    Ok(people)
}

/// The photographs of a folder, in the order of their names.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn photographs_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(entries(folder)?.into_iter().filter(|path| is_photograph(path) && path.is_file()).collect())
}

/// What a folder holds, in the order of names, hidden files left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let read = |source| Error::Read { path: folder.to_path_buf(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let entry = entry.map_err(read)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// The text of a list, at most 64 MiB of a regular file.
pub(crate) fn read_list(path: &Path) -> Result<String, Error> {
    const LARGEST: u64 = 64 << 20;
    let read = |source| Error::Read { path: path.to_path_buf(), source };
    let about = std::fs::metadata(path).map_err(read)?;
    if !about.is_file() || about.len() > LARGEST {
        let source = std::io::Error::other("it is no regular file of at most 64 MiB");
        return Err(Error::Read { path: path.to_path_buf(), source });
    }
    std::fs::read_to_string(path).map_err(read)
}

/// Two columns of a CSV file that are named in its first line, with the line of each row; `about` says what such a file has.
///
/// # Errors
/// When it cannot be read, or has no such columns.
pub(crate) fn columns(path: &Path, names: [&str; 2], about: &str) -> Result<Vec<(u64, [String; 2])>, Error> {
    let refuse = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(source) => Error::Read { path: path.to_path_buf(), source },
        kind => Error::Usage(format!(
            "{}: {kind:?} is no row of a list; hint: write CSV in UTF-8 with as many fields in each row as in the first",
            path.display()
        )),
    };
    let text = read_list(path)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(refuse)?.clone();
    let column = |name: &str| {
        headers.iter().position(|header| header.trim_start_matches('\u{feff}') == name).ok_or_else(|| {
            Error::Usage(format!("{}: no column {name:?} in its first line; hint: {about}", path.display()))
        })
    };
    let places = [column(names[0])?, column(names[1])?];
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(refuse)?;
        let line = row.position().map_or(0, csv::Position::line);
        rows.push((line, places.map(|place| row.get(place).unwrap_or_default().to_owned())));
    }
    Ok(rows)
}

fn list(path: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, Error> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut people: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (line, [photo, subject]) in
        columns(path, ["path", "subject"], "a list of photographs has the columns path and subject")?
    {
        if photo.is_empty() || subject.is_empty() {
            return Err(Error::Usage(format!(
                "{}: line {line} has no path or no subject; hint: fill it in, or take the line out",
                path.display()
            )));
        }
        people.entry(subject).or_default().push(folder.join(photo));
    }
    Ok(people)
}

#[cfg(test)]
mod tests {
    use super::Dataset;

    #[test]
    fn folders_and_lists() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for person in ["Bo", "Ann", "empty", ".hidden"] {
            std::fs::create_dir(at(person)).unwrap();
        }
        for file in ["Ann/2.JPG", "Ann/1.png", "Ann/notes.txt", "Ann/.x.jpg", "Bo/1.jpeg", ".hidden/1.jpg", "stray.jpg"]
        {
            std::fs::write(at(file), "").unwrap();
        }
        let shown = |dataset: &Dataset| {
            let photos = dataset.people.iter().map(|person| {
                let names =
                    person.photos.iter().map(|photo| photo.strip_prefix(folder.path()).unwrap().display().to_string());
                format!("{}: {}", person.name, names.collect::<Vec<_>>().join(" "))
            });
            photos.collect::<Vec<_>>()
        };
        assert_eq!(shown(&Dataset::open(folder.path()).unwrap()), ["Ann: Ann/1.png Ann/2.JPG", "Bo: Bo/1.jpeg"]);

        std::fs::write(
            at("list.csv"),
            "\u{feff}subject,group,path\nBo,x,Bo/1.jpeg\nAnn,y,Ann/2.JPG\nAnn,y,\"Ann/1, b.png\"\n",
        )
        .unwrap();
        assert_eq!(shown(&Dataset::open(&at("list.csv")).unwrap()), ["Ann: Ann/2.JPG Ann/1, b.png", "Bo: Bo/1.jpeg"]);
        for (text, reason) in [
            ("", "no column"),
            ("path,person\na,b\n", "subject"),
            ("path,subject\na.jpg,\n", "line 2"),
            ("path,subject\na.jpg\n", "no row"),
            ("path,subject\n", "no photographs"),
        ] {
            std::fs::write(at("bad.csv"), text).unwrap();
            let error = Dataset::open(&at("bad.csv")).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("hint:"), "{text:?}: {error}");
        }
        assert!(Dataset::open(&at("empty")).is_err());
        assert!(Dataset::open(&at("nowhere")).is_err());
    }
}
