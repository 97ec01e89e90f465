//! What is exported, in another runtime.

use std::path::PathBuf;

use eyebar_tensor::Tensor;
use eyebar_testkit::onnxruntime;
use serde_json::Value;

use crate::harness::{Folder, Network, fixture, photo};
use crate::networks::NETWORKS;

/// Largest difference of the two runtimes, relative to the largest value.
const SAME: f32 = 1e-5;

/// Networks whose gradient down to the layer has no form in ONNX's operators (GELU and layer normalisation).
const NOT_STANDARD: [&str; 2] = ["convnext", "convnext_decomposed"];

fn assert_same(what: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    let largest = expected.data().iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let worst = found.data().iter().zip(expected.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= SAME * largest, "{what}: {worst} of {largest}");
}

fn manifest(folder: &Folder, name: &str) -> Value {
    serde_json::from_slice(&folder.bytes(name)).expect("a manifest")
}

/// Runs an exported model in ONNX Runtime; nothing where there is none.
fn elsewhere(folder: &Folder, model: &str, inputs: &[(&str, &str)]) -> Option<()> {
    let inputs: Vec<(&str, PathBuf)> = inputs.iter().map(|(name, file)| (*name, folder.path(file))).collect();
    onnxruntime::run(&folder.path(model), &folder.path(""), &inputs).then_some(())
}

#[test]
fn a_part_of_a_model_answers_alike_elsewhere() {
    let folder = Folder::new();
    let picture = Tensor::from_fn(&[1, 3, 224, 224], |at| ((at * 7919) % 1009) as f32 / 504.5 - 1.0);
    folder.write_array("x.npy", &picture);
    let model = ["--model", "efficientnet-lite0"];
    let layer = "block3_output";
    let layers = folder.eyebar(&["inspect", "--model", "efficientnet-lite0", "--json"]).succeeds().json();
    let known: Vec<_> = layers["layers"].as_array().expect("layers").iter().map(|l| l["layer"].as_str()).collect();
    let layer = if known.contains(&Some(layer)) { layer } else { known[10].expect("a name") };
    folder.eyebar(&["export", "efficientnet-lite0", "--layer", layer, "--out", "part.onnx"]).succeeds();
    let manifest = manifest(&folder, "part.json");
    assert!(manifest["licence"] == "Apache-2.0" && manifest["input"]["layout"] == "NCHW", "{manifest}");
    let output = manifest["outputs"][0]["name"].as_str().expect("a name").to_owned();
    folder.eyebar(&[&["predict", "x.npy", "--layer", layer, "--raw", "y.npy"], &model[..]].concat()).succeeds();
    let input = manifest["input"]["name"].as_str().expect("a name");
    if elsewhere(&folder, "part.onnx", &[(input, "x.npy")]).is_some() {
        assert_same(layer, &folder.read_array(&format!("{output}.npy")), &folder.read_array("y.npy"));
    }
    // And here.
    folder.eyebar(&["predict", "x.npy", "--model", "part.onnx", "--raw", "z.npy"]).succeeds();
    assert_same(layer, &folder.read_array("z.npy"), &folder.read_array("y.npy"));
}

/// Channels last and blue first (vgg16), channels first and red first (sface).
#[test]
fn preprocessing_can_be_part_of_a_model() {
    for (model, side) in [("vgg16", 64usize), ("sface", 112)] {
        let folder = Folder::new();
        let side_text = side.to_string();
        let size = ["--size", &side_text];
        folder.eyebar(&[&["export", model, "--out", "plain.onnx"], &size[..]].concat()).succeeds();
        folder
            .eyebar(&[&["export", model, "--with-preprocessing", "--out", "all.onnx"], &size[..]].concat())
            .succeeds();
        let (plain, all) = (manifest(&folder, "plain.json"), manifest(&folder, "all.json"));
        assert_eq!(all["input"]["name"], "image");
        let picture = Tensor::from_fn(&[1, side, side, 3], |at| ((at * 7919) % 256) as f32);
        folder.write_array("picture.npy", &picture);
        // As the manifest of the plain model says.
        let fed = &plain["input"];
        let number = |key: &str, channel: usize| fed[key][channel].as_f64().expect("a number") as f32;
        let is_last = fed["layout"] == "NHWC";
        let shape = if is_last { [1, side, side, 3] } else { [1, 3, side, side] };
        let prepared = Tensor::from_fn(&shape, |at| {
            let (pixel, channel) = if is_last { (at / 3, at % 3) } else { (at % (side * side), at / (side * side)) };
            let colour = if fed["colour"] == "BGR" { 2 - channel } else { channel };
            (picture.data()[pixel * 3 + colour] - number("mean", channel)) * number("scale", channel)
        });
        folder.write_array("prepared.npy", &prepared);
        folder.eyebar(&["predict", "prepared.npy", "--model", model, "--raw", "y.npy"]).succeeds();
        if elsewhere(&folder, "all.onnx", &[("image", "picture.npy")]).is_some() {
            let output = all["outputs"][0]["name"].as_str().expect("a name");
            assert_same(model, &folder.read_array(&format!("{output}.npy")), &folder.read_array("y.npy"));
        }
    }
}

