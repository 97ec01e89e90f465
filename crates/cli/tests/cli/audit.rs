//! `eyebar audit` on the licensed photographs.

use std::time::Duration;

use crate::harness::{Folder, photo};

/// Without vector instructions this takes a while.
const PATIENCE: Duration = Duration::from_secs(240);

/// Two people with two photographs each; `more` is added.
fn list(folder: &Folder, more: &[(&str, String)]) {
    let rows = [
        ("Ardern", photo("ardern-2018.jpg")),
        ("Ardern", photo("ardern-2022.jpg")),
        ("Macron", photo("macron-2014.jpg")),
        ("Macron", photo("macron-2025.jpg")),
        ("Obama", photo("obama.jpg")),
    ];
    let rows: String = rows.iter().chain(more).map(|(name, path)| format!("{name},{path}\n")).collect();
    folder.write("people.csv", format!("subject,path\n{rows}"));
}

const SMALL: [&str; 8] =
    ["audit", "people.csv", "--photos", "2", "--matchers", "sface,pixels", "--attackers", "naive,masked-gallery"];

#[test]
fn a_mask_over_the_eyes_is_not_enough_and_a_black_head_is() {
    let folder = Folder::new();
    list(&folder, &[]);
    let arguments = [&SMALL[..], &["--masks", "eye-bar,head", "--draws", "8", "--json"]].concat();
    let json = folder.eyebar_within(PATIENCE, &arguments).succeeds().json();
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
    assert_eq!(folder.eyebar_within(PATIENCE, &[&arguments[..], &["--threads", "1"]].concat()).succeeds().json(), json);

    let text =
        folder.eyebar_within(PATIENCE, &[&SMALL[..], &["--masks", "eye-bar", "--draws", "2"]].concat()).succeeds().out;
    assert!(text.contains("Does an attacker find the right person"), "{text}");
}

#[test]
fn what_is_wrong_with_a_dataset_is_said() {
    let folder = Folder::new();
    folder.write("copy.jpg", std::fs::read(photo("ardern-2018.jpg")).expect("a photograph"));
    list(
        &folder,
        &[("Obama", "copy.jpg".to_owned()), ("Chelsea", photo("chelsea.png")), ("Chelsea", photo("sunak.jpg"))],
    );
    let arguments = [&SMALL[..], &["--masks", "eye-bar", "--draws", "2", "--json"]].concat();
    let json = folder.eyebar_within(PATIENCE, &arguments).succeeds().json();
    let findings = json["findings"].to_string();
    for problem in ["the same file as another person's", "no face", "too few photographs with a face"] {
        assert!(findings.contains(problem), "{problem}: {findings}");
    }
    assert_eq!(json["people"], 2);

    for (arguments, code, reason) in [
        (&["--photos", "5"][..], 2, "0 people have 5 photographs"),
        (&["--photos", "2", "--attackers", "adapted", "--matchers", "pixels"], 1, "learn from"),
        (&["--photos", "2", "--masks", "hat"], 2, "eye-bar"),
        (&["--photos", "2", "--attackers", "lazy"], 2, "the attackers are"),
    ] {
        folder.eyebar_within(PATIENCE, &[&["audit", "people.csv"], arguments].concat()).fails(code, &[reason, "hint:"]);
    }
}
