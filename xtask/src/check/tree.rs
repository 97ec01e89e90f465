//! The files of the repository.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use sha2::{Digest, Sha256};

/// The files of a repository: those that git tracks or would track, or, outside a checkout, those on the disk.
pub(super) struct Tree {
    root: PathBuf,
    files: Vec<String>,
}

impl Tree {
    /// Lists the files below `root`.
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let fail = |error: io::Error| format!("{}: {error}", root.display());
        let mut files = match git(root) {
            Some(files) => files,
            None => {
                let mut files = Vec::new();
                walk(root, "", &mut files).map_err(fail)?;
                files
            }
        };
        files.retain(|file| root.join(file).is_file());
        files.sort();
        Ok(Self { root: root.to_owned(), files })
    }

    /// The folder that all paths are relative to.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Paths from the root, with `/` on every system, in order.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// Whether `file` is one of the files.
    pub(super) fn contains(&self, file: &str) -> bool {
        self.files.binary_search_by(|other| other.as_str().cmp(file)).is_ok()
    }

    /// The files with one of these extensions, in lower case.
    pub(super) fn with_extension(&self, extensions: &[&str]) -> impl Iterator<Item = &str> {
        self.files().filter(|file| {
            let extension = Path::new(file).extension().and_then(|extension| extension.to_str());
            extension.is_some_and(|extension| extensions.contains(&extension.to_lowercase().as_str()))
        })
    }

    pub(super) fn read(&self, file: &str) -> Result<Vec<u8>, String> {
        fs::read(self.root.join(file)).map_err(|error| format!("{file}: {error}"))
    }

    pub(super) fn text(&self, file: &str) -> Result<String, String> {
        String::from_utf8(self.read(file)?).map_err(|_| format!("{file} is not UTF-8"))
    }

    /// Number of bytes.
    pub(super) fn size(&self, file: &str) -> Result<u64, String> {
        fs::metadata(self.root.join(file)).map(|data| data.len()).map_err(|error| format!("{file}: {error}"))
    }

    /// SHA-256 in lower-case hexadecimal digits.
    pub(super) fn sha256(&self, file: &str) -> Result<String, String> {
        let mut digits = String::with_capacity(64);
        for byte in Sha256::digest(self.read(file)?) {
            let _ = write!(digits, "{byte:02x}");
        }
        Ok(digits)
    }
}

/// The folder of a file, without a slash at its end; empty for the root.
pub(super) fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// `name` inside `folder`.
pub(super) fn inside(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn git(root: &Path) -> Option<Vec<String>> {
    // A checkout inside another repository would list nothing of its own.
    root.join(".git").exists().then_some(())?;
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root).output().ok()?;
    output.status.success().then_some(())?;
    let list = String::from_utf8(output.stdout).ok()?;
    Some(list.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect())
}

fn walk(root: &Path, below: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = inside(below, &entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            // Build folders carry this tag, wherever they are.
            if path != ".git" && !entry.path().join("CACHEDIR.TAG").exists() {
                walk(root, &path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::repository;
    use super::{Tree, folder, inside};

    #[test]
    fn lists_files_but_no_build_folder() {
        let (guard, _) =
            repository(&[("b/x.PNG", b"abc"), ("a.rs", b""), ("target/CACHEDIR.TAG", b""), ("target/c.png", b"")]);
        let tree = Tree::open(guard.path()).unwrap();
        assert_eq!(tree.files().collect::<Vec<_>>(), ["a.rs", "b/x.PNG"]);
        assert_eq!(tree.with_extension(&["png"]).collect::<Vec<_>>(), ["b/x.PNG"]);
        assert!(tree.contains("b/x.PNG") && !tree.contains("x.PNG"));
        assert_eq!(tree.size("b/x.PNG"), Ok(3));
        // FIPS 180-2, example B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(tree.sha256("b/x.PNG").unwrap(), expected);
        assert!(tree.read("none").is_err_and(|error| error.starts_with("none: ")));
    }

    #[test]
    fn folders_and_files() {
        assert_eq!((folder("a/b/c"), folder("c")), ("a/b", ""));
        assert_eq!((inside("a", "b"), inside("", "b")), ("a/b".to_owned(), "b".to_owned()));
    }
}
