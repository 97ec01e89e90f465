//! The whole workshop in one command.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Folder, photo};

const FILES: [&str; 8] = [
    "output_figures/01_filters.png",
    "output_figures/02_gradcam.png",
    "output_figures/03_occlusion.png",
    "output_figures/04_cnil_mask.png",
    "report.html",
    "results.json",
    "saved_model/manifest.json",
    "saved_model/vgg16.onnx",
];

fn files_below(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(&next).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below");
                found.insert(name.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"));
            }
        }
    }
    found
}

/// Whether two results are the same, whatever the number of digits that f32 values are written with.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            (a - b).abs() <= 1e-6 * a.abs().max(b.abs())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[test]
fn the_workshop() {
    // Minutes on plain instructions; the parts of the workshop are tested with those one by one.
    if std::env::var("EYEBAR_ISA").is_ok() {
        eprintln!("skipped: EYEBAR_ISA forces slower instructions");
        return;
    }
    let folder = Folder::new();
    let run = folder.eyebar(&["demo", "--json"]).succeeds();
    assert_eq!(folder.files(), ["workshop"]);
    let workshop = folder.path("workshop");
    assert_eq!(files_below(&workshop), FILES.map(str::to_owned).into());
    for figure in &FILES[..4] {
        let picture = image::open(workshop.join(figure)).unwrap_or_else(|error| panic!("{figure}: {error}"));
        assert!(picture.width() > 400 && picture.height() > 200, "{figure}");
    }

    let (json, stored) = (run.json(), folder.bytes("workshop/results.json"));
    let stored: Value = serde_json::from_slice(&stored).expect("JSON");
    for key in ["filters", "grad_cam", "occlusion", "masks", "models", "seed"] {
        assert!(!stored[key].is_null(), "{key} is missing: {stored}");
        assert!(same(&stored[key], &json[key]), "{key}: {}\n{}", stored[key], json[key]);
    }
    let layers: Vec<_> = stored["filters"].as_array().expect("layers").iter().map(|layer| &layer["layer"]).collect();
    assert_eq!(layers, ["block1_conv2", "block3_conv3", "block5_conv3"]);
    for layer in stored["filters"].as_array().expect("layers") {
        assert_eq!(layer["filters"].as_array().map(Vec::len), Some(8), "{layer}");
    }

    let report = String::from_utf8(folder.bytes("workshop/report.html")).expect("UTF-8");
    for outside in ["src=\"http", "href=\"http", "url(http", "<link", "@import", "<script src", "fetch("] {
        assert!(!report.contains(outside), "the report needs the network: {outside}");
    }
    assert!(report.matches("src=\"data:image/").count() >= 4, "the figures are inside");

    // What was saved is a model that works, fed as its manifest says.
    let raw = |model: &str, extra: &[&str]| {
        let face = photo("astronaut.png");
        let predict = ["predict", &face, "--model", model, "--layer", "block5_pool", "--raw", "pool.npy"];
        folder.eyebar(&[&predict[..], extra].concat()).succeeds();
        folder.bytes("pool.npy")
    };
    let bundled = raw("vgg16", &[]);
    let spec = "bgr 224x224 nhwc mean=103.939,116.779,123.68";
    assert!(
        raw("workshop/saved_model/vgg16.onnx", &["--input", spec]) == bundled,
        "the saved model says something else"
    );
}
