//! Same input, same seed: the same bytes, whatever the number of threads.

use crate::harness::{Folder, Network, photo};

fn same_with_one_and_two_threads(prepare: impl Fn(&Folder), command: &[&str]) {
    let [one, two] = ["1", "2"].map(|threads| {
        let folder = Folder::new();
        prepare(&folder);
        let run = folder.eyebar(&[command, &["--threads", threads]].concat()).succeeds();
        let files = folder.files();
        assert!(!files.is_empty(), "{command:?} wrote nothing");
        let bytes: Vec<_> = files.iter().map(|file| folder.bytes(file)).collect();
        (run.out, files, bytes)
    });
    assert_eq!(one.0, two.0, "{command:?}");
    assert_eq!(one.1, two.1, "{command:?}");
    for ((file, a), b) in one.1.iter().zip(&one.2).zip(&two.2) {
        assert!(a == b, "{command:?}: {file} depends on the number of threads");
    }
}

#[test]
fn maps_and_values() {
    let network = Network::open("resnet_basic");
    let input = |folder: &Folder| network.write_input(folder, "x.npy");
    let model = network.model.as_str();
    same_with_one_and_two_threads(input, &["predict", "x.npy", "--model", model, "--raw", "y.npy", "--json"]);
    same_with_one_and_two_threads(input, &["cam", "x.npy", "--model", model]);
    same_with_one_and_two_threads(input, &["occlude", "x.npy", "--model", model, "--patch", "48", "--stride", "40"]);
    let quantize = ["quantize", model, "--out", "q.onnx", "--smallest", "1024", "--json"];
    same_with_one_and_two_threads(input, &quantize);
}

#[test]
fn filters() {
    let filters = ["filters", "--model", "efficientnet-lite0", "--layer", "block2", "--filters", "0..2"];
    let pixels = [&filters[..], &["--steps", "3", "--size", "48", "--json"]].concat();
    same_with_one_and_two_threads(|_| {}, &pixels);
    let fourier = [&filters[..], &["--steps", "3", "--size", "48", "--prior", "fourier", "--seed", "7"]].concat();
    same_with_one_and_two_threads(|_| {}, &fourier);
}

#[test]
fn photographs() {
    let portrait = photo("astronaut.png");
    same_with_one_and_two_threads(|_| {}, &["cam", &portrait, "--raw", "map.npy", "--out", "map.png", "--json"]);
    same_with_one_and_two_threads(|_| {}, &["mask", &portrait, "--mask", "noise", "--out", "noise.png"]);
}

#[test]
fn the_seed_matters() {
    let run = |seed: &str| {
        let folder = Folder::new();
        let mask = ["mask", &photo("astronaut.png"), "--mask", "noise", "--out", "x.png", "--seed", seed];
        folder.eyebar(&mask).succeeds();
        folder.bytes("x.png")
    };
    assert!(run("1") != run("2"));
}
