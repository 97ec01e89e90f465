//! `eyebar audit` on the licensed photographs.

use std::path::Path;

use eyebar_imaging::resize::resize;
use eyebar_imaging::{Limits, encode, open};

use crate::harness::{Folder, photo};

/// A small copy of a licensed photograph: large ones take the detector long.
fn small(folder: &Folder, name: &str) -> String {
    const SIDE: u32 = 360;
    let image = open(Path::new(&photo(name)), &Limits::default()).expect("a photograph").image;
    let scale = f64::from(SIDE) / f64::from(image.width().max(image.height()));
    let side = |length: u32| (f64::from(length) * scale).round() as u32;
    let file = format!("{}.png", name.trim_end_matches(".jpg").trim_end_matches(".png"));
    let small = resize(&image, side(image.width()), side(image.height()));
    encode::save(&folder.path(&file), &small).expect("a writable folder");
    file
}

/// Two people with two photographs each; `more` is added.
fn list(folder: &Folder, more: &[(&str, String)]) {
    let rows = [
        ("Ardern", "ardern-2018.jpg"),
        ("Ardern", "ardern-2022.jpg"),
        ("Macron", "macron-2014.jpg"),
        ("Macron", "macron-2025.jpg"),
        ("Obama", "obama.jpg"),
    ];
    let rows = rows.map(|(name, file)| (name, small(folder, file)));
    let rows: String = rows.iter().chain(more).map(|(name, path)| format!("{name},{path}\n")).collect();
    folder.write("people.csv", format!("subject,path\n{rows}"));
}

const SMALL: [&str; 8] =
    ["audit", "people.csv", "--photos", "2", "--matchers", "sface,pixels", "--attackers", "naive,masked-gallery"];

#[test]
fn a_mask_over_the_eyes_is_not_enough_and_a_black_head_is() {
    let folder = Folder::new();
    list(&folder, &[]);
    let arguments = [&SMALL[..], &["--masks", "eye-bar,head", "--draws", "8", "--evidence", "0", "--json"]].concat();
    let json = folder.eyebar(&arguments).succeeds().json();
    assert_eq!((&json["people"], &json["photos"], &json["chance"]), (&2.into(), &2.into(), &0.5.into()));
    let rows = json["rows"].as_array().expect("rows");
    // Two matchers, two alignments, two attackers; no mask, two masks, and a bar elsewhere.
    assert_eq!(rows.len(), 2 * 2 * 2 * 4);
    for row in rows {
        let rate = |name: &str| row[name].as_f64().expect("a rate");
        assert!(rate("rank1_low") <= rate("rank1") && rate("rank1") <= rate("rank1_high"), "{row}");
        assert!(rate("rank1") <= rate("rank5") && (0.0..=1.0).contains(&rate("auc")), "{row}");
        assert!(row["tar_frozen"].is_null(), "eight pairs carry no rate of 1 %: {row}");
    }
    let find = |matcher: &str, attacker: &str, alignment: &str, mask: &str| {
        let same = |name: &str, value: &str, row: &serde_json::Value| row[name] == value;
        let row = rows.iter().find(|row| {
            same("matcher", matcher, row)
                && same("attacker", attacker, row)
                && same("alignment", alignment, row)
                && same("mask", mask, row)
        });
        row.unwrap_or_else(|| panic!("{matcher} {attacker} {alignment} {mask}")).clone()
    };
    assert_eq!(find("sface", "naive", "oracle", "none")["rank1"], 1.0);
    assert_eq!(find("sface", "naive", "oracle", "eye-bar")["rank1"], 1.0);
    let head = find("sface", "naive", "redetected", "head");
    assert_eq!((&head["rank1"], &head["detected"]), (&0.0.into(), &0.0.into()));
    assert!(find("sface", "naive", "oracle", "mouth-bar")["ssim"].as_f64() < Some(1.0));
    assert_eq!(json["verdicts"].as_array().expect("verdicts").len(), 4);
    assert_eq!(folder.eyebar(&[&arguments[..], &["--threads", "1"]].concat()).succeeds().json(), json);

    let text = folder
        .eyebar(&[&SMALL[..], &["--masks", "eye-bar", "--draws", "2", "--evidence", "0"]].concat())
        .succeeds()
        .out;
    assert!(text.contains("Does an attacker find the right person"), "{text}");
}

/// Files of an audit that must be the same whenever the same is asked for.
const FILES: [&str; 5] = ["results.json", "rows.csv", "verdicts.csv", "report.html", "scores.parquet"];

