//! Model files that are broken, or made to break whoever reads them.

use eyebar_tensor::Tensor;

use crate::harness::{Folder, Network, Outcome, fixture, photo};
use crate::onnx::{Message, floats, integers, model, node, scalar, small, value, with_int, with_ints};

/// A folder with `m.onnx` and an input `x.npy` of `[1, 3, 8, 8]`.
pub(crate) fn folder(bytes: &[u8]) -> Folder {
    let folder = Folder::new();
    folder.write("m.onnx", bytes);
    folder.write_array("x.npy", &Tensor::from_fn(&[1, 3, 8, 8], |index| index as f32 / 192.0));
    folder
}

fn predict(bytes: &[u8]) -> Outcome {
    folder(bytes).eyebar(&["predict", "x.npy", "--model", "m.onnx"])
}

/// Both commands that build a graph of the model refuse it, and write nothing.
pub(crate) fn is_refused(what: &str, bytes: &[u8], parts: &[&str]) {
    let folder = folder(bytes);
    for command in [
        &["predict", "x.npy", "--model", "m.onnx", "--raw", "y.npy"][..],
        &["cam", "x.npy", "--model", "m.onnx", "--layer", "x"],
    ] {
        let outcome = folder.eyebar(command);
        assert!(outcome.code == 1 || outcome.code == 2, "{what}: {outcome}");
        for part in parts {
            assert!(outcome.err.contains(part), "{what}: {part:?} is missing\n{outcome}");
        }
    }
    assert_eq!(folder.files(), ["m.onnx", "x.npy"], "{what}");
}

/// A convolution to ten channels and their means: a network that works.
pub(crate) fn sound() -> (Vec<Message>, Vec<Message>) {
    let weights: Vec<f32> = (0..270).map(|index| (index as f32 * 0.7).sin()).collect();
    let conv = with_ints(node("Conv", &["x", "w"], "a"), "kernel_shape", &[3, 3]);
    let nodes = vec![conv, node("GlobalAveragePool", &["a"], "p"), with_int(node("Flatten", &["p"], "y"), "axis", 1)];
    (nodes, vec![floats("w", &[10, 3, 3, 3], &weights)])
}

#[test]
fn the_sound_model_works() {
    let (nodes, constants) = sound();
    let folder = folder(&small(&nodes, &constants));
    folder.eyebar(&["predict", "x.npy", "--model", "m.onnx"]).succeeds();
    folder.eyebar(&["cam", "x.npy", "--model", "m.onnx", "--raw", "map.npy"]).succeeds();
    assert_eq!(folder.read_array("map.npy").shape(), [6, 6], "the last convolution is the default layer");
    folder.eyebar(&["inspect", "--model", "m.onnx"]).succeeds();
}

