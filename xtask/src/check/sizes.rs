//! Large files.

use super::models;
use super::provenance::Records;
use super::tree::Tree;

/// Bytes from which a file must say where it comes from, whatever its kind.
const LARGE: u64 = 1_000_000;

/// Large files that neither the manifest of the models nor a `provenance.toml` accounts for.
pub(super) fn faults(tree: &Tree) -> Result<Vec<String>, String> {
    let (records, models) = (Records::read(tree)?, models::described(tree)?);
    let mut faults = Vec::new();
    for file in tree.files().filter(|file| !models.iter().any(|model| model == file)) {
        let size = tree.size(file)?;
        if size > LARGE
            && let Some(fault) = records.fault(tree, file)?
        {
            faults.push(format!("{:.1} MB: {fault}", size as f64 / 1e6));
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::super::testing::repository;
    use super::{LARGE, faults};

    #[test]
    fn only_large_files_without_provenance_fail() {
        let (small, large) = (vec![0; LARGE as usize], vec![0; LARGE as usize + 1]);
        let files: [(&str, &[u8]); 5] = [
            ("models/manifest.toml", b""),
            ("small", &small),
            ("large", &large),
            ("made/large", &large),
            ("made/provenance.toml", b"generated = 'by make.py'"),
        ];
        let (_guard, tree) = repository(&files);
        let faults = faults(&tree).unwrap();
        assert!(faults.len() == 1 && faults[0].starts_with("1.0 MB: large "), "{faults:?}");
    }
}