#[test]
fn a_run_that_was_interrupted_and_shards_give_the_same_bytes() {
    let folder = Folder::new();
    list(&folder, &[]);
    folder.write("groups.csv", "subject,group\nArdern,a\nMacron,b\n");
    let run = [&SMALL[..], &["--masks", "eye-bar,noise", "--draws", "3", "--groups", "groups.csv", "--evidence", "1"]]
        .concat();
    let audit = |more: &[&str]| folder.eyebar(&[&run[..], more].concat()).succeeds();
    audit(&["--out", "one", "--keep-embeddings"]);
    let files = |name: &str| FILES.map(|file| folder.bytes(&format!("{name}/{file}")));
    let one = files("one");
    for (file, bytes) in FILES.iter().zip(&one) {
        assert!(bytes.len() > 500, "{file}");
    }
    let json: serde_json::Value = serde_json::from_slice(&one[0]).expect("results");
    let groups = json["rows"][0]["groups"].as_array().expect("groups");
    assert!(groups.len() == 2 && groups.iter().all(|group| group["finding"] == "undecided"), "{groups:?}");
    let regions = json["evidence"].as_array().expect("evidence");
    let eyes = regions.iter().find(|row| row["region"] == "eyes" && row["mask"] == "none").expect("eyes");
    assert!(eyes["ratio"].as_f64() > Some(0.5) && eyes["people"] == 1, "{eyes}");
    assert!(folder.path("one/evidence.csv").exists() && folder.path("one/groups.csv").exists());
    let report = String::from_utf8_lossy(&one[3]);
    assert!(report.contains("Is a mask enough?") && !report.contains("http://"), "a page of its own");

    // What is left of a cache is used; what is damaged is made again.
    let mut kept: Vec<_> = std::fs::read_dir(folder.path("one/embeddings")).expect("embeddings").collect();
    assert!(!kept.is_empty());
    std::fs::write(kept.remove(0).expect("a file").path(), "PAR1 no more").expect("a writable file");
    audit(&["--out", "one"]);
    assert_eq!(files("one"), one);
    assert!(!folder.path("one/embeddings").exists(), "embeddings are not left behind");

    for shard in ["1/2", "2/2"] {
        let out = format!("part{}", &shard[..1]);
        let said = audit(&["--shard", shard, "--out", &out]).out;
        assert!(said.contains("biometric"), "{said}");
    }
    for part in ["part1", "part2"] {
        let files = std::fs::read_dir(folder.path(part)).expect("a shard");
        let parquet = files
            .filter(|file| file.as_ref().is_ok_and(|file| file.path().extension().is_some_and(|e| e == "parquet")));
        assert!(parquet.count() > 0, "{part} has photographs");
    }
    folder.eyebar(&["audit", "merge", "part1", "--out", "merged"]).fails(2, &["missing: 2", "hint:"]);
    folder.eyebar(&["audit", "merge", "part2", "part1", "--out", "merged"]).succeeds();
    assert_eq!(files("merged"), one);
    audit(&["--shard", "2/2", "--out", "other", "--seed", "5"]);
    folder.eyebar(&["audit", "merge", "part1", "other"]).fails(2, &["another audit", "hint:"]);
}

#[test]
fn the_weakest_mask_that_would_do_is_looked_for() {
    let folder = Folder::new();
    list(&folder, &[]);
    let arguments = ["audit", "people.csv", "--photos", "2", "--matchers", "sface", "--attackers", "naive"];
    let search = ["--masks", "eye-bar", "--draws", "2", "--target", "rank1=0.9", "--evidence", "0", "--json"];
    let json = folder.eyebar(&[&arguments[..], &search].concat()).succeeds().json();
    let families = json["smallest"].as_array().expect("families");
    assert_eq!(families.len(), 6);
    for family in families {
        for tried in family["tried"].as_array().expect("what was tried") {
            let meets = tried["rank1_high"].as_f64() <= Some(0.9);
            assert_eq!(tried["meets_target"], meets, "{tried}");
            if tried["mask"] == family["mask"] {
                assert!(meets, "{family}");
            }
        }
    }
    assert!(folder.path("audit/smallest.csv").exists());
}

