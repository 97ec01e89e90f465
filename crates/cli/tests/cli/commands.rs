//! Each command as its help describes it.

use serde_json::{Value, json};

use crate::harness::{Folder, Network, fixture, photo};
use crate::onnx::{floats, node, small, with_ints};

fn shares(json: &Value, kind: &str) -> f64 {
    let rows = json["regions"].as_array().expect("regions");
    rows.iter().filter(|row| row["kind"] == kind).filter_map(|row| row["mass"].as_f64()).sum()
}

#[test]
fn models_lists_all_with_their_licences() {
    let folder = Folder::new();
    let json = folder.eyebar(&["models", "--json"]).succeeds().json();
    let names: Vec<_> =
        json["models"].as_array().expect("models").iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["yunet", "sface", "vgg16", "efficientnet-lite0"]);
    let text = folder.eyebar(&["models"]).succeeds().out;
    for part in ["MIT", "Apache-2.0", "CC-BY-4.0", "vgg16"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn inspect_states_what_is_known_of_vgg16() {
    let folder = Folder::new();
    let json = folder.eyebar(&["inspect", "--json"]).succeeds().json();
    // The thirteen convolutions of VGG16 (Simonyan and Zisserman 2015), with their biases.
    assert_eq!(json["parameters"], json!(14_714_688));
    let field = |layer: &str| {
        let rows = json["layers"].as_array().expect("layers");
        let row = rows.iter().find(|row| row["layer"] == layer).unwrap_or_else(|| panic!("{layer}: {json}"));
        row["receptive_field"].clone()
    };
    assert_eq!(
        [field("block1_conv2"), field("block3_conv3"), field("block5_conv3")],
        [json!(5), json!(40), json!(196)]
    );
    let text = folder.eyebar(&["inspect"]).succeeds().out;
    assert!(text.contains("block5_conv3") && text.contains("196"), "{text}");
}

#[test]
fn predict_names_the_cat() {
    let folder = Folder::new();
    let run = folder.eyebar(&["predict", &photo("chelsea.png"), "--top", "3"]).succeeds();
    assert!(run.out.contains("tabby") || run.out.contains("Egyptian cat"), "{run}");
    let json = folder.eyebar(&["predict", &photo("chelsea.png"), "--top", "3", "--json"]).succeeds().json();
    let classes = json["classes"].as_array().expect("classes");
    assert_eq!(classes.len(), 3);
    let label = classes[0]["label"].as_str().expect("a label");
    let percent = format!("{:.1}", 100.0 * classes[0]["probability"].as_f64().expect("a number"));
    assert!(run.out.contains(label) && run.out.contains(&percent), "the same facts\n{run}\n{json}");
    assert!(folder.files().is_empty(), "predict writes nothing unless asked");
}

#[test]
fn predict_embeds_a_face_and_writes_it_only_where_asked() {
    let folder = Folder::new();
    let face = photo("astronaut.png");
    let json = folder.eyebar(&["predict", &face, "--model", "sface", "--json"]).succeeds().json();
    assert_eq!(json["shape"], json!([1, 128]));
    assert!(json["values"].is_null() && folder.files().is_empty(), "an embedding is biometric data");
    folder.eyebar(&["predict", &face, "--model", "sface", "--raw", "e.npy"]).succeeds();
    assert_eq!(folder.read_array("e.npy").shape(), [1, 128]);
    let layer = ["predict", &face, "--model", "vgg16", "--layer", "block5_pool", "--json"];
    assert_eq!(folder.eyebar(&layer).succeeds().json()["layer"], "block5_pool");
}

#[test]
fn cam_writes_figure_map_and_manifest() {
    let folder = Folder::new();
    folder.write("ma photo é.png", std::fs::read(photo("astronaut.png")).expect("a photograph"));
    let run = folder.eyebar(&["cam", "ma photo é.png", "--json"]).succeeds();
    let files = ["ma photo é-cam.json", "ma photo é-cam.npy", "ma photo é-cam.png", "ma photo é.png"];
    assert_eq!(folder.files(), files);
    let json = run.json();
    assert_eq!(json["files"].as_array().map(Vec::len), Some(3));
    let manifest: Value = serde_json::from_slice(&folder.bytes(files[0])).expect("a JSON manifest");
    for key in ["model", "model_sha256", "layer", "target", "class", "score", "shape", "max", "regions"] {
        assert_eq!(manifest[key], json[key], "{key}");
    }
    let map = folder.read_array(files[1]);
    assert_eq!(json!(map.shape()), json["shape"]);
    assert_eq!(map.shape().len(), 2);
    assert!(map.data().iter().all(|&value| value >= 0.0), "the ReLU was applied");
    assert!((shares(&json, "bands") - 1.0).abs() < 0.35, "the bands leave out the sides: {json}");
    assert!((shares(&json, "face") - 1.0).abs() < 1e-6, "the parts of the face cover the picture: {json}");
    assert!(image::open(folder.path(files[2])).is_ok());
}

#[test]
fn cam_takes_classes_by_number_and_name_and_likeness() {
    let folder = Folder::new();
    let (cat, face) = (photo("chelsea.png"), photo("ardern-2018.jpg"));
    let raw = |arguments: &[&str]| {
        folder.eyebar(&[&["cam"], arguments, &["--raw", "map.npy"]].concat()).succeeds();
        folder.bytes("map.npy")
    };
    // ImageNet's class 281 is the tabby.
    assert!(raw(&[&cat, "--target", "class:281"]) == raw(&[&cat, "--target", "class:Tabby"]));
    assert!(raw(&[&cat, "--target", "class:281"]) != raw(&[&cat, "--target", "class:282"]));
    let other = format!("similarity:{}", photo("ardern-2022.jpg"));
    raw(&[&face, "--model", "sface", "--target", &other]);
    let overlay = ["cam", &cat, "--layer", "block9", "--overlay", "overlay.png", "--colormap", "viridis"];
    folder.eyebar(&overlay).succeeds();
    let size = |path: &str| image::open(path).expect("a picture").to_rgb8().dimensions();
    assert_eq!(size(&folder.path("overlay.png").to_string_lossy()), size(&cat));
}

#[test]
fn occlude_writes_figure_map_and_manifest() {
    let folder = Folder::new();
    let run =
        folder.eyebar(&["occlude", &photo("chelsea.png"), "--patch", "80", "--stride", "72", "--json"]).succeeds();
    assert_eq!(folder.files(), ["chelsea-occlusion.json", "chelsea-occlusion.npy", "chelsea-occlusion.png"]);
    let json = run.json();
    assert_eq!((&json["patch"], &json["stride"], &json["fill"]), (&json!(80), &json!(72), &json!(128.0)));
    assert_eq!(folder.read_array("chelsea-occlusion.npy").shape(), [224, 224]);
}

#[test]
fn filters_draw_a_grid_and_say_who_is_dead() {
    let folder = Folder::new();
    // Three filters: one that lives, one that is zero whatever it sees, one that is constant.
    let mut weights = vec![0.0; 3 * 27];
    weights[..27].fill(0.01);
    let conv = with_ints(node("Conv", &["x", "w", "b"], "a"), "pads", &[1, 1, 1, 1]);
    let nodes = [conv, node("Relu", &["a"], "y")];
    folder.write("m.onnx", small(&nodes, &[floats("w", &[3, 3, 3, 3], &weights), floats("b", &[3], &[0.0, 0.0, 2.0])]));
    let filters = ["filters", "--model", "m.onnx", "--input", "rgb scale=1/255", "--layer", "y", "--filters", "0..3"];
    let options = ["--steps", "4", "--size", "8", "--pictures", "each", "--json"];
    let json = folder.eyebar(&[&filters[..], &options].concat()).succeeds().json();
    let dead: Vec<_> =
        json["layers"][0]["filters"].as_array().expect("filters").iter().map(|f| f["dead"].clone()).collect();
    assert_eq!(dead, [json!(false), json!(true), json!(true)], "{json}");
    assert_eq!(folder.files(), ["each", "filters.json", "filters.png", "m.onnx"]);
    let pictures = std::fs::read_dir(folder.path("each")).expect("a folder").count();
    assert_eq!(pictures, 1, "a dead filter is never drawn");
}

#[test]
fn mask_hides_each_face_and_the_metadata() {
    let folder = Folder::new();
    let json = folder.eyebar(&["mask", &photo("obama.jpg"), "--json"]).succeeds().json();
    assert_eq!((&json["faces"], folder.files()), (&json!(1), vec!["obama-eye-bar.png".to_owned()]));
    let (before, after) = (photo("obama.jpg"), folder.path("obama-eye-bar.png"));
    let (before, after) = (image::open(before).unwrap().to_rgb8(), image::open(after).unwrap().to_rgb8());
    assert_eq!(before.dimensions(), after.dimensions());
    let changed = before.pixels().zip(after.pixels()).filter(|(a, b)| a != b).count() as f64;
    let covered = json["covered"].as_f64().expect("a share") * f64::from(before.width() * before.height());
    assert!(changed > 0.9 * covered && changed < 1.05 * covered, "{changed} of {covered}");
    for kind in ["eyes-nose", "face", "head", "blur:0.5", "pixelate:8", "noise", "custom:-1,-1,1,1"] {
        folder
            .eyebar(&["mask", &photo("obama.jpg"), "--mask", kind, "--colour", "ff0000", "--out", "m.png"])
            .succeeds();
    }
    let metadata = fixture("images/formats/metadata.jpg");
    let json =
        folder.eyebar(&["mask", &metadata, "--place", "fixed", "--out", "clean.jpg", "--json"]).succeeds().json();
    assert!(json["stripped"].as_array().is_some_and(|list| !list.is_empty()), "{json}");
    assert!(!folder.bytes("clean.jpg").windows(4).any(|window| window == b"Exif"));
}

/// The fixed fractions of the picture that the workshop masked.
#[test]
fn masks_at_fixed_places_are_the_workshop_s() {
    let folder = Folder::new();
    // Pixels of which no two neighbours are alike, so that a blur changes all.
    let noise = |x: u32, y: u32| ((x * 7919 + y * 104_729 + x * y * 31) % 251) as u8 | 1;
    let picture = image::RgbImage::from_fn(200, 200, |x, y| image::Rgb([noise(x, y), noise(y, x), noise(x + 9, y)]));
    picture.save(folder.path("p.png")).expect("writable");
    for (kind, rows, columns) in [
        ("eye-bar", [28, 42], None),
        ("eyes-nose", [28, 58], None),
        ("face", [15, 80], Some([10, 90])),
        ("blur:0.5", [10, 85], Some([5, 95])),
    ] {
        folder.eyebar(&["mask", "p.png", "--mask", kind, "--place", "fixed", "--out", "m.png"]).succeeds();
        let masked = image::open(folder.path("m.png")).expect("a picture").to_rgb8();
        let changed: Vec<_> =
            picture.enumerate_pixels().filter(|(x, y, pixel)| masked.get_pixel(*x, *y) != *pixel).collect();
        let range = |of: fn(&(u32, u32, &image::Rgb<u8>)) -> u32| {
            [changed.iter().map(of).min().expect("some"), changed.iter().map(of).max().expect("some") + 1]
        };
        assert_eq!(range(|pixel| pixel.1), rows.map(|percent| 2 * percent), "rows of {kind}");
        if let Some(columns) = columns {
            assert_eq!(range(|pixel| pixel.0), columns.map(|percent| 2 * percent), "columns of {kind}");
        }
    }
    folder
        .eyebar(&["mask", "p.png", "--mask", "head", "--place", "fixed", "--out", "h.png"])
        .fails(2, &["head", "hint"]);
    assert_eq!(folder.files(), ["m.png", "p.png"]);
}

#[test]
fn quantize_writes_a_smaller_model_that_answers_alike() {
    let (folder, network) = (Folder::new(), Network::open("resnet_basic"));
    network.write_input(&folder, "x.npy");
    // A name that a bundled model has too: what was written must be what is measured.
    let quantize = ["quantize", &network.model, "--out", "vgg16", "--smallest", "1024", "--json"];
    let json = folder.eyebar(&quantize).succeeds().json();
    assert!(json["bytes_after"].as_u64() < json["bytes_before"].as_u64(), "{json}");
    assert!(json["drift"]["cosine"].as_f64() > Some(0.99), "{json}");
    std::fs::rename(folder.path("vgg16"), folder.path("q.onnx")).expect("renamed");
    assert_eq!(json["bytes_after"].as_u64(), Some(folder.bytes("q.onnx").len() as u64));
    folder.eyebar(&["predict", "x.npy", "--model", "q.onnx", "--raw", "q.npy"]).succeeds();
    folder.eyebar(&["predict", "x.npy", "--model", &network.model, "--raw", "y.npy"]).succeeds();
    let (q, y) = (folder.read_array("q.npy"), folder.read_array("y.npy"));
    let largest = y.data().iter().fold(0.0f32, |a, b| a.max(b.abs()));
    assert!(q.data().iter().zip(y.data()).all(|(q, y)| (q - y).abs() < 0.1 * largest), "{:?} {:?}", q.data(), y.data());
    assert!(q.data() != y.data());
}

#[test]
fn quantize_makes_layers_of_int8() {
    let folder = Folder::new();
    let photos = fixture("photos");
    let quantize = ["quantize", "sface", "--kind", "int8", "--calibrate", &photos, "--out", "q.onnx", "--json"];
    let json = folder.eyebar(&quantize).succeeds().json();
    // All but the first convolution, which sees the picture, and the depthwise ones.
    assert_eq!((json["tensors"].as_u64(), json["calibrated_on"].as_u64()), (Some(14), Some(7)), "{json}");
    assert!(json["drift"]["cosine"].as_f64() > Some(0.98), "{json}");
    let fed = ["--model", "q.onnx", "--input", "rgb 112x112"];
    let plan = folder.eyebar(&[&["inspect", "--plan"], &fed[..]].concat()).succeeds().out;
    assert_eq!(plan.matches("int8").count(), 14, "{plan}");
    std::fs::create_dir(folder.path("empty")).expect("a folder");
    let empty = ["quantize", "sface", "--kind", "int8", "--calibrate", "empty", "--out", "e.onnx"];
    folder.eyebar(&empty).fails(2, &["empty", "hint:"]);
    folder.eyebar(&empty[..4]).fails(2, &["--calibrate"]);
    let again = ["quantize", "q.onnx", "--kind", "int8", "--calibrate", &photos, "--out", "r.onnx"];
    folder.eyebar(&[&again[..], &fed[2..]].concat()).fails(2, &["quantised already", "hint:"]);
}

/// The plan names an algorithm for each convolution; `--strict` leaves Winograd's out.
#[test]
fn plans_are_shown() {
    let folder = Folder::new();
    let algorithms = |more: &[&str]| -> Vec<String> {
        let arguments = [&["inspect", "--model", "vgg16", "--plan", "--json"], more].concat();
        let json = folder.eyebar(&arguments).succeeds().json();
        assert!(json["plan"]["activation_bytes"].as_u64().is_some_and(|bytes| bytes > 10_000_000), "{json}");
        let steps = json["plan"]["steps"].as_array().expect("steps").clone();
        steps.iter().map(|step| step["algorithm"].as_str().expect("a name").to_owned()).collect()
    };
    let count = |algorithms: &[String], name: &str| algorithms.iter().filter(|found| found.starts_with(name)).count();
    let (fast, strict) = (algorithms(&[]), algorithms(&["--strict"]));
    assert_eq!((count(&fast, "direct"), count(&fast, "Winograd")), (1, 12), "{fast:?}");
    assert_eq!((count(&strict, "direct"), count(&strict, "Winograd")), (13, 0), "{strict:?}");
    let text = folder.eyebar(&["inspect", "--model", "efficientnet-lite0", "--plan"]).succeeds();
    assert!(text.out.contains("How it runs") && text.out.contains("depthwise"), "{text}");
}

#[test]
fn bench_speed_measures_every_work() {
    let (folder, network) = (Folder::new(), Network::open("resnet_basic"));
    let words = ["bench", "speed", "--model", &network.model, "--runs", "2", "--threads", "2"];
    let json = folder.eyebar(&[&words[..], &["--json"]].concat()).succeeds().json();
    for key in ["load_ms", "forward_ms", "gradient_step_ms", "cam_ms", "occlusion_ms"] {
        assert!(json[key].as_f64().is_some_and(|ms| ms > 0.0), "{key}: {json}");
    }
    assert_eq!((&json["runs"], &json["threads"]), (&json!(2), &json!(2)), "{json}");
    assert!(["scalar", "avx2", "avx512"].iter().any(|isa| json["isa"] == *isa), "{json}");
    #[cfg(target_os = "linux")]
    assert!(json["peak_rss_mb"].as_f64().is_some_and(|mb| mb > 1.0), "{json}");
    let text = folder.eyebar(&[&words[..], &["--layer", &network.layer()]].concat()).succeeds().out;
    assert!(text.contains("Grad-CAM at") && text.contains("medians of 2 runs with 2 threads"), "{text}");
    for (more, says) in [
        (&["--size", "0"][..], "hint: write a side"),
        (&["--runs", "0"], "from 1 to 1000"),
        (&["--layer", "nowhere"], "nowhere"),
    ] {
        let run = folder.eyebar(&[&words[..4], more].concat());
        assert!(run.code != 0 && run.err.contains(says), "{run}");
    }
    assert!(folder.files().is_empty());
}
