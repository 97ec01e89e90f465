//! Where results go, and where they cannot.

use crate::harness::{Folder, Network, photo};

/// A folder with `x.npy` for the returned model.
fn prepared() -> (Folder, String) {
    let (folder, network) = (Folder::new(), Network::open("mobilenet_v2"));
    network.write_input(&folder, "x.npy");
    (folder, network.model)
}

#[test]
fn a_folder_in_the_place_of_a_file() {
    let (folder, model) = prepared();
    std::fs::create_dir(folder.path("out.png")).expect("a folder");
    folder.eyebar(&["cam", "x.npy", "--model", &model, "--out", "out.png"]).fails(1, &["out.png", "folder", "hint"]);
    folder.eyebar(&["predict", "x.npy", "--model", &model, "--raw", "out.png"]).fails(1, &["out.png", "folder"]);
    assert_eq!(folder.files(), ["out.png", "x.npy"]);
}

#[test]
fn folders_that_are_not_there() {
    let (folder, model) = prepared();
    folder.write("file", "in the way");
    let portrait = photo("astronaut.png");
    for place in ["none", "none/deeper", "file"] {
        let (png, npy) = (format!("{place}/out.png"), format!("{place}/out.npy"));
        let filters = ["filters", "--model", "efficientnet-lite0", "--layer", "stem", "--steps", "1", "--size", "16"];
        for command in [
            &["predict", "x.npy", "--model", &model, "--raw", &npy][..],
            &["cam", "x.npy", "--model", &model, "--out", &png],
            &["cam", "x.npy", "--model", &model, "--raw", &npy],
            &["cam", &portrait, "--overlay", &png],
            &["occlude", "x.npy", "--model", &model, "--out", &png],
            &["occlude", "x.npy", "--model", &model, "--raw", &npy],
            &["mask", &portrait, "--out", &png],
            &[&filters[..], &["--out", &png]].concat(),
            &["quantize", &model, "--out", &format!("{place}/out.onnx")],
        ] {
            let outcome = folder.eyebar(command).fails(1, &["cannot write", &format!("{place}/out"), "hint"]);
            assert!(outcome.out.is_empty(), "{outcome}");
        }
        folder.eyebar(&["demo", "--out", "file/demo"]).fails(1, &["cannot write", "file/demo", "hint"]);
        folder.eyebar(&["demo", "--out", "file"]).fails(1, &["cannot write", "file", "hint"]);
    }
    assert_eq!(folder.files(), ["file", "x.npy"]);
}

/// What cannot be written whole is not there at all: not under its own name, and not under another.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let (folder, model) = prepared();
    let portrait = photo("astronaut.png");
    let filters = ["filters", "--layer", "block1_conv1", "--filters", "0..2", "--steps", "1", "--size", "64"];
    for (command, whole) in [
        (&["predict", "x.npy", "--model", &model, "--layer", "input", "--raw", "y.npy"][..], &[][..]),
        (&["cam", &portrait, "--out", "map.png"], &["map.npy"]),
        (&["cam", &portrait, "--overlay", "o.png"], &[]),
        (&["occlude", &portrait, "--patch", "112", "--stride", "112", "--raw", "map.npy"], &[]),
        (&["mask", &portrait, "--out", "masked.png"], &[]),
        (&["mask", &portrait, "--out", "masked.jpg"], &[]),
        (&filters, &[]),
        (&["quantize", &model, "--out", "q.onnx", "--smallest", "64"], &[]),
    ] {
        let outcome = folder.eyebar_on_a_full_disk(4, command);
        outcome.fails(1, &["cannot write", "space", "hint"]);
        let written: Vec<_> = folder.files().into_iter().filter(|file| file != "x.npy").collect();
        assert_eq!(written, whole, "{command:?}");
        for file in written {
            folder.read_array(&file);
            std::fs::remove_file(folder.path(&file)).expect("removed");
        }
    }
}

/// A file that was there before stays as it was when its successor cannot be written.
#[cfg(target_os = "linux")]
#[test]
fn an_older_result_survives_a_full_disk() {
    let (folder, _) = prepared();
    let mask = ["mask", &photo("astronaut.png"), "--out", "masked.png"];
    folder.write("masked.png", "yesterday's");
    folder.eyebar_on_a_full_disk(4, &mask).fails(1, &["cannot write masked.png"]);
    assert_eq!((folder.bytes("masked.png"), folder.files().len()), (b"yesterday's".to_vec(), 2));
    folder.eyebar(&mask).succeeds();
    assert!(folder.bytes("masked.png").starts_with(b"\x89PNG"));
}

