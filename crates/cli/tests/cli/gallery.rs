//! The gallery as its users meet it: enrol, verify, identify, forget.

use std::path::Path;

use eyebar_imaging::{Limits, Rgb, RgbImage, encode, open, resize};
use serde_json::Value;

use crate::harness::{Folder, Outcome, photo};
use crate::onnx::{node, small, with_int};

/// With a key file, so that no passphrase is asked for.
const KEY: [&str; 4] = ["--gallery", "g.db", "--key-file", "g.key"];

fn run(folder: &Folder, arguments: &[&str]) -> Outcome {
    folder.eyebar(&[arguments, &KEY].concat())
}

fn enrol(folder: &Folder, name: &str, photos: &[&str]) -> Outcome {
    let photos: Vec<String> = photos.iter().map(|name| photo(name)).collect();
    let photos: Vec<&str> = photos.iter().map(String::as_str).collect();
    run(folder, &[&["enrol", name], &photos[..]].concat())
}

fn picture(path: &str) -> RgbImage {
    open(Path::new(path), &Limits::default()).expect("a photograph").image
}

fn save(folder: &Folder, name: &str, image: &RgbImage) {
    encode::save(&folder.path(name), image).expect("a writable folder");
}

fn names(json: &Value, list: &str) -> Vec<String> {
    let rows = json[list].as_array().expect("a list").iter();
    rows.map(|row| row["subject"].as_str().or(row["name"].as_str()).expect("a name").to_owned()).collect()
}

#[test]
fn people_are_recognised_strangers_refused_and_the_forgotten_gone() {
    let folder = Folder::new();
    let first = enrol(&folder, "Macron", &["macron-2014.jpg"]).succeeds();
    assert!(first.err.contains("made the gallery g.db") && first.err.contains("made the key file g.key"), "{first}");
    enrol(&folder, "Ardern", &["ardern-2018.jpg"]).succeeds();
    enrol(&folder, "Barack Obama", &["obama.jpg"]).succeeds();

    let json = run(&folder, &["identify", &photo("macron-2025.jpg"), "--json"]).succeeds().json();
    assert_eq!(names(&json, "candidates")[0], "Macron");
    assert_eq!(json["candidates"].as_array().expect("candidates").len(), 3);
    assert_eq!(json["candidates"][0]["rank"], 1);
    assert!(json["candidates"][0]["similarity"].as_f64() > json["candidates"][1]["similarity"].as_f64());
    assert_eq!((&json["decision"]["accepted"], &json["decision"]["subject"]), (&true.into(), &"Macron".into()));
    assert_eq!(json["decision"]["fmr"], 1e-4);

    let stranger = run(&folder, &["identify", &photo("sunak.jpg"), "--top", "2", "--json"]).succeeds().json();
    assert_eq!((&stranger["decision"]["accepted"], &stranger["decision"]["subject"]), (&false.into(), &Value::Null));
    assert_eq!(stranger["candidates"].as_array().expect("candidates").len(), 2);
    let text = run(&folder, &["identify", &photo("sunak.jpg")]).succeeds().out;
    assert!(text.contains("Not recognised"), "{text}");

    let yes = run(&folder, &["verify", "Ardern", &photo("ardern-2022.jpg"), "--json"]).succeeds().json();
    assert_eq!(yes["decision"]["accepted"], true);
    let no = run(&folder, &["verify", "Ardern", &photo("obama.jpg"), "--json"]).succeeds().json();
    assert_eq!(no["decision"]["accepted"], false);

    let stats = run(&folder, &["gallery", "stats", "--json"]).succeeds().json();
    assert_eq!((&stats["subjects"], &stats["templates"]), (&3.into(), &3.into()));
    run(&folder, &["forget", "Macron"]).succeeds();
    let list = run(&folder, &["gallery", "list", "--json"]).succeeds().json();
    assert_eq!(names(&list, "subjects"), ["Ardern", "Barack Obama"]);
    let again = run(&folder, &["identify", &photo("macron-2025.jpg"), "--json"]).succeeds().json();
    assert_eq!(again["decision"]["accepted"], false);
    for file in folder.files() {
        let bytes = folder.bytes(&file);
        assert!(!bytes.windows(6).any(|window| window == b"Macron"), "{file}");
    }
    let log = run(&folder, &["gallery", "audit-log", "--json"]).succeeds().json();
    let events: Vec<_> = log["entries"].as_array().expect("entries").iter().map(|e| e["event"].clone()).collect();
    assert_eq!(events.len(), 11, "{log}");
    assert_eq!((&events[0], &events[1], &events[9]), (&"create".into(), &"enrol".into(), &"forget".into()));
}

