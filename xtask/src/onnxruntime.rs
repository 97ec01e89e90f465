//! `cargo xtask onnxruntime`: another runtime, for tests of exported models.

use std::path::Path;

use crate::packages::Packages;

/// `eyebar_testkit::onnxruntime` looks for it here.
const ONNX_RUNTIME: Packages = Packages {
    folder: "target/onnxruntime",
    witness: "onnxruntime",
    wanted: &["onnx==1.23.2", "onnxruntime==1.32.0"],
    dependencies: true,
    without: "tests of exported models in ONNX Runtime are skipped; hint: they need python3 with pip",
};

/// Installs ONNX Runtime and ONNX's checker.
pub(crate) fn install(root: &Path) {
    ONNX_RUNTIME.install(root);
}