#[cfg(unix)]
#[test]
fn a_folder_that_must_not_be_written_to() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, model) = prepared();
    let closed = folder.path("closed");
    std::fs::create_dir(&closed).expect("a folder");
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o555)).expect("the owner may");
    if std::fs::write(closed.join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write to any folder");
        return;
    }
    for out in ["closed/out.png", "closed/out.npy"] {
        let option = if out.ends_with("npy") { "--raw" } else { "--out" };
        folder.eyebar(&["cam", "x.npy", "--model", &model, option, out]).fails(1, &["cannot write", "closed/out"]);
    }
    folder.eyebar(&["demo", "--out", "closed/demo"]).fails(1, &["cannot write", "closed/demo", "hint"]);
    assert!(std::fs::read_dir(&closed).expect("readable").next().is_none());
}

/// Not even the superuser can write here.
#[cfg(target_os = "linux")]
#[test]
fn places_where_nobody_can_write() {
    let (folder, model) = prepared();
    folder
        .eyebar(&["predict", "x.npy", "--model", &model, "--raw", "/proc/y.npy"])
        .fails(1, &["cannot write /proc/y.npy"]);
    folder.eyebar(&["cam", "x.npy", "--model", &model, "--out", "/proc/y.png"]).fails(1, &["cannot write /proc/y"]);
    folder.eyebar(&["demo", "--out", "/proc/demo"]).fails(1, &["cannot write /proc/demo", "hint"]);
    assert_eq!(folder.files(), ["x.npy"]);
}

#[test]
fn what_is_read_is_not_written_over() {
    let (folder, model) = prepared();
    let input = folder.bytes("x.npy");
    folder.write("m.onnx", std::fs::read(model).expect("a model"));
    folder.write("me.png", std::fs::read(photo("astronaut.png")).expect("a photograph"));
    let (weights, portrait) = (folder.bytes("m.onnx"), folder.bytes("me.png"));
    // The raw map of x.png goes to x.npy.
    for command in [
        &["cam", "x.npy", "--model", "m.onnx", "--out", "x.png"][..],
        &["cam", "x.npy", "--model", "m.onnx", "--raw", "./x.npy"],
        &["predict", "x.npy", "--model", "m.onnx", "--raw", "x.npy"],
        &["predict", "x.npy", "--model", "m.onnx", "--raw", "m.onnx"],
        &["quantize", "m.onnx", "--out", "m.onnx", "--smallest", "64"],
        &["mask", "me.png", "--out", "me.png"],
        &["cam", "me.png", "--overlay", "me.png"],
    ] {
        folder.eyebar(command).fails(2, &["would be overwritten", "hint"]);
    }
    let twice = ["cam", "x.npy", "--model", "m.onnx", "--out", "map.png", "--raw", "map.png"];
    folder.eyebar(&twice).fails(2, &["written twice", "hint"]);
    assert_eq!(folder.files(), ["m.onnx", "me.png", "x.npy"]);
    assert!(folder.bytes("x.npy") == input && folder.bytes("m.onnx") == weights && folder.bytes("me.png") == portrait);
}

#[test]
fn a_file_is_no_folder_for_pictures() {
    let folder = Folder::new();
    folder.write("file", "in the way");
    let arguments = ["filters", "--layer", "block1_conv1", "--filters", "0", "--steps", "1", "--size", "16"];
    folder.eyebar(&[&arguments[..], &["--pictures", "file"]].concat()).fails(1, &["file", "hint"]);
    assert_eq!(folder.files(), ["file"]);
}

#[test]
fn pictures_have_the_name_of_their_format() {
    let (folder, model) = prepared();
    for out in ["map.npy", "map.json", "map.gif", "map"] {
        folder.eyebar(&["cam", "x.npy", "--model", &model, "--out", out]).fails(2, &[out, ".png or .jpg"]);
    }
    folder.eyebar(&["mask", &photo("astronaut.png"), "--out", "masked.gif"]).fails(2, &["masked.gif", ".png or .jpg"]);
    folder.eyebar(&["filters", "--out", "filters.json"]).fails(2, &["filters.json", ".png or .jpg"]);
    assert_eq!(folder.files(), ["x.npy"]);
    folder.eyebar(&["mask", &photo("astronaut.png"), "--out", "masked.JPG"]).succeeds();
    assert!(folder.bytes("masked.JPG").starts_with(&[0xFF, 0xD8]));
}

#[cfg(target_os = "linux")]
#[test]
fn standard_output_that_is_full_is_an_error() {
    let full = std::fs::File::create("/dev/full").expect("Linux has it");
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_eyebar"))
        .arg("models")
        .stdout(full)
        .output()
        .expect("it starts");
    assert_eq!(run.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&run.stderr).contains("cannot write standard output"));
    let both = || std::fs::File::create("/dev/full").expect("Linux has it");
    let mut silent = std::process::Command::new(env!("CARGO_BIN_EXE_eyebar"));
    let run =
        silent.args(["inspect", "--model", "none.onnx"]).stdout(both()).stderr(both()).output().expect("it starts");
    assert_eq!(run.status.code(), Some(1), "an error nobody can be told of is still an error");
}