#[test]
fn faces_that_are_not_good_enough_are_refused_unless_forced() {
    let folder = Folder::new();
    let portrait = picture(&photo("obama.jpg"));
    let (width, height) = portrait.dimensions();
    save(&folder, "small.png", &resize::resize(&portrait, width / 12, height / 12));
    save(&folder, "blurred.png", &eyebar_imaging::blur::gaussian(&portrait, 12.0));
    let mut pair = RgbImage::new(2 * width, height);
    for (x, y, pixel) in portrait.enumerate_pixels() {
        pair.put_pixel(x, y, *pixel);
        pair.put_pixel(width + x, y, *pixel);
    }
    save(&folder, "two.png", &pair);
    // The first time a gallery is made, and that is said.
    run(&folder, &["enrol", "Obama", "small.png"]);
    for (file, reason) in [("small.png", "too small"), ("blurred.png", "blurred"), ("two.png", "shows 2 faces")] {
        run(&folder, &["enrol", "Obama", file]).fails(1, &[file, reason, "--force"]);
    }
    run(&folder, &["identify", &photo("obama.jpg")]).fails(1, &["the gallery is empty", "eyebar enrol"]);
    let forced = run(&folder, &["enrol", "Obama", "small.png", "--force", "--json"]).succeeds().json();
    assert_eq!(forced["photos"][0]["faults"][0], "small");
    // Of several photographs one is not good enough: nothing is stored.
    run(&folder, &["enrol", "Somebody", &photo("sunak.jpg"), "two.png"]).fails(1, &["two.png"]);
    let list = run(&folder, &["gallery", "list", "--json"]).succeeds().json();
    assert_eq!(names(&list, "subjects"), ["Obama"]);
}

#[test]
fn pictures_without_a_face() {
    let folder = Folder::new();
    let drawing = RgbImage::from_fn(300, 300, |x, y| match (x / 30 + y / 30) % 2 {
        0 => Rgb([250, 250, 250]),
        _ => Rgb([20, 40, 200]),
    });
    save(&folder, "drawing.png", &drawing);
    enrol(&folder, "Obama", &["obama.jpg"]).succeeds();
    for file in ["drawing.png".to_owned(), photo("chelsea.png")] {
        run(&folder, &["enrol", "X", &file]).fails(3, &["no face"]);
        run(&folder, &["identify", &file]).fails(3, &["no face"]);
        run(&folder, &["verify", "Obama", &file]).fails(3, &["no face"]);
        folder.eyebar(&["compare", &file, &photo("obama.jpg"), "--out", "c.png"]).fails(3, &["no face"]);
    }
    folder.write("text.jpg", "not a picture");
    run(&folder, &["identify", "text.jpg"]).fails(1, &["text.jpg", "hint"]);
    run(&folder, &["identify", "nowhere.jpg"]).fails(1, &["nowhere.jpg", "hint"]);
    run(&folder, &["enrol", "X", "nowhere.jpg"]).fails(1, &["nowhere.jpg", "hint"]);
}

/// Turned by a quarter, a face is found or not; either way the answer is an honest one.
#[test]
fn a_face_turned_by_a_quarter() {
    let folder = Folder::new();
    enrol(&folder, "Obama", &["obama.jpg"]).succeeds();
    let portrait = picture(&photo("obama.jpg"));
    let (width, height) = portrait.dimensions();
    let turned = RgbImage::from_fn(height, width, |x, y| *portrait.get_pixel(y, height - 1 - x));
    save(&folder, "turned.png", &turned);
    let outcome = run(&folder, &["identify", "turned.png", "--json"]);
    match outcome.code {
        0 => assert_eq!(outcome.json()["candidates"][0]["subject"], "Obama"),
        _ => drop(outcome.fails(3, &["no face"])),
    }
}

#[test]
fn the_same_photograph_and_the_same_face_again() {
    let folder = Folder::new();
    enrol(&folder, "Obama", &["obama.jpg"]).succeeds();
    let again = enrol(&folder, "Obama", &["obama.jpg"]).succeeds();
    assert!(again.out.contains("enrolled before"), "{again}");
    let other = enrol(&folder, "Somebody else", &["obama.jpg"]).fails(1, &["enrolled as \"Obama\" already", "--force"]);
    assert!(!other.err.contains("panicked"));
    let stats = run(&folder, &["gallery", "stats", "--json"]).succeeds().json();
    assert_eq!((&stats["subjects"], &stats["templates"]), (&1.into(), &1.into()));
    let forced = run(&folder, &["enrol", "Somebody else", &photo("obama.jpg"), "--force"]).succeeds();
    assert!(forced.out.contains("also enrolled as Obama"), "{forced}");
}

