//! `.npy` files that cannot be fed.

use eyebar_tensor::Tensor;

use crate::harness::{Folder, Network, Outcome};

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn predict(bytes: &[u8]) -> Outcome {
    let folder = Folder::new();
    folder.write("x.npy", bytes);
    let outcome = folder.eyebar(&["predict", "x.npy", "--model", &Network::open("vgg16").model, "--raw", "y.npy"]);
    assert!(outcome.code == 0 || folder.files() == ["x.npy"], "{outcome}");
    outcome
}

#[test]
fn shapes() {
    let of = |shape: &str, count: usize| npy("<f4", shape, &vec![0; 4 * count]);
    predict(&of("(1, 3, 96, 64)", 18_432)).succeeds();
    for (shape, count) in [
        ("(3, 96, 64)", 18_432),
        ("(2, 3, 96, 64)", 36_864),
        ("(1, 3, 64, 96)", 18_432),
        ("(1, 96, 64, 3)", 18_432),
        ("(18432,)", 18_432),
        ("()", 1),
        ("(1, 3, 0, 64)", 0),
        ("(0, 3, 96, 64)", 0),
    ] {
        predict(&of(shape, count)).fails(2, &["x.npy", "hint", "[1, 3, 96, 64]"]);
    }
    predict(&of("(1, 3, 99999999999, 99999999999)", 1)).fails(1, &["x.npy"]);
    predict(&of("(1, 3, -96, 64)", 1)).fails(1, &["x.npy"]);
}

#[test]
fn types_and_truncation() {
    let data = vec![0; 8 * 18_432];
    let shape = "(1, 3, 96, 64)";
    predict(&npy("<f8", shape, &data)).succeeds();
    for kind in ["<i8", "<f2", "|O", "<c8", "|S8"] {
        predict(&npy(kind, shape, &data)).fails(1, &["x.npy", "float32", kind]);
    }
    let whole = npy("<f4", shape, &data[..4 * 18_432]);
    for length in [0, 1, 7, 9, 60, whole.len() / 2, whole.len() - 1] {
        predict(&whole[..length]).fails(1, &["x.npy", "not a usable .npy file", "numpy.save"]);
    }
    predict(b"no array at all").fails(1, &["x.npy", "not a usable .npy file"]);
}

#[test]
fn values_that_are_no_numbers() {
    let folder = Folder::new();
    let model = Network::open("vgg16").model;
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        folder.write_array("x.npy", &Tensor::from_fn(&[1, 3, 96, 64], |i| if i == 700 { bad } else { 0.5 }));
        for command in ["predict", "cam", "occlude"] {
            folder.eyebar(&[command, "x.npy", "--model", &model]).fails(1, &["x.npy", "element 700", "hint"]);
        }
    }
    assert_eq!(folder.files(), ["x.npy"]);
}

#[test]
fn what_needs_a_photograph_says_so() {
    let (folder, network) = (Folder::new(), Network::open("vgg16"));
    network.write_input(&folder, "x.npy");
    let cam = ["cam", "x.npy", "--model", &network.model, "--overlay", "o.png"];
    folder.eyebar(&cam).fails(2, &["no picture", "--overlay"]);
    folder.eyebar(&["predict", "none.npy", "--model", &network.model]).fails(1, &["none.npy"]);
    folder.eyebar(&["mask", "x.npy"]).fails(1, &["x.npy", "not an image"]);
    assert_eq!(folder.files(), ["x.npy"]);
}
