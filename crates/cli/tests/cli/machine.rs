//! What programs read: JSON from every command, arrays that numpy reads, and nothing else on standard output.

use serde_json::Value;

use crate::harness::{Folder, Network, Outcome, photo};

/// Every number of `value`, wherever it stands.
fn numbers(value: &Value, found: &mut Vec<f64>) {
    match value {
        Value::Number(number) => found.extend(number.as_f64()),
        Value::Array(values) => values.iter().for_each(|value| numbers(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| numbers(value, found)),
        _ => {}
    }
}

/// The JSON of a command. It holds each number that the text shows: rounded there, in percent or in millions perhaps, and
/// a rise where the JSON has a negative drop.
fn same_facts(text: &Outcome, json: &Outcome) -> Value {
    let json = json.json();
    assert_eq!(json["eyebar"], env!("CARGO_PKG_VERSION"), "{json}");
    let mut known = Vec::new();
    numbers(&json, &mut known);
    // Table cells stand two spaces apart.
    let rows = text.out.lines().filter(|line| !line.contains('─') && !line.starts_with("wrote"));
    let cells = rows.flat_map(|line| line.split("  ")).map(|cell| cell.trim().replace('\u{2212}', "-"));
    let mut checked = 0;
    for cell in cells.filter(|cell| cell.contains('.') || cell.contains("e-")) {
        let Ok(shown) = cell.parse::<f64>() else { continue };
        let digits = cell.split(['e', 'E']).next().and_then(|cell| cell.split_once('.')).map_or(0, |(_, d)| d.len());
        let power = cell.split_once('e').map_or(0, |(_, power)| power.parse::<i32>().expect("an exponent"));
        let rounding = 0.5001 * 10f64.powi(power - digits as i32) + 1e-6 * shown.abs();
        let holds = known
            .iter()
            .any(|&x| [1.0, 100.0, 1e-6].iter().any(|scale| ((x * scale).abs() - shown.abs()).abs() <= rounding));
        assert!(holds, "{shown} is not in the JSON\n{text}\n{json}");
        checked += 1;
    }
    assert!(checked > 1, "no number was shown\n{text}");
    json
}

#[test]
fn every_command_prints_the_same_facts_as_json() {
    let (folder, network) = (Folder::new(), Network::open("resnet_basic"));
    network.write_input(&folder, "x.npy");
    let (model, portrait) = (network.model.as_str(), photo("astronaut.png"));
    let occlude = ["occlude", &portrait, "--patch", "112", "--stride", "75", "--raw", "o.npy"];
    let filters = ["filters", "--layer", "block1_conv1", "--filters", "0..2", "--steps", "2", "--size", "24"];
    for (command, keys) in [
        (&["models"][..], &["models"][..]),
        (&["inspect", "--model", "yunet"], &["layers", "parameters", "multiply_adds"]),
        (&["predict", &portrait], &["model", "classes", "shape"]),
        (&["predict", &portrait, "--model", "sface"], &["model", "layer", "shape"]),
        (&["predict", "x.npy", "--model", model, "--raw", "y.npy"], &["classes", "files", "shape"]),
        (&filters, &["layers", "model_sha256", "seed", "files"]),
        (&["cam", &portrait, "--raw", "c.npy"], &["layer", "target", "class", "score", "shape", "regions", "files"]),
        (&occlude, &["patch", "stride", "fill", "score", "min", "max", "regions", "files"]),
        (&["mask", &portrait, "--out", "m.png"], &["mask", "faces", "covered", "files"]),
        (&["quantize", model, "--out", "q.onnx", "--smallest", "1024"], &["bytes_before", "bytes_after", "drift"]),
    ] {
        let text = folder.eyebar(command).succeeds();
        let json = folder.eyebar(&[command, &["--json"]].concat()).succeeds();
        assert!(text.err.is_empty() && json.err.is_empty(), "{text}{json}");
        let json = same_facts(&text, &json);
        for key in keys {
            assert!(!json[*key].is_null(), "{command:?}: {key} is missing: {json}");
        }
        for file in json["files"].as_array().into_iter().flatten() {
            let name = file.as_str().expect("a name");
            assert!(folder.path(name).is_file() && text.out.contains(name), "{name}: {text}");
        }
    }
}

/// The header is numpy's own, version 1.0: little-endian float32, C order, data from a multiple of 64 on.
#[test]
fn arrays_are_read_by_numpy() {
    let (folder, network) = (Folder::new(), Network::open("resnet_basic"));
    network.write_input(&folder, "x.npy");
    let model = network.model.as_str();
    let layer = network.layer();
    for command in [
        &["predict", "x.npy", "--model", model][..],
        &["predict", "x.npy", "--model", model, "--layer", &layer],
        &["cam", "x.npy", "--model", model, "--layer", &layer],
        &["occlude", "x.npy", "--model", model, "--patch", "64", "--stride", "64"],
    ] {
        folder.eyebar(&[command, &["--raw", "y.npy"]].concat()).succeeds();
        let bytes = folder.bytes("y.npy");
        assert_eq!(bytes[..8], *b"\x93NUMPY\x01\0");
        let data = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!(data % 64, 0);
        let header = std::str::from_utf8(&bytes[10..data]).expect("ASCII");
        let array = folder.read_array("y.npy");
        let shape: Vec<_> = array.shape().iter().map(usize::to_string).collect();
        let expected = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", shape.join(", "));
        assert_eq!(header.trim_end(), expected);
        assert!(header.ends_with('\n'));
        assert_eq!(bytes.len() - data, 4 * array.len());
    }
}

/// Maps of bundled models have the resolution of the layer, and are not scaled.
#[test]
fn maps_of_bundled_models_are_raw() {
    let folder = Folder::new();
    let face = photo("ardern-2018.jpg");
    let other = format!("similarity:{}", photo("ardern-2022.jpg"));
    for (command, shape) in [
        (&["cam", &face, "--layer", "block3_project"][..], [56, 56]),
        (&["cam", &face, "--layer", "head"], [7, 7]),
        (&["cam", &face, "--model", "sface", "--layer", "conv_5_conv2d", "--target", &other], [28, 28]),
        (&["occlude", &face, "--patch", "112", "--stride", "112"], [224, 224]),
    ] {
        let json = folder.eyebar(&[command, &["--raw", "map.npy", "--json"]].concat()).succeeds().json();
        let map = folder.read_array("map.npy");
        assert_eq!(map.shape(), shape, "{command:?}");
        let largest = map.data().iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert!((json["max"].as_f64().expect("a number") - f64::from(largest)).abs() < 1e-6, "{json}");
        assert!(command[0] == "occlude" || map.data().iter().all(|&value| value >= 0.0), "the ReLU was applied");
        assert_eq!(folder.files(), ["map.npy"], "--raw alone writes nothing else");
    }
}