#[test]
fn names_may_be_anything_that_can_be_read() {
    let folder = Folder::new();
    let odd = ["O'Brien\"; DROP TABLE subject; --", "../../etc/passwd", "李小龍 👩‍👩‍👧", "%", "--not-an-option"];
    for name in odd {
        let file = photo("obama.jpg");
        let arguments = [&["enrol", "--force"][..], &KEY, &["--", name, &file]].concat();
        folder.eyebar(&arguments).succeeds();
        let arguments = [&["verify"][..], &KEY, &["--", name, &file]].concat();
        folder.eyebar(&arguments).succeeds();
    }
    let list = run(&folder, &["gallery", "list", "--json"]).succeeds().json();
    assert_eq!(names(&list, "subjects").len(), odd.len());
    run(&folder, &["enrol", " ", &photo("obama.jpg")]).fails(2, &["empty", "hint"]);
    run(&folder, &["enrol", "a\nb", &photo("obama.jpg")]).fails(2, &["control", "hint"]);
    run(&folder, &["verify", "../../etc/passwort", &photo("obama.jpg")])
        .fails(1, &["did you mean", "../../etc/passwd"]);
    run(&folder, &["forget", "Nobody at all"]).fails(1, &["nobody is enrolled", "gallery list"]);
}

#[test]
fn keys_and_files_that_do_not_fit() {
    let folder = Folder::new();
    enrol(&folder, "Obama", &["obama.jpg"]).succeeds();
    folder.write("other.key", [7; 32]);
    folder.write("short.key", [7; 5]);
    folder.write("text.db", "no database at all, but text");
    let list = |gallery: &str, key: &str| folder.eyebar(&["gallery", "list", "--gallery", gallery, "--key-file", key]);
    list("g.db", "other.key").fails(1, &["does not open this gallery", "hint"]);
    list("g.db", "nowhere.key").fails(1, &["nowhere.key", "hint"]);
    list("nowhere.db", "g.key").fails(1, &["nowhere.db", "there is no gallery"]);
    list("text.db", "g.key").fails(1, &["text.db", "not a gallery"]);
    list(".", "g.key").fails(1, &["not a gallery"]);
    let made = ["enrol", "X", &photo("sunak.jpg"), "--gallery", "new.db", "--key-file", "short.key"];
    folder.eyebar(&made).fails(2, &["32 bytes", "hint"]);
    folder.eyebar(&["gallery", "list", "--gallery", "g.db"]).fails(2, &["EYEBAR_PASSPHRASE", "key file"]);
    assert_eq!(folder.bytes("text.db"), b"no database at all, but text");
    let mut bytes = folder.bytes("g.db");
    let half = bytes.len() / 2;
    bytes.truncate(half);
    folder.write("half.db", bytes);
    let outcome = list("half.db", "g.key");
    assert!(outcome.code == 1 && outcome.err.contains("hint:"), "{outcome}");
}

#[test]
fn a_gallery_of_another_model() {
    let folder = Folder::new();
    folder.write("m.onnx", small(&[with_int(node("Flatten", &["x"], "y"), "axis", 1)], &[]));
    let model = ["--model", "m.onnx", "--input", "rgb 8x8 mean=127 scale=0.01"];
    let other = |arguments: &[&str]| run(&folder, &[arguments, &model].concat());
    other(&["enrol", "Obama", &photo("obama.jpg")]).succeeds();
    other(&["enrol", "Sunak", &photo("sunak.jpg")]).fails(2, &["no threshold was ever measured"]);
    other(&["enrol", "Sunak", &photo("sunak.jpg"), "--force"]).succeeds();
    // The same file fed otherwise is another model.
    let fed = ["verify", "Obama", &photo("obama.jpg"), "--model", "m.onnx", "--input", "rgb 8x8 mean=0 scale=1"];
    assert!(run(&folder, &fed).err.contains("hint"), "no template of it");
    run(&folder, &["identify", &photo("obama.jpg")]).fails(1, &["m.onnx@", "hint"]);
    run(&folder, &["verify", "Obama", &photo("obama.jpg")]).fails(1, &["m.onnx@", "hint"]);
    other(&["identify", &photo("obama.jpg")]).fails(2, &["no threshold was ever measured", "gallery calibrate"]);
}

