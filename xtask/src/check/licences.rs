//! Licences of the crates that Eyebar is built with.

use serde::Deserialize;

use super::cargo;
use super::spdx::satisfied;
use super::tree::Tree;

/// Licences that ask for no more than a notice.
const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates under a licence that asks for more, and why that is no burden: used as published, through the client of model hubs.
const EXCEPTIONS: [(&str, &str); 1] = [
    // Copyleft of single files, which are not changed.
    ("option-ext", "MPL-2.0"),
];

/// What this check reads of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// Where it was taken from; nowhere for the crates of this workspace.
    source: Option<String>,
}

/// Crates, for any platform and for tests too, whose licence is not permissive or not stated.
pub(super) fn faults(tree: &Tree) -> Result<Vec<String>, String> {
    let metadata = cargo::output(tree.root(), &["metadata", "--format-version", "1"])?;
    package_faults(&metadata)
}

fn package_faults(metadata: &[u8]) -> Result<Vec<String>, String> {
    let metadata: Metadata =
        serde_json::from_slice(metadata).map_err(|error| format!("the answer of cargo metadata: {error}"))?;
    Ok(metadata.packages.iter().filter_map(fault).collect())
}

fn fault(package: &Package) -> Option<String> {
    let crate_name = format!("{} {}", package.name, package.version);
    let Some(licence) = &package.license else {
        return Some(format!("{crate_name} states no licence"));
    };
    if package.source.is_none() {
        let ours = licence == "MIT OR Apache-2.0";
        return (!ours).then(|| format!("{crate_name} is ours, but not under MIT OR Apache-2.0"));
    }
    if EXCEPTIONS.contains(&(&package.name, licence)) {
        return None;
    }
    match satisfied(licence, &ALLOWED) {
        Ok(true) => None,
        Ok(false) => Some(format!("{crate_name} is under {licence}, which is not in the list of {}", file!())),
        Err(error) => Some(format!("{crate_name}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::package_faults;

    fn faults(licence: &str, source: &str) -> Vec<String> {
        let package = format!(r#"{{"name": "x", "version": "1.0.0", "license": {licence}, "source": {source}}}"#);
        package_faults(format!(r#"{{"packages": [{package}]}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn a_fault_names_the_crate() {
        assert_eq!(faults(r#""MIT OR GPL-3.0""#, r#""registry""#), [""; 0]);
        assert!(faults(r#""GPL-3.0""#, r#""registry""#)[0].starts_with("x 1.0.0 is under GPL-3.0"));
        assert_eq!(faults("null", r#""registry""#), ["x 1.0.0 states no licence"]);
        assert!(faults(r#""MIT OR""#, r#""registry""#)[0].contains("not a licence expression"));
    }

    #[test]
    fn our_own_crates_have_our_licence() {
        assert_eq!(faults(r#""MIT OR Apache-2.0""#, "null"), [""; 0]);
        assert!(faults(r#""MIT""#, "null")[0].contains("ours"));
    }
}
