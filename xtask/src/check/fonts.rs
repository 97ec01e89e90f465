//! Fonts and their licences.

use super::tree::{Tree, folder};

/// Fonts without a file beside them whose name says that it is a licence.
pub(super) fn faults(tree: &Tree) -> Result<Vec<String>, String> {
    let fonts = tree.with_extension(&["otf", "ttc", "ttf", "woff", "woff2"]);
    let bare = fonts.filter(|font| !tree.files().any(|file| folder(file) == folder(font) && is_licence(file)));
    Ok(bare.map(|font| format!("{font} has no LICENSE file beside it")).collect())
}

fn is_licence(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file).to_uppercase();
    ["LICENSE", "LICENCE", "OFL"].iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::super::testing::repository;
    use super::faults;

    #[test]
    fn the_licence_lies_in_the_same_folder() {
        let (_guard, tree) = repository(&[("LICENSE", b""), ("a/x.ttf", b""), ("b/y.ttf", b""), ("b/OFL.txt", b"")]);
        assert_eq!(faults(&tree).unwrap(), ["a/x.ttf has no LICENSE file beside it"]);
    }
}