#[test]
fn copies_have_keys_of_their_own_and_rekeying_shuts_the_old_one_out() {
    let folder = Folder::new();
    enrol(&folder, "Obama", &["obama.jpg"]).succeeds();
    let until = ["enrol", "Sunak", &photo("sunak.jpg"), "--keep-until", "2001-01-01", "--consent", "form 7"];
    run(&folder, &until).fails(1, &["Sunak", "--keep-until"]);
    run(&folder, &[&until[..], &["--force"]].concat()).succeeds();
    run(&folder, &["gallery", "export", "copy.db", "--to-key-file", "copy.key"]).succeeds();
    run(&folder, &["gallery", "export", "copy.db", "--to-key-file", "copy.key"]).fails(2, &["copy.db", "already"]);
    let copy = ["--gallery", "copy.db", "--key-file", "copy.key"];
    let list = folder.eyebar(&[&["gallery", "list", "--json"][..], &copy].concat()).succeeds().json();
    assert_eq!(names(&list, "subjects"), ["Obama", "Sunak"]);
    assert_eq!(list["subjects"][1]["consent"], "form 7");

    let purged = run(&folder, &["gallery", "purge", "--json"]).succeeds().json();
    assert_eq!(names(&purged, "purged"), ["Sunak"]);
    run(&folder, &["gallery", "rekey", "--new-key-file", "new.key"]).succeeds();
    run(&folder, &["gallery", "list"]).fails(1, &["does not open"]);
    let new = ["--gallery", "g.db", "--key-file", "new.key"];
    let back = [&["gallery", "import", "copy.db", "--from-key-file", "copy.key", "--json"][..], &new].concat();
    let json = folder.eyebar(&back).succeeds().json();
    assert_eq!((&json["copied"], &json["kept"][0]), (&1.into(), &"Obama".into()));
    let file = photo("sunak.jpg");
    let expired = [&["verify", "Sunak", &file][..], &new].concat();
    folder.eyebar(&expired).fails(1, &["kept no longer", "purge"]);
}

/// They make the gallery and its key, too.
#[test]
fn processes_that_enrol_at_once_lose_nothing() {
    let folder = Folder::new();
    std::thread::scope(|scope| {
        for name in ["Ardern", "Macron", "Sunak"] {
            let folder = &folder;
            let photo = match name {
                "Ardern" => "ardern-2018.jpg",
                "Macron" => "macron-2014.jpg",
                _ => "sunak.jpg",
            };
            scope.spawn(move || enrol(folder, name, &[photo]).succeeds());
        }
    });
    let list = run(&folder, &["gallery", "list", "--json"]).succeeds().json();
    assert_eq!(names(&list, "subjects"), ["Ardern", "Macron", "Sunak"]);
    run(&folder, &["gallery", "audit-log"]).succeeds();
}

#[test]
fn passphrases_are_changed_and_never_taken_for_each_other() {
    let folder = Folder::new();
    let with = |phrase: &str, arguments: &[&str]| folder.eyebar_with_passphrase(phrase, arguments);
    with("several words", &["enrol", "Obama", &photo("obama.jpg")]).succeeds();
    with("other words", &["gallery", "list"]).fails(1, &["does not open"]);
    with("several words", &["gallery", "rekey"]).succeeds();
    with("several words", &["gallery", "list"]).fails(1, &["does not open"]);
    with("several words 2", &["gallery", "export", "copy.db"]).succeeds();
    with("several words 2 2", &["gallery", "list", "--gallery", "copy.db"]).succeeds();
    folder.eyebar(&["gallery", "list"]).fails(2, &["EYEBAR_PASSPHRASE"]);
    folder.write("begun.db", "");
    with("several words", &["enrol", "Obama", &photo("obama.jpg"), "--gallery", "begun.db"]).succeeds();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    let folder = Folder::new();
    enrol(&folder, "Obama", &["obama.jpg"]).succeeds();
    let file = photo("sunak.jpg");
    let arguments = [&["enrol", "Sunak", &file][..], &KEY].concat();
    folder.eyebar_on_a_full_disk(16, &arguments).fails(1, &["g.db", "disk", "hint"]);
    let list = run(&folder, &["gallery", "list", "--json"]).succeeds().json();
    assert_eq!(names(&list, "subjects"), ["Obama"]);
    enrol(&folder, "Sunak", &["sunak.jpg"]).succeeds();
}