#[test]
fn other_runtimes_explain_what_they_predict() {
    for name in NETWORKS {
        let (folder, network) = (Folder::new(), Network::open(name));
        network.write_input(&folder, "x.npy");
        let (layer, target) = (network.layer(), format!("class:{}", network.class));
        let size = match *folder.read_array("x.npy").shape() {
            [_, height, width, 3] => format!("{width}x{height}"),
            [_, _, height, width] => format!("{width}x{height}"),
            ref other => panic!("{name}: {other:?}"),
        };
        let explained = ["--with-explanation", "grad-cam", "--layer", &layer, "--target", &target];
        let written = ["--size", &size, "--out", "e.onnx"];
        let run = folder.eyebar(&[&["export", &network.model], &explained[..], &written[..]].concat());
        if NOT_STANDARD.contains(&name) {
            run.fails(1, &["no form in the operators of ONNX", "hint:"]);
            continue;
        }
        run.succeeds();
        let manifest = manifest(&folder, "e.json");
        assert_eq!(manifest["explanation"]["method"], "grad-cam");
        let cam = ["cam", "x.npy", "--model", &network.model, "--layer", &layer, "--target", &target];
        folder.eyebar(&[&cam[..], &["--raw", "map.npy"]].concat()).succeeds();
        let input = manifest["input"]["name"].as_str().expect("a name");
        if elsewhere(&folder, "e.onnx", &[(input, "x.npy")]).is_some() {
            let map = folder.read_array("heat_map.npy");
            let map = Tensor::new(&map.shape()[1..], map.data().to_vec()).expect("one map");
            assert_same(name, &map, &folder.read_array("map.npy"));
        }
    }
}

/// PReLU (sface), and maxima over windows (vgg16): the likeness to an embedding that is fed beside the picture.
#[test]
fn other_runtimes_explain_likeness() {
    for (model, layer, shape) in [("sface", None, [1, 3, 112, 112]), ("vgg16", Some("block3_conv3"), [1, 64, 64, 3])] {
        let folder = Folder::new();
        let picture = |seed: usize| Tensor::from_fn(&shape, |at| ((at * seed) % 1009) as f32 / 4.0);
        folder.write_array("a.npy", &picture(7919));
        folder.write_array("b.npy", &picture(7877));
        let layer: Vec<&str> = layer.into_iter().flat_map(|layer| ["--layer", layer]).collect();
        let explained = ["export", model, "--with-explanation", "grad-cam", "--size", "64", "--out", "e.onnx"];
        let explained = if model == "sface" { [&explained[..4], &explained[6..]].concat() } else { explained.to_vec() };
        folder.eyebar(&[&explained[..], &layer].concat()).succeeds();
        let cam = ["cam", "a.npy", "--model", model, "--target", "similarity:b.npy", "--raw", "map.npy"];
        folder.eyebar(&[&cam[..], &layer].concat()).succeeds();
        folder.eyebar(&["predict", "b.npy", "--model", model, "--raw", "b_out.npy"]).succeeds();
        let embedding = folder.read_array("b_out.npy");
        folder.write_array("r.npy", &Tensor::new(&[1, embedding.len()], embedding.data().to_vec()).expect("a row"));
        let manifest = manifest(&folder, "e.json");
        let input = manifest["input"]["name"].as_str().expect("a name");
        if elsewhere(&folder, "e.onnx", &[(input, "a.npy"), ("reference", "r.npy")]).is_some() {
            let map = folder.read_array("heat_map.npy");
            let map = Tensor::new(&map.shape()[1..], map.data().to_vec()).expect("one map");
            assert_same(model, &map, &folder.read_array("map.npy"));
        }
    }
}

