//! Where images and data files come from.

use super::provenance::Records;
use super::tree::Tree;

/// Files that nobody can read the origin of, in lower case. Models have a manifest, fonts a check of their own.
const EXTENSIONS: [&str; 13] =
    ["avif", "bmp", "gif", "heic", "ico", "jpeg", "jpg", "npy", "npz", "png", "safetensors", "tiff", "webp"];

/// Images and data files without a provenance, or with one that does not hold.
pub(super) fn faults(tree: &Tree) -> Result<Vec<String>, String> {
    let records = Records::read(tree)?;
    let mut faults = Vec::new();
    let models = tree.with_extension(&["onnx"]).filter(|file| !file.starts_with("models/"));
    for file in tree.with_extension(&EXTENSIONS).chain(models) {
        faults.extend(records.fault(tree, file)?);
    }
    faults.extend(records.missing(tree));
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::super::testing::repository;
    use super::faults;

    #[test]
    fn images_and_test_networks_need_a_provenance_but_sources_and_bundled_models_do_not() {
        let files: [(&str, &[u8]); 6] = [
            ("src/main.rs", b""),
            ("models/a.onnx", b""),
            ("fixtures/made/provenance.toml", b"generated = 'by make.py'"),
            ("fixtures/made/deep/a.JPG", b""),
            ("docs/b.png", b""),
            ("fixtures/c.onnx", b""),
        ];
        let (_guard, tree) = repository(&files);
        let faults = faults(&tree).unwrap();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("docs/b.png") && faults[1].starts_with("fixtures/c.onnx"), "{faults:?}");
    }
}