#[test]
fn two_photographs_beside_each_other() {
    let folder = Folder::new();
    let (a, b) = (photo("macron-2014.jpg"), photo("macron-2025.jpg"));
    // Few patches: plain code takes half a minute for all.
    let few = ["--patch", "28", "--stride", "28"];
    let compare = |arguments: &[&str]| folder.eyebar(&[&["compare"], arguments, &few].concat());
    let json = compare(&[&a, &b, "--out", "c.png", "--json"]).succeeds().json();
    assert_eq!(json["same_person"], true);
    assert!(json["similarity"].as_f64().is_some_and(|similarity| similarity > 0.4), "{json}");
    for side in 0..2 {
        for map in ["cam", "occlusion"] {
            let regions = json["photos"][side][map]["regions"].as_array().expect("regions");
            let mass: f64 = regions.iter().filter_map(|row| row["mass"].as_f64()).sum();
            assert!((mass - 1.0).abs() < 0.02, "{map}: {mass}");
        }
    }
    assert!(picture(&folder.path("c.png").to_string_lossy()).width() >= 1600);
    let other = compare(&[&a, &photo("obama.jpg"), "--out", "d.png", "--json"]).succeeds().json();
    assert_eq!(other["same_person"], false);
    let same = compare(&[&a, &a, "--out", "e.png", "--json"]).succeeds().json();
    assert_eq!((&same["identical"], &same["same_person"]), (&true.into(), &true.into()));
    compare(&[&a, &b, "--fmr", "0.5"]).fails(2, &["no threshold measured", "hint"]);
}

/// Two folds of the portraits that there are, as LFW lays them out: `lfw/` and `pairs.txt`.
pub(crate) fn lfw(folder: &Folder) {
    let photos = [
        ("A", "ardern-2018.jpg", 1),
        ("A", "ardern-2022.jpg", 2),
        ("M", "macron-2014.jpg", 1),
        ("M", "macron-2025.jpg", 2),
    ];
    for (person, file, number) in photos {
        std::fs::create_dir_all(folder.path(&format!("lfw/{person}"))).expect("a folder");
        std::fs::copy(photo(file), folder.path(&format!("lfw/{person}/{person}_{number:04}.jpg"))).expect("a copy");
    }
    folder.write("pairs.txt", "2\t1\nA\t1\t2\nA\t1\tM\t1\nM\t1\t2\nA\t2\tM\t2\n");
}

#[test]
fn verification_as_on_lfw() {
    let folder = Folder::new();
    lfw(&folder);
    let json = folder.eyebar(&["bench", "lfw", "lfw", "--pairs", "pairs.txt", "--flip", "--json"]).succeeds().json();
    for (field, expected) in [("accuracy", 1.0), ("accuracy_std", 0.0), ("auc", 1.0), ("eer", 0.0), ("images", 4.0)] {
        assert_eq!(json[field].as_f64(), Some(expected), "{field}: {json}");
    }
    assert_eq!((&json["not_detected"], &json["tar_at_far"]["0.01"]), (&0.into(), &1.0.into()));
    assert!(
        json["tar_at_far"]["0.001"].is_number() && json["seconds"].is_number() && json["flip"]["accuracy"].is_number()
    );
    folder.write("bad.txt", "2\t1\nA\t1\n");
    folder.eyebar(&["bench", "lfw", "lfw", "--pairs", "bad.txt"]).fails(1, &["bad.txt", "line 2", "hint"]);
    folder.eyebar(&["bench", "lfw", "nowhere", "--pairs", "pairs.txt"]).fails(2, &["A_0001.jpg", "hint"]);
    folder.eyebar(&["bench", "lfw", "lfw", "--pairs", "pairs.txt", "--model", "vgg16"]).fails(2, &["vgg16", "sface"]);
}

#[test]
fn calibration_needs_enough_people() {
    let folder = Folder::new();
    for (person, file) in [("A", "ardern-2018.jpg"), ("M", "macron-2014.jpg"), ("O", "obama.jpg")] {
        std::fs::create_dir_all(folder.path(&format!("people/{person}"))).expect("a folder");
        std::fs::copy(photo(file), folder.path(&format!("people/{person}/1.jpg"))).expect("a copy");
    }
    run(&folder, &["gallery", "calibrate", "people", "--dry-run"]).fails(1, &["3 people", "449 people", "hint"]);
    run(&folder, &["gallery", "calibrate", "nowhere"]).fails(1, &["nowhere", "hint"]);
}