#[test]
fn files_that_are_no_models() {
    let photo = std::fs::read(photo("obama.jpg")).expect("a photograph");
    let noise: Vec<u8> = (0..5000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (what, bytes) in [("empty", &[][..]), ("text", b"not a model\n"), ("JPEG", &photo), ("noise", &noise)] {
        is_refused(what, bytes, &["m.onnx", "not an ONNX model", "hint"]);
    }
}

#[test]
fn truncated_files() {
    let network = Network::open("squeezenet_nhwc");
    let bytes = std::fs::read(&network.model).expect("readable");
    for length in [1, 10, 100, bytes.len() / 2, bytes.len() - 1] {
        predict(&bytes[..length]).fails(1, &["m.onnx", "not an ONNX model", "truncated"]);
    }
}

#[test]
fn a_model_that_is_not_there() {
    let folder = Folder::new();
    folder.eyebar(&["inspect", "--model", "none.onnx"]).fails(1, &["none.onnx", "no such file", "hint"]);
    folder.eyebar(&["inspect", "--model", "."]).fails(1, &["directory", "hint"]);
    folder.eyebar(&["inspect", "--model", "vgg61"]).fails(2, &["vgg61", "did you mean vgg16"]);
    if cfg!(target_os = "linux") {
        folder.eyebar(&["inspect", "--model", "/dev/zero"]).fails(1, &["no regular file"]);
    }
}

#[test]
fn cycles_and_missing_values() {
    let cycle = [node("Add", &["x", "b"], "a"), node("Relu", &["a"], "b"), node("Relu", &["b"], "y")];
    is_refused("cycle", &small(&cycle, &[]), &["m.onnx", "cycle", "Add_of_a"]);
    let itself = [node("Add", &["y", "x"], "y")];
    is_refused("a node that reads itself", &small(&itself, &[]), &["cycle"]);
    let missing = [node("Add", &["x", "nowhere"], "y")];
    is_refused("missing value", &small(&missing, &[]), &["m.onnx", "nowhere", "Add_of_y"]);
    is_refused("missing output", &small(&[node("Relu", &["x"], "z")], &[]), &["m.onnx", "\"y\""]);
    let twice = [node("Relu", &["x"], "y"), node("Abs", &["x"], "y")];
    is_refused("computed twice", &small(&twice, &[]), &["m.onnx", "\"y\" is computed by two nodes"]);
}

#[test]
fn dimensions_that_overflow() {
    let add = [node("Add", &["x", "w"], "y")];
    for dims in [&[1 << 40, 1 << 40][..], &[i64::MAX], &[-5], &[1 << 31, 2, 2, 1 << 30], &[1 << 62, 4, 0], &[1; 70]] {
        is_refused(
            "constant",
            &small(&add, &[floats("w", dims, &[0.0; 4])]),
            &["m.onnx", "\"w\"", "broken ONNX model"],
        );
    }
    let is_input = |dims: &[i64]| model(&[node("Relu", &["x"], "y")], &[], &[value("x", dims)], &["y"]);
    for dims in [&[1, 3, 1 << 40, 1 << 40][..], &[1, 3, i64::MAX, 8], &[1, 3, -7, 8], &[i64::MIN]] {
        let folder = folder(&is_input(dims));
        assert_ne!(folder.eyebar(&["predict", "x.npy", "--model", "m.onnx"]).code, 0, "{dims:?}");
        assert_ne!(folder.eyebar(&["inspect", "--model", "m.onnx"]).code, 0, "{dims:?}");
        let photo = photo("obama.jpg");
        let fed = folder.eyebar(&["predict", &photo, "--model", "m.onnx", "--input", "rgb"]);
        assert_ne!(fed.code, 0, "{dims:?}: {fed}");
    }
}

#[test]
fn data_that_does_not_fill_its_tensor() {
    let (nodes, _) = sound();
    for count in [0, 1, 269, 271] {
        let short = floats("w", &[10, 3, 3, 3], &vec![0.5; count]);
        is_refused("weights", &small(&nodes, &[short]), &["m.onnx", "\"w\"", "270"]);
    }
    let outside = Message::default().number(1, 4).number(2, 1).text(8, "w").number(14, 1);
    for location in ["../secret", "/etc/passwd", "none.bin"] {
        let entry = Message::default().text(1, "location").text(2, location);
        let external = outside.clone().message(13, &entry);
        is_refused("external data", &small(&nodes, &[external]), &["m.onnx", "\"w\"", location]);
    }
}

/// A chain in which each link is within the limits, and the sum is not.
#[test]
fn many_large_results_are_too_much_together() {
    let mut nodes: Vec<Message> =
        (0..64).map(|index| node("Expand", &[&format!("k{index}"), "s"], &format!("e{index}"))).collect();
    let sum: Vec<String> = (0..64).map(|index| format!("e{index}")).collect();
    nodes.push(node("Sum", &sum.iter().map(String::as_str).collect::<Vec<_>>(), "t"));
    nodes.push(node("ReduceMean", &["t"], "m"));
    nodes.push(node("Add", &["x", "m"], "y"));
    let mut constants: Vec<Message> = (0..64).map(|index| scalar(&format!("k{index}"), index as f32)).collect();
    constants.push(integers("s", &[1 << 27]));
    is_refused("64 times half a gigabyte", &small(&nodes, &constants), &["m.onnx", "GiB", "hint"]);
}

#[test]
fn deep_and_wide_files_are_read_quickly() {
    let mut nodes: Vec<Message> =
        (0..20_000).map(|index| node("Relu", &[&format!("v{index}")], &format!("v{}", index + 1))).collect();
    nodes.insert(0, node("Relu", &["x"], "v0"));
    nodes.push(node("Relu", &["v20000"], "y"));
    predict(&small(&nodes, &[])).succeeds();
    let wide = (0..200_000).fold(node("Split", &["x"], "y"), |node, index| node.text(2, &format!("o{index}")));
    let outcome = predict(&small(&[wide], &[]));
    assert_ne!(outcome.code, 0, "{outcome}");
}

#[test]
fn an_operator_that_is_not_supported_stops_only_who_needs_it() {
    let (mut nodes, constants) = sound();
    nodes.pop();
    nodes.push(node("Frobnicate", &["p"], "y"));
    let folder = folder(&small(&nodes, &constants));
    let refused = folder.eyebar(&["predict", "x.npy", "--model", "m.onnx"]);
    refused.fails(1, &["m.onnx", "Frobnicate_of_y", "Frobnicate", "not supported"]);
    folder.eyebar(&["predict", "x.npy", "--model", "m.onnx", "--layer", "p", "--raw", "p.npy"]).succeeds();
    assert_eq!(folder.read_array("p.npy").shape(), [1, 10, 1, 1]);
    let cam = ["cam", "x.npy", "--model", "m.onnx", "--layer", "a"];
    folder.eyebar(&cam).fails(1, &["m.onnx", "Frobnicate_of_y", "not supported"]);
}

#[test]
fn more_than_one_input() {
    let inputs = [value("x", &[1, 3, 8, 8]), value("other", &[1, 3, 8, 8])];
    let bytes = model(&[node("Add", &["x", "other"], "y")], &[], &inputs, &["y"]);
    is_refused("two inputs", &bytes, &["m.onnx", "2 inputs (x, other)", "hint"]);
    let none = model(&[node("Relu", &["k"], "y")], &[scalar("k", 1.0)], &[], &["y"]);
    is_refused("no input", &none, &["m.onnx", "0 inputs"]);
}

#[test]
fn weights_that_are_no_numbers() {
    let (nodes, _) = sound();
    let folder = folder(&small(&nodes, &[floats("w", &[10, 3, 3, 3], &[f32::NAN; 270])]));
    let predicted = folder.eyebar(&["predict", "x.npy", "--model", "m.onnx", "--json"]).succeeds();
    assert!(predicted.err.contains("warning: 10 of 10 values are NaN or infinite"), "{predicted}");
    assert_eq!(predicted.json()["classes"], serde_json::json!([]));
    folder.eyebar(&["cam", "x.npy", "--model", "m.onnx"]).fails(1, &["not finite", "hint"]);
    folder
        .eyebar(&["occlude", "x.npy", "--model", "m.onnx", "--patch", "4", "--stride", "4"])
        .fails(1, &["not finite"]);
    assert_eq!(folder.files(), ["m.onnx", "x.npy"]);
}

#[test]
fn names_cannot_command_the_terminal() {
    let red = "\u{1b}[31mred";
    let folder = folder(&model(&[node("Relu", &["x"], red)], &[], &[value("x", &[1, 3, 8, 8])], &[red]));
    let shown = folder.eyebar(&["predict", "x.npy", "--model", "m.onnx"]).succeeds();
    assert!(!shown.out.contains('\u{1b}') && shown.out.contains("red"), "{shown}");
    let refused = folder.eyebar(&["predict", "x.npy", "--model", "m.onnx", "--layer", "[31mre"]);
    assert!(!refused.fails(2, &["red"]).err.contains('\u{1b}'));
}

#[test]
fn a_cut_off_fixture_is_named_in_full() {
    let bytes = std::fs::read(fixture("reference/networks/vgg16.onnx")).expect("readable");
    let folder = Folder::new();
    folder.write("mein nétz 网.onnx", &bytes[..1000]);
    folder.eyebar(&["inspect", "--model", "mein nétz 网.onnx"]).fails(1, &["mein nétz 网.onnx", "hint"]);
    folder.write("mein nétz 网.onnx", &bytes);
    folder.eyebar(&["inspect", "--model", "mein nétz 网.onnx"]).succeeds();
}

/// Eighteen megabytes of weights that 300 convolutions name: each would pack its own.
#[test]
fn weights_that_many_nodes_share_are_too_much_together() {
    let weights = floats("w", &[512, 512, 3, 3], &vec![0.01; 512 * 512 * 9]);
    let mut nodes = vec![node("Conv", &["x", "first"], "v0")];
    nodes.extend((0..300).map(|index| {
        let conv = node("Conv", &[&format!("v{index}"), "w"], &format!("v{}", index + 1));
        with_ints(conv, "pads", &[1, 1, 1, 1])
    }));
    nodes.extend([node("GlobalAveragePool", &["v300"], "p"), with_int(node("Flatten", &["p"], "y"), "axis", 1)]);
    let first = floats("first", &[512, 3, 1, 1], &[0.1; 1536]);
    is_refused("shared weights", &small(&nodes, &[weights, first]), &["m.onnx", "packed", "GiB", "hint"]);
}

/// Inputs beyond those that an operator has are left alone, whatever they are.
#[test]
fn inputs_that_an_operator_does_not_have() {
    let (nodes, constants) = sound();
    let vector = |name: &str| floats(name, &[10], &[0.5; 10]);
    let constants = [constants, vec![vector("s"), vector("t"), vector("u"), vector("v"), integers("i", &[1])]].concat();
    let expected = {
        let nodes = [&nodes[..1], &[node("Sigmoid", &["a"], "b"), node("GlobalAveragePool", &["b"], "y")]].concat();
        let folder = folder(&small(&nodes, &constants));
        folder.eyebar(&["predict", "x.npy", "--model", "m.onnx", "--raw", "y.npy"]).succeeds();
        folder.read_array("y.npy")
    };
    for extra in ["s", "i", "x"] {
        let nodes =
            [&nodes[..1], &[node("Sigmoid", &["a", extra], "b"), node("GlobalAveragePool", &["b"], "y")]].concat();
        let folder = folder(&small(&nodes, &constants));
        folder.eyebar(&["predict", "x.npy", "--model", "m.onnx", "--raw", "y.npy"]).succeeds();
        // Without blocks, sums are rounded otherwise.
        let found = folder.read_array("y.npy");
        let near = found.data().iter().zip(expected.data()).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near && found.len() == expected.len(), "{extra}: {found:?}");
    }
    // A normalisation of something else, which also names the convolution.
    for operator in [node("BatchNormalization", &["x", "c", "c", "c", "c", "a"], "b"), node("Relu", &["x", "a"], "b")] {
        let tail = [operator, node("GlobalAveragePool", &["b"], "y")];
        let constants = [&constants[..], &[floats("c", &[3], &[1.0; 3])]].concat();
        let folder = folder(&small(&[&nodes[..1], &tail].concat(), &constants));
        folder.eyebar(&["predict", "x.npy", "--model", "m.onnx", "--raw", "y.npy"]).succeeds();
        assert_eq!(folder.read_array("y.npy").shape(), [1, 3, 1, 1], "{:?}", folder.read_array("y.npy").shape());
    }
}
