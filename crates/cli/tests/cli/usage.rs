//! Wrong usage: exit code 2, and a hint.

use crate::harness::{Folder, Network, photo};

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

/// Values that parse and make no sense: refused before anything is read or written, with what would do.
#[test]
fn parameters_out_of_range() {
    let (folder, network) = (Folder::new(), Network::open("vgg16"));
    network.write_input(&folder, "x.npy");
    let portrait = photo("astronaut.png");
    let array = |command: &'static str| vec![command, "x.npy", "--model", network.model.as_str()];
    let (predict, cam, occlude) = (array("predict"), array("cam"), array("occlude"));
    let filters = vec!["filters", "--layer", "block1_conv1"];
    let mask = vec!["mask", portrait.as_str()];
    let quantize = vec!["quantize", network.model.as_str(), "--out", "q.onnx", "--seed", "0"];
    for (command, option, value, named) in [
        (&filters, "--rate", "0", "rate"),
        (&filters, "--rate", "nan", "rate"),
        (&filters, "--rate", "inf", "rate"),
        (&filters, "--rate", "-1", "rate"),
        (&filters, "--steps", "0", "--steps"),
        (&filters, "--steps", "-1", "--steps"),
        (&filters, "--steps", "99999999999", "--steps"),
        (&filters, "--size", "-1", "--size"),
        (&filters, "--filters", "-1", "--filters"),
        (&filters, "--threads", "-1", "--threads"),
        (&predict, "--top", "0", "--top"),
        (&predict, "--top", "-1", "--top"),
        (&filters, "--filters", "64", "0 to 63"),
        (&filters, "--filters", "0..65", "0 to 63"),
        (&occlude, "--patch", "0", "--patch"),
        (&occlude, "--patch", "-1", "--patch"),
        (&occlude, "--stride", "0", "--stride"),
        (&occlude, "--stride", "-1", "--stride"),
        (&occlude, "--stride", "26", "stride 26"),
        (&occlude, "--stride", "18446744073709551615", "stride"),
        (&occlude, "--fill", "nan", "NaN"),
        (&occlude, "--fill", "inf", "inf"),
        (&occlude, "--fill", "-inf", "inf"),
        (&occlude, "--target", "class:10", "0 to 9"),
        (&cam, "--target", "class:10", "0 to 9"),
        (&cam, "--target", "top:1", "top:1"),
        (&predict, "--input", "rgb 0x0", "0x0"),
        (&mask, "--mask", "blur:0", "blur:0"),
        (&mask, "--mask", "blur:-1", "blur:-1"),
        (&mask, "--mask", "blur:1e9", "blur:"),
        (&mask, "--mask", "pixelate:0", "pixelate:0"),
        (&mask, "--mask", "pixelate:-2", "pixelate:-2"),
        (&mask, "--mask", "pixelate:999999999999", "pixelate:999999999999"),
        (&mask, "--mask", "custom:1,1,-1,-1", "custom:1,1,-1,-1"),
        (&mask, "--mask", "custom:0,0,1e30,1e30", "custom box"),
        (&mask, "--mask", "custom:nan,0,1,1", "custom box"),
        (&mask, "--mask", "custom:1,2", "four numbers"),
        (&quantize, "--block", "0", "block"),
        (&quantize, "--block", "-1", "--block"),
        (&quantize, "--block", "999999999999999999", "--block"),
        (&quantize, "--smallest", "-1", "--smallest"),
    ] {
        let mut arguments = command.clone();
        arguments.extend([option, value].into_iter().filter(|word| !word.is_empty()));
        folder.eyebar(&arguments).fails(2, &[named, "hint"]);
    }
    assert_eq!(folder.files(), ["x.npy"]);
}

/// What the parser of arguments refuses names the option, the value and what it would take.
#[test]
fn values_that_do_not_parse() {
    let folder = Folder::new();
    for (arguments, parts) in [
        (&["models", "--threads", "0"][..], &["--threads", "'0'", "from 1 to 1024"][..]),
        (&["models", "--threads", "1025"], &["--threads", "'1025'", "from 1 to 1024"]),
        (&["models", "--seed", "1.5"], &["--seed", "'1.5'"]),
        (&["filters", "--size", "0"], &["--size", "'0'", "from 1 to 8192"]),
        (&["filters", "--size", "128x0"], &["--size", "'128x0'", "from 1 to 8192"]),
        (&["inspect", "--size", "99999"], &["--size", "'99999'", "from 1 to 8192"]),
        (&["filters", "--filters", "8..8"], &["--filters", "'8..8'", "0..8"]),
        (&["filters", "--filters", ""], &["--filters"]),
        (&["filters", "--steps", "many"], &["--steps", "'many'"]),
        (&["filters", "--prior", "magic"], &["--prior", "pixels, fourier"]),
        (&["cam", "x.jpg", "--method", "magic"], &["--method", "grad-cam"]),
        (&["cam", "x.jpg", "--colormap", "plaid"], &["--colormap", "plaid", "turbo, jet, viridis"]),
        (&["occlude", "x.jpg", "--patch", "1.5"], &["--patch", "'1.5'"]),
        (&["mask", "x.jpg", "--place", "nowhere"], &["--place", "landmarks, fixed"]),
        (&["mask", "x.jpg", "--colour", "12345"], &["--colour", "'12345'", "six hexadecimal digits"]),
        (&["quantize", "m.onnx"], &["--out"]),
        (&["mask", "x.jpg", "--maks", "face"], &["--maks", "--mask"]),
        (&["predikt", "x.jpg"], &["predikt", "predict"]),
    ] {
        folder.eyebar(arguments).fails(2, parts);
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
