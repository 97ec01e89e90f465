//! Wrong usage: exit code 2, and a hint.

use crate::harness::{Folder, Network, photo};

const COMMANDS: [&str; 9] = ["demo", "inspect", "predict", "filters", "cam", "occlude", "mask", "quantize", "models"];

#[test]
fn help() {
    let folder = Folder::new();
    let whole = folder.eyebar(&["--help"]).succeeds();
    for command in COMMANDS {
        assert!(whole.out.contains(&format!("\n  {command} ")), "{whole}");
        let help = folder.eyebar(&[command, "--help"]).succeeds();
        assert!(
            help.out.contains("Usage: eyebar") && help.out.contains("--json") && help.out.contains("--threads"),
            "{help}"
        );
    }
    assert!(folder.eyebar(&["--version"]).succeeds().out.starts_with("eyebar "));
    assert!(folder.files().is_empty());
}

#[test]
fn words_that_make_no_sense() {
    let folder = Folder::new();
    for arguments in [
        &["frobnicate"][..],
        &[],
        &["predict"],
        &["models", "--threads", "0"],
        &["models", "--threads", "1000000"],
        &["models", "--threads", "-1"],
        &["models", "--seed", "x"],
        &["cam", "x.npy", "--target", "somewhere"],
        &["cam", "x.npy", "--target", "class:"],
        &["cam", "x.npy", "--method", "magic"],
        &["cam", "x.npy", "--colormap", "plaid"],
        &["predict", "x.npy", "--input", "rgb 0x0"],
        &["predict", "x.npy", "--input", "rgb scale=1/0"],
        &["predict", "x.npy", "--input", "rgb 99999999x99999999"],
        &["mask", "x.jpg", "--mask", "fig-leaf"],
        &["mask", "x.jpg", "--mask", "blur:nan"],
        &["mask", "x.jpg", "--mask", "pixelate:0"],
        &["mask", "x.jpg", "--colour", "mauve"],
        &["mask", "x.jpg", "--colour", "€12"],
        &["filters", "--filters", "8..0"],
        &["filters", "--filters", "0..99999999999"],
        &["filters", "--filters", "a,b"],
        &["filters", "--size", "0"],
        &["filters", "--size", "99999"],
        &["inspect", "--size", "0x0"],
    ] {
        let outcome = folder.eyebar(arguments);
        assert_eq!(outcome.code, 2, "{outcome}");
    }
    assert!(folder.files().is_empty());
}

#[test]
fn layers_and_classes_that_do_not_exist() {
    let (folder, network) = (Folder::new(), Network::open("vgg16"));
    network.write_input(&folder, "x.npy");
    let with = |command: &str, options: &[&str]| {
        folder.eyebar(&[&[command, "x.npy", "--model", &network.model], options].concat())
    };
    for command in ["predict", "cam"] {
        let near = with(command, &["--layer", "/features/features.28/Cnov"]);
        near.fails(2, &["vgg16.onnx", "/features/features.28/Cnov", "did you mean /features/features.28/Conv"]);
        with(command, &["--layer", "nothing like any of them"]).fails(2, &["there is no layer", "hint"]);
    }
    with("cam", &["--layer", "logits"]).fails(2, &["logits", "hint: choose a convolution"]);
    for command in ["cam", "occlude"] {
        with(command, &["--target", "class:10"]).fails(2, &["class 10 is out of range", "0 to 9"]);
        with(command, &["--target", "class:99999999999999999999"]).fails(2, &["hint"]);
        with(command, &["--target", "class:-1"]).fails(2, &["hint"]);
        with(command, &["--target", "class:cat"]).fails(2, &["\"cat\"", "hint"]);
    }
    let (portrait, bundled) = (photo("astronaut.png"), ["cam", "--target"]);
    let cam = |target: &str| folder.eyebar(&[bundled[0], &portrait, bundled[1], target]);
    cam("class:tabbi").fails(2, &["did you mean", "tabby"]);
    cam("class:1000").fails(2, &["0 to 999"]);
    let layer = folder.eyebar(&["filters", "--layer", "block5_conv4"]);
    layer.fails(2, &["vgg16", "did you mean block5_conv"]);
    assert_eq!(folder.files(), ["x.npy"]);
}

#[test]
fn a_photograph_needs_an_input_specification() {
    let (folder, network) = (Folder::new(), Network::open("squeezenet_nhwc"));
    let portrait = photo("astronaut.png");
    for command in ["predict", "cam", "occlude"] {
        let outcome = folder.eyebar(&[command, &portrait, "--model", &network.model]);
        outcome.fails(2, &["how should photographs be fed", "--input", "nhwc"]);
    }
    folder.eyebar(&["filters", "--model", &network.model]).fails(2, &["--input"]);
    let fed = ["predict", &portrait, "--model", &network.model, "--input", "rgb nhwc mean=127.5 scale=1/127.5"];
    folder.eyebar(&fed).succeeds();
    let wrong = ["predict", &portrait, "--model", &network.model, "--input", "rgb 64x64"];
    let wrong = folder.eyebar(&wrong);
    assert!(wrong.code == 1 || wrong.code == 2, "{wrong}");
    assert!(wrong.err.contains("squeezenet_nhwc.onnx"), "{wrong}");
    assert!(folder.files().is_empty());
}
