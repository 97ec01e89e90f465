//! What is refused: with an error that says what to do, the right exit code, and nothing written.

use eyebar_tensor::Tensor;

use crate::harness::{Folder, Network, fixture, photo};

#[test]
fn files_that_are_no_pictures() {
    let folder = Folder::new();
    let whole = std::fs::read(photo("chelsea.png")).expect("readable");
    folder.write("text.png", "this is no picture");
    folder.write("empty.jpg", "");
    folder.write("cut.png", &whole[..whole.len() / 2]);
    for (file, part) in
        [("text.png", "not an image"), ("empty.jpg", "empty"), ("cut.png", "truncated"), ("none.jpg", "none.jpg")]
    {
        folder.eyebar(&["predict", file]).fails(1, &[part]);
        folder.eyebar(&["mask", file]).fails(1, &[part]);
    }
    assert_eq!(folder.files(), ["cut.png", "empty.jpg", "text.png"]);
}

#[test]
fn a_picture_of_30000_pixels_a_side_is_refused_by_its_header() {
    let folder = Folder::new();
    let mut bytes = std::fs::read(photo("chelsea.png")).expect("readable");
    bytes[16..20].copy_from_slice(&30_000u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&30_000u32.to_be_bytes());
    folder.write("huge.png", &bytes);
    // The header's own check sum is now wrong, which may be what is said; it must be said at once.
    folder.eyebar(&["predict", "huge.png"]).fails(1, &["huge.png"]);
}

#[test]
fn a_picture_without_a_face_ends_with_three() {
    let folder = Folder::new();
    folder.eyebar(&["mask", &photo("chelsea.png")]).fails(3, &["no face", "hint"]);
    folder.eyebar(&["predict", &photo("chelsea.png"), "--model", "sface"]).fails(3, &["no face"]);
    assert!(folder.files().is_empty());
}

#[test]
fn broken_models() {
    let folder = Folder::new();
    let network = Network::open("resnet_basic");
    let whole = std::fs::read(&network.model).expect("readable");
    network.write_input(&folder, "x.npy");
    folder.write("cut.onnx", &whole[..whole.len() / 2]);
    folder.write("text.onnx", "this is no model");
    folder.write("empty.onnx", "");
    for file in ["cut.onnx", "text.onnx", "empty.onnx"] {
        folder.eyebar(&["predict", "x.npy", "--model", file]).fails(1, &[file, "hint"]);
        folder.eyebar(&["inspect", "--model", file]).fails(1, &[file]);
    }
    folder.eyebar(&["predict", "x.npy", "--model", "none.onnx"]).fails(1, &["none.onnx"]);
    folder.eyebar(&["predict", "x.npy", "--model", "vgg17"]).fails(2, &["vgg16"]);
}

#[test]
fn layers_and_classes_that_do_not_exist() {
    let folder = Folder::new();
    let cat = photo("chelsea.png");
    let near = folder.eyebar(&["predict", &cat, "--model", "vgg16", "--layer", "block5_conv_3"]);
    near.fails(2, &["block5_conv_3", "did you mean block5_conv3"]);
    folder.eyebar(&["cam", &cat, "--target", "class:1000"]).fails(2, &["1000"]);
    folder.eyebar(&["cam", &cat, "--target", "class:egyptian cart"]).fails(2, &["hint"]);
    folder.eyebar(&["filters", "--layer", "block1_conv2", "--filters", "64"]).fails(2, &["64"]);
    for arguments in [["--threads", "0"], ["--target", "nonsense"]] {
        let outcome = folder.eyebar(&["cam", &cat, arguments[0], arguments[1]]);
        assert_eq!(outcome.code, 2, "{outcome}");
    }
    assert!(folder.files().is_empty());
}

#[test]
fn folders_that_cannot_be_written() {
    let folder = Folder::new();
    let cat = photo("chelsea.png");
    folder.write("file", "in the way");
    folder.eyebar(&["cam", &cat, "--out", "missing/map.png"]).fails(1, &["missing", "hint"]);
    folder.eyebar(&["cam", &cat, "--out", "file/map.png"]).fails(1, &["file", "hint"]);
    folder.eyebar(&["demo", "--out", "file"]).fails(1, &["file", "hint"]);
    assert_eq!(folder.files(), ["file"]);
}

#[test]
fn arrays_that_do_not_fit() {
    let folder = Folder::new();
    let network = Network::open("vgg16");
    folder.write_array("flat.npy", &Tensor::zeros(&[7]));
    folder.write_array("batch.npy", &Tensor::zeros(&[2, 3, 64, 64]));
    folder.write_array("nan.npy", &Tensor::full(network.array("input").shape.as_slice(), f32::NAN));
    folder.write("text.npy", "this is no array");
    for file in ["flat.npy", "batch.npy"] {
        folder.eyebar(&["predict", file, "--model", &network.model]).fails(2, &[file, "hint"]);
    }
    folder.eyebar(&["predict", "nan.npy", "--model", &network.model]).fails(1, &["NaN"]);
    folder.eyebar(&["predict", "text.npy", "--model", &network.model]).fails(1, &["text.npy"]);
    // A photograph, and nobody said how this model is fed.
    folder.eyebar(&["predict", &photo("chelsea.png"), "--model", &network.model]).fails(2, &["--input"]);
}

#[test]
fn odd_pictures_work() {
    let folder = Folder::new();
    let images = std::fs::read_dir(fixture("images/formats")).expect("readable");
    let mut seen = 0;
    for entry in images {
        let path = entry.expect("an entry").path();
        let name = path.to_string_lossy().into_owned();
        if ["jpg", "png", "webp", "bmp"].iter().any(|extension| name.ends_with(extension)) {
            folder.eyebar(&["predict", &name, "--json"]).succeeds().json();
            seen += 1;
        }
    }
    assert!(seen > 3, "only {seen} pictures in fixtures/images/formats");
}
