//! The bundled models and photographs.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::path::PathBuf;
use std::sync::OnceLock;

use eyebar_face::{Detector, Embedder};
use eyebar_imaging::{Limits, RgbImage, open};
use eyebar_network::Graph;

/// The photographs with a face, in the order of the reference.
pub const PORTRAITS: [&str; 7] = [
    "astronaut.png",
    "macron-2014.jpg",
    "macron-2025.jpg",
    "ardern-2018.jpg",
    "ardern-2022.jpg",
    "obama.jpg",
    "sunak.jpg",
];

fn graph(model: &str) -> Graph {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "models", model].iter().collect();
    eyebar_network::onnx::read_file(&path).expect("a bundled model").graph
}

pub fn detector() -> &'static Detector {
    static DETECTOR: OnceLock<Detector> = OnceLock::new();
    DETECTOR.get_or_init(|| Detector::new(graph("yunet.onnx")).expect("YuNet"))
}

pub fn embedder() -> &'static Embedder {
    static EMBEDDER: OnceLock<Embedder> = OnceLock::new();
    EMBEDDER.get_or_init(|| {
        let spec = "rgb 112x112".parse().expect("an input specification");
        Embedder::new(&graph("sface.onnx"), spec, "sface@2021dec").expect("SFace")
    })
}

pub fn photo(name: &str) -> RgbImage {
    let path = eyebar_testkit::fixtures().join("photos").join(name);
    open(&path, &Limits::default()).expect("a bundled photograph").image
}
