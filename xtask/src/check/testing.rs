//! Repositories for tests.

use std::fs;

use tempfile::TempDir;

use super::tree::Tree;

/// A repository with these files, and its folder, which lives as long as the guard.
pub(super) fn repository(files: &[(&str, &[u8])]) -> (TempDir, Tree) {
    let guard = tempfile::tempdir().expect("a temporary folder");
    for (path, content) in files {
        let path = guard.path().join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
    let tree = Tree::open(guard.path()).expect("a readable folder");
    (guard, tree)
}

/// SHA-256 of `abc`.
pub(super) const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
