//! `provenance.toml`: where the files of a folder come from.
//!
//! The rule is the same everywhere: the nearest `provenance.toml`, in a file's own folder or one above it, either lists
//! the file under `[[image]]` with its source, author, licence and SHA-256, or says `generated = "how"`.

use serde::Deserialize;

use super::tree::{Tree, folder as parent, inside};

const NAME: &str = "provenance.toml";

/// One `provenance.toml`.
#[derive(Deserialize)]
struct Provenance {
    generated: Option<String>,
    #[serde(default, rename = "image")]
    images: Vec<Image>,
}

#[derive(Deserialize)]
struct Image {
    file: String,
    sha256: String,
    author: String,
    source: String,
    licence: String,
}

/// All of them, with their folders.
pub(super) struct Records(Vec<(String, Provenance)>);

impl Records {
    pub(super) fn read(tree: &Tree) -> Result<Self, String> {
        let paths = tree.files().filter(|file| file.rsplit('/').next() == Some(NAME));
        let record = |path: &str| {
            let record = toml::from_str(&tree.text(path)?).map_err(|error| format!("{path}: {error}"))?;
            Ok((parent(path).to_owned(), record))
        };
        paths.map(record).collect::<Result<_, String>>().map(Self)
    }

    /// What is wrong with the provenance of `file`, if anything.
    pub(super) fn fault(&self, tree: &Tree, file: &str) -> Result<Option<String>, String> {
        let Some((folder, record)) = self.nearest(file) else {
            return Ok(Some(format!("{file} has no provenance; hint: put a {NAME} beside it (CONTRIBUTING.md)")));
        };
        let Some(image) = record.images.iter().find(|image| inside(folder, &image.file) == file) else {
            let generated = record.generated.as_deref().is_some_and(|how| !how.trim().is_empty());
            return Ok((!generated).then(|| format!("{file} is not listed in {}", inside(folder, NAME))));
        };
        let sum = tree.sha256(file)?;
        let vague = [&image.author, &image.source, &image.licence].iter().any(|text| text.trim().is_empty());
        Ok(if sum != image.sha256 {
            Some(format!("{file} has the SHA-256 {sum}, its provenance says {}", image.sha256))
        } else if vague {
            Some(format!("{file} has no author, source or licence in {}", inside(folder, NAME)))
        } else {
            None
        })
    }

    /// Files that are listed, but not there.
    pub(super) fn missing(&self, tree: &Tree) -> Vec<String> {
        let listed = self.0.iter().flat_map(|(folder, record)| {
            record.images.iter().map(move |image| (inside(folder, &image.file), inside(folder, NAME)))
        });
        let missing = listed.filter(|(file, _)| !tree.contains(file));
        missing.map(|(file, list)| format!("{file} is listed in {list}, but not in the repository")).collect()
    }

    fn nearest(&self, file: &str) -> Option<(&str, &Provenance)> {
        let mut place = parent(file);
        loop {
            if let Some((folder, record)) = self.0.iter().find(|(folder, _)| folder == place) {
                return Some((folder, record));
            }
            if place.is_empty() {
                return None;
            }
            place = parent(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ABC, repository};
    use super::Records;

    fn entry(file: &str, sha256: &str, author: &str) -> String {
        format!(
            "[[image]]\nfile = '{file}'\nsha256 = '{sha256}'\nauthor = '{author}'\nsource = 'S'\nlicence = 'CC0-1.0'\n"
        )
    }

    fn fault(provenance: &str, file: &str) -> Option<String> {
        let files: [(&str, &[u8]); 3] =
            [("a/provenance.toml", provenance.as_bytes()), ("a/b/x.png", b"abc"), ("y.png", b"abc")];
        let (_guard, tree) = repository(&files);
        Records::read(&tree).unwrap().fault(&tree, file).unwrap()
    }

    #[test]
    fn listed_files_need_the_right_sum_and_an_author() {
        assert_eq!(fault(&entry("b/x.png", ABC, "A"), "a/b/x.png"), None);
        assert!(fault(&entry("b/x.png", "0", "A"), "a/b/x.png").is_some_and(|fault| fault.contains("SHA-256")));
        assert!(fault(&entry("b/x.png", ABC, " "), "a/b/x.png").is_some_and(|fault| fault.contains("author")));
        assert!(fault(&entry("z.png", ABC, "A"), "a/b/x.png").is_some_and(|fault| fault.contains("not listed")));
    }

    #[test]
    fn generated_folders_say_how() {
        assert_eq!(fault("generated = 'by make.py'", "a/b/x.png"), None);
        assert!(fault("generated = ''", "a/b/x.png").is_some());
        assert!(fault("generated = 'by make.py'", "y.png").is_some_and(|fault| fault.contains("no provenance")));
    }

    #[test]
    fn listed_files_must_be_there() {
        let (_guard, tree) = repository(&[("a/provenance.toml", entry("x.png", ABC, "A").as_bytes())]);
        let missing = Records::read(&tree).unwrap().missing(&tree);
        assert_eq!(missing, ["a/x.png is listed in a/provenance.toml, but not in the repository"]);
    }

    #[test]
    fn an_entry_without_a_licence_is_no_entry() {
        let text = entry("x.png", ABC, "A").replace("licence", "license");
        let (_guard, tree) = repository(&[("a/provenance.toml", text.as_bytes())]);
        assert!(Records::read(&tree).is_err_and(|error| error.contains("licence")));
    }
}