#[test]
fn who_could_be_looked_up_with_a_photograph() {
    let folder = Folder::new();
    let run = |arguments: &[&str]| folder.eyebar_with_passphrase("open sesame", arguments);
    for (name, file) in [("Ardern", "ardern-2018.jpg"), ("Macron", "macron-2014.jpg")] {
        run(&["enrol", name, &photo(file), "--gallery", "g.db"]).succeeds();
    }
    let shown = small(&folder, "ardern-2022.jpg");
    let arguments = ["audit", &shown, "--gallery", "g.db", "--out", "checked"];
    let json = run(&[&arguments[..], &["--masks", "eye-bar,head", "--json"]].concat()).succeeds().json();
    let face = &json["photos"][0]["faces"][0];
    assert_eq!((&face["person"], &json["subjects"]), (&"Ardern".into(), &2.into()));
    let shown = face["shown"].as_array().expect("masks");
    assert_eq!(
        shown.iter().map(|row| row["mask"].as_str()).collect::<Vec<_>>(),
        [Some("none"), Some("eye-bar"), Some("head")]
    );
    assert!(shown[0]["recognised"] == true && shown[0]["rank"] == 1, "{}", shown[0]);
    assert!(shown[2]["recognised"] == false && shown[2]["similarity"].as_f64() < shown[1]["similarity"].as_f64());
    let smallest = json["photos"][0]["smallest"].as_array().expect("families");
    assert!(smallest.len() == 6 && smallest.iter().any(|family| family["mask"].is_string()), "{smallest:?}");
    for file in ["ardern-2022-head.png", "ardern-2022-eye-bar.png", "report.html", "results.json"] {
        assert!(folder.path(&format!("checked/{file}")).exists(), "{file}");
    }
    // A photograph is never written over.
    folder.write("x.png", std::fs::read(photo("sunak.jpg")).expect("a photograph"));
    folder.write("x-face.png", "");
    run(&["audit", "x.png", "x-face.png", "--gallery", "g.db", "--masks", "face", "--out", "."])
        .fails(2, &["overwritten", "hint:"]);
    let nobody = run(&["audit", &small(&folder, "sunak.jpg"), "--gallery", "g.db", "--masks", "eye-bar"]).succeeds();
    assert!(nobody.out.contains("nobody in the gallery"), "{nobody}");
    for (arguments, code, reason) in [
        (&["audit", "chelsea.png"][..], 1, "cannot read"),
        (&["audit", "a.jpg", "b.jpg", "--shard", "1/2"], 2, "for datasets"),
        (&["audit", "people.csv", "other.csv"], 2, "one dataset"),
    ] {
        run(&[arguments, &["--gallery", "g.db"]].concat()).fails(code, &[reason, "hint:"]);
    }
    run(&["audit", &photo("chelsea.png"), "--gallery", "g.db"]).fails(3, &["no face"]);
    run(&["audit", &photo("sunak.jpg"), "--gallery", "none.db"]).fails(1, &["hint:"]);
}

#[test]
fn what_is_wrong_with_a_dataset_is_said() {
    let folder = Folder::new();
    let more = [
        ("Obama", "copy.png".to_owned()),
        ("Chelsea", photo("chelsea.png")),
        ("Chelsea", small(&folder, "sunak.jpg")),
        ("Damaged", "damaged.jpg".to_owned()),
    ];
    folder.write("damaged.jpg", "no picture");
    list(&folder, &more);
    folder.write("copy.png", folder.bytes("ardern-2018.png"));
    let arguments = [&SMALL[..], &["--masks", "eye-bar", "--draws", "2", "--evidence", "0", "--json"]].concat();
    let json = folder.eyebar(&arguments).succeeds().json();
    let findings = json["findings"].to_string();
    for problem in [
        "the same file as another person's",
        "no face",
        "cannot be read as a picture",
        "one of the photographs used shows no face",
    ] {
        assert!(findings.contains(problem), "{problem}: {findings}");
    }
    assert_eq!(json["people"], 2);

    for (arguments, code, reason) in [
        (&["--photos", "5"][..], 2, "0 people have 5 photographs"),
        (&["--photos", "2", "--attackers", "adapted", "--matchers", "pixels"], 2, "learn from"),
        (&["--photos", "2", "--masks", "hat"], 2, "eye-bar"),
        (&["--photos", "2", "--matchers", "sface", "--attackers", "naive", "--target", "rank1=0.2"], 2, "by chance"),
        (&["--photos", "2", "--attackers", "lazy"], 2, "the attackers are"),
    ] {
        folder.eyebar(&[&["audit", "people.csv"], arguments].concat()).fails(code, &[reason, "hint:"]);
    }
}
