//! Help, and that what it says works.

use crate::gallery::lfw;
use crate::harness::{Folder, Network, photo};

const COMMANDS: [&str; 16] = [
    "demo", "inspect", "predict", "filters", "cam", "occlude", "mask", "compare", "enrol", "verify", "identify",
    "forget", "gallery", "quantize", "bench", "models",
];

#[test]
fn help() {
    let folder = Folder::new();
    let whole = folder.eyebar(&["--help"]).succeeds();
    assert!(whole.out.contains("Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no face found"), "{whole}");
    for command in COMMANDS {
        assert!(whole.out.contains(&format!("\n  {command} ")), "{whole}");
        let help = folder.eyebar(&[command, "--help"]).succeeds();
        for part in ["Usage: eyebar", "Examples:", "--json", "--threads", "--seed"] {
            assert!(help.out.contains(part), "{part} is missing\n{help}");
        }
    }
    assert!(folder.eyebar(&["--version"]).succeeds().out.starts_with("eyebar "));
    assert!(folder.files().is_empty());
}

/// Command lines behind `Examples:`, as words.
fn examples(help: &str) -> Vec<Vec<String>> {
    // A long example goes on in the next line.
    let text = help.split_once("Examples:").map_or("", |(_, rest)| rest).replace("\n  eyebar ", "\0");
    let lines = text.split('\0').skip(1).map(|line| line.split("\n\n").next().unwrap_or_default());
    lines
        .map(|line| {
            let mut words = Vec::new();
            for (index, part) in line.split('\'').enumerate() {
                if index % 2 == 1 {
                    words.push(part.split_whitespace().collect::<Vec<_>>().join(" "));
                } else {
                    // Behind two spaces stands what the example does.
                    let command = part.split("  ").next().unwrap_or_default();
                    words.extend(command.split_whitespace().map(str::to_owned));
                }
            }
            words
        })
        .collect()
}

/// The examples of all help texts are tried, on files with the names that they use, with less work to do.
#[test]
fn the_examples_work() {
    let folder = Folder::new();
    let network = Network::open("mobilenet_v2");
    network.write_input(&folder, "x.npy");
    for (name, from) in [
        ("cat.jpg", photo("chelsea.png")),
        ("me.jpg", photo("ardern-2018.jpg")),
        ("me-too.jpg", photo("ardern-2022.jpg")),
        ("group.jpg", photo("astronaut.png")),
        ("ada.jpg", photo("ardern-2018.jpg")),
        ("ada-2.jpg", photo("ardern-2022.jpg")),
        ("ada-3.jpg", photo("ardern-2022.jpg")),
        ("door.jpg", photo("ardern-2022.jpg")),
        ("a.jpg", photo("macron-2014.jpg")),
        ("b.jpg", photo("macron-2025.jpg")),
        ("m.onnx", network.model.clone()),
        ("resnet50.onnx", Network::open("efficientnet_dynamic").model),
        ("vgg16.onnx", Network::open("squeezenet_nhwc").model),
    ] {
        folder.write(name, std::fs::read(from).expect("a fixture"));
    }
    lfw(&folder);
    folder.eyebar(&["export", "sface", "--out", "int8.onnx"]).succeeds();
    let layer = network.layer();
    let mut tried = 0;
    for command in std::iter::once("").chain(COMMANDS) {
        let help = if command.is_empty() { vec!["--help"] } else { vec![command, "--help"] };
        for mut words in examples(&folder.eyebar(&help).succeeds().out) {
            for word in &mut words {
                match word.as_str() {
                    "NAME" | "relu5" => word.clone_from(&layer),
                    "0..8" => *word = "0..1".to_owned(),
                    "3,17,42" => *word = "3".to_owned(),
                    // Patch and stride.
                    "16" | "8" => *word = "56".to_owned(),
                    _ => {}
                }
                // The network that stands for VGG16 here has an input of its own size.
                *word = word.replace("224x224 nhwc", "nhwc");
            }
            let more: &[&str] = match words[0].as_str() {
                // Tried elsewhere: it takes long.
                "demo" => continue,
                // It takes hundreds of people.
                "gallery" if words[1] == "calibrate" => continue,
                // It takes a hub: `models.rs` has one.
                "models" if words.get(1).is_some_and(|word| word == "pull") => continue,
                "bench" if words[1] == "lfw" => &[],
                "filters" if !words.iter().any(|word| word == "--filters") => &["--steps", "1", "--filters", "0"],
                "filters" => &["--steps", "1"],
                "occlude" if !words.iter().any(|word| word == "--patch") => &["--patch", "75", "--stride", "75"],
                "compare" => &["--patch", "56", "--stride", "56"],
                "quantize" => &["--smallest", "64"],
                // A whole map of the bundled model takes plain code a minute.
                "bench" if words.iter().any(|word| word == "efficientnet-lite0") => &["--runs", "1", "--size", "96"],
                // Sizes that the other networks here take are their own.
                "bench" => {
                    words.retain(|word| word != "--size" && word != "224");
                    &["--runs", "1"]
                }
                _ => &[],
            };
            words.extend(more.iter().map(|&word| word.to_owned()));
            folder.eyebar_with_passphrase("several words of ours", &words).succeeds();
            tried += 1;
        }
    }
    assert!(tried > 15, "{tried} examples");
}
