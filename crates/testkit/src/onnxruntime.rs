//! ONNX Runtime, for tests of files that are written for others.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `cargo xtask onnxruntime` puts it, below the root.
const FOLDER: &str = "target/onnxruntime";

/// Checks `model` with ONNX's own checker and runs it in ONNX Runtime; every output is written to `out` as `NAME.npy`.
/// Says whether it was run: it is not where ONNX Runtime is not installed.
///
/// # Panics
/// When the checker or ONNX Runtime refuses the file.
pub fn run(model: &Path, out: &Path, inputs: &[(&str, PathBuf)]) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let packages = root.join(FOLDER);
    if !packages.join("onnxruntime").is_dir() {
        eprintln!("skipped: no ONNX Runtime; hint: `cargo xtask onnxruntime` installs one for tests");
        return false;
    }
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", packages);
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/run_onnx.py")).arg(model).arg(out);
    python.args(inputs.iter().map(|(name, path)| format!("{name}={}", path.display())));
    let output = python.output().expect("python3 starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}
