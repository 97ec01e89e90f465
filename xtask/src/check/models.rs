//! Models against `models/manifest.toml`.

use serde::Deserialize;

use super::tree::{Tree, inside};

const FOLDER: &str = "models";

/// What this check reads of the manifest.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default, rename = "model")]
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    file: String,
    bytes: u64,
    sha256: String,
    licence: String,
    attribution: String,
    labels: Option<String>,
    source: Source,
}

#[derive(Deserialize)]
struct Source {
    url: String,
}

/// Paths of the files that the manifest describes.
pub(super) fn described(tree: &Tree) -> Result<Vec<String>, String> {
    Ok(read(tree)?.models.iter().map(|model| inside(FOLDER, &model.file)).collect())
}

/// Models that the manifest does not describe, or not as they are.
pub(super) fn faults(tree: &Tree) -> Result<Vec<String>, String> {
    let manifest = read(tree)?;
    let mut faults = Vec::new();
    for model in &manifest.models {
        faults.extend(entry_faults(tree, model)?);
    }
    for file in tree.with_extension(&["onnx"]).filter(|file| file.starts_with("models/")) {
        if !manifest.models.iter().any(|model| inside(FOLDER, &model.file) == file) {
            faults.push(format!("{file} has no entry in models/manifest.toml"));
        }
    }
    Ok(faults)
}

fn read(tree: &Tree) -> Result<Manifest, String> {
    let path = inside(FOLDER, "manifest.toml");
    toml::from_str(&tree.text(&path)?).map_err(|error| format!("{path}: {error}"))
}

fn entry_faults(tree: &Tree, model: &Model) -> Result<Vec<String>, String> {
    let file = inside(FOLDER, &model.file);
    if !tree.contains(&file) {
        return Ok(vec![format!("{file} is in models/manifest.toml, but not in the repository")]);
    }
    let mut faults = Vec::new();
    let (size, sum) = (tree.size(&file)?, tree.sha256(&file)?);
    if size != model.bytes {
        faults.push(format!("{file} has {size} bytes, its entry says {}", model.bytes));
    }
    if sum != model.sha256 {
        faults.push(format!("{file} has the SHA-256 {sum}, its entry says {}", model.sha256));
    }
    if !faults.is_empty() {
        faults.push("hint: where the file is right, run models/recipes/seal.py".to_owned());
    }
    for (what, text) in [("licence", &model.licence), ("attribution", &model.attribution), ("url", &model.source.url)] {
        if text.trim().is_empty() {
            faults.push(format!("{file} has an empty {what}"));
        }
    }
    if let Some(labels) = &model.labels
        && !tree.contains(&inside(FOLDER, labels))
    {
        faults.push(format!("{file} names the labels {labels}, which are not there"));
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ABC, repository};
    use super::{described, faults};

    fn manifest(file: &str, bytes: u64, sha256: &str) -> String {
        format!(
            "[[model]]\nfile = '{file}'\nbytes = {bytes}\nsha256 = '{sha256}'\nlicence = 'MIT'\nattribution = 'A'\n\
             source.url = 'https://example.org'\n"
        )
    }

    #[test]
    fn a_described_model_passes() {
        let (_guard, tree) =
            repository(&[("models/a.onnx", b"abc"), ("models/manifest.toml", manifest("a.onnx", 3, ABC).as_bytes())]);
        assert_eq!(faults(&tree), Ok(vec![]));
        assert_eq!(described(&tree), Ok(vec!["models/a.onnx".to_owned()]));
    }

    #[test]
    fn a_changed_model_fails_by_size_and_sum() {
        let (_guard, tree) =
            repository(&[("models/a.onnx", b"abcd"), ("models/manifest.toml", manifest("a.onnx", 3, ABC).as_bytes())]);
        let faults = faults(&tree).unwrap();
        assert!(faults[0].contains("4 bytes") && faults[1].contains("SHA-256"), "{faults:?}");
    }

    #[test]
    fn missing_and_unknown_models_fail() {
        let (_guard, tree) =
            repository(&[("models/b.onnx", b"abc"), ("models/manifest.toml", manifest("a.onnx", 3, ABC).as_bytes())]);
        let faults = faults(&tree).unwrap();
        assert!(faults[0].contains("not in the repository") && faults[1].contains("no entry"), "{faults:?}");
    }

    #[test]
    fn an_entry_without_a_licence_is_no_entry() {
        let text = manifest("a.onnx", 3, ABC).replace("licence = 'MIT'", "");
        let (_guard, tree) = repository(&[("models/a.onnx", b"abc"), ("models/manifest.toml", text.as_bytes())]);
        assert!(faults(&tree).is_err_and(|error| error.contains("licence")));
    }
}