/// Whatever class is highest: the file knows which, and the gradient goes there.
#[test]
fn other_runtimes_explain_the_highest_class() {
    let folder = Folder::new();
    folder.write_array("x.npy", &Tensor::from_fn(&[1, 3, 224, 224], |at| ((at * 7919) % 1009) as f32 / 504.5 - 1.0));
    folder.eyebar(&["export", "efficientnet-lite0", "--with-explanation", "grad-cam", "--out", "e.onnx"]).succeeds();
    folder.eyebar(&["cam", "x.npy", "--model", "efficientnet-lite0", "--raw", "map.npy"]).succeeds();
    let manifest = manifest(&folder, "e.json");
    assert_eq!(manifest["labels"].as_array().map(Vec::len), Some(1000));
    let input = manifest["input"]["name"].as_str().expect("a name");
    if elsewhere(&folder, "e.onnx", &[(input, "x.npy")]).is_some() {
        let map = folder.read_array("heat_map.npy");
        let map = Tensor::new(&map.shape()[1..], map.data().to_vec()).expect("one map");
        assert_same("efficientnet-lite0", &map, &folder.read_array("map.npy"));
    }
}

/// Weights of f16 are widened as they are here; products of codes are rounded at the same places, but for sums that lie
/// between two codes. On a face, because codes are chosen for faces: noise leaves their range, and runtimes (ONNX Runtime
/// with and without its own optimisations, too) differ ten times as much.
#[test]
fn other_runtimes_run_quantised_models() {
    let folder = Folder::new();
    let face = ["predict", &photo("obama.jpg"), "--model", "sface", "--layer", "data", "--raw", "x.npy"];
    folder.eyebar(&face).succeeds();
    let photos = fixture("photos");
    for (kind, more, least) in [("f16", &[][..], 0.999_999), ("int8", &["--calibrate", &photos][..], 0.9995)] {
        folder.eyebar(&[&["quantize", "sface", "--kind", kind, "--out", "q.onnx"], more].concat()).succeeds();
        folder.eyebar(&["predict", "x.npy", "--model", "q.onnx", "--raw", "y.npy"]).succeeds();
        if elsewhere(&folder, "q.onnx", &[("data", "x.npy")]).is_some() {
            let (found, expected) = (folder.read_array("fc1.npy"), folder.read_array("y.npy"));
            let dot = |a: &Tensor, b: &Tensor| a.data().iter().zip(b.data()).map(|(a, b)| a * b).sum::<f32>();
            let cosine = dot(&found, &expected) / (dot(&found, &found) * dot(&expected, &expected)).sqrt();
            assert!(cosine >= least, "{kind}: {cosine}");
        }
    }
}

#[test]
fn weights_alone_come_with_their_nodes() {
    let folder = Folder::new();
    folder.eyebar(&["export", "yunet", "--out", "w.safetensors"]).succeeds();
    let bytes = folder.bytes("w.safetensors");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("a header");
    let manifest = manifest(&folder, "w.json");
    let nodes = manifest["nodes"].as_array().expect("nodes");
    let read = nodes.iter().flat_map(|node| node["inputs"].as_array().expect("inputs"));
    let stored = read.filter(|name| header.get(name.as_str().expect("a name")).is_some()).count();
    assert!(stored > 20 && nodes.iter().any(|node| node["attributes"]["kernel_shape"].is_array()), "{stored}");
}

#[test]
fn what_cannot_be_exported_is_said() {
    let folder = Folder::new();
    let (photo, any_size) = (fixture("photos/sunak.jpg"), Network::open("shufflenet_v2").model);
    let likeness = format!("similarity:{photo}");
    let explained = ["--with-explanation", "grad-cam"];
    for (arguments, code, reason) in [
        (&["sface", "--out", "x.bin"][..], 2, "no such format"),
        (&["vgg16", "--out", "x.onnx", "--layer", "block9"], 2, "block9"),
        (&[&any_size, "--out", "x.onnx", explained[0], explained[1]], 2, "--size"),
        (&["sface", "--out", "x.onnx", explained[0], explained[1], "--target", &likeness], 2, "template"),
        (&["sface", "--out", "x.safetensors", explained[0], explained[1]], 2, "weights alone"),
        (&["efficientnet-lite0", "--out", "x.onnx", explained[0], explained[1], "--target", "class:tabbi"], 2, "tabby"),
        (&["efficientnet-lite0", "--out", "x.onnx", explained[0], explained[1], "--target", "class:1000"], 2, "1000"),
        (&["none.onnx", "--out", "x.onnx"], 1, "no such file"),
    ] {
        folder.eyebar(&[&["export"], arguments].concat()).fails(code, &[reason, "hint:"]);
    }
    assert!(folder.files().is_empty(), "{:?}", folder.files());
}
