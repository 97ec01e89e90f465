//! `eyebar oneshot` on the licensed photographs.

use crate::harness::{Folder, photo};

/// Two people with two photographs each, and two strangers.
fn list(folder: &Folder) -> String {
    let rows = [
        ("Ardern", "ardern-2018.jpg"),
        ("Ardern", "ardern-2022.jpg"),
        ("Macron", "macron-2014.jpg"),
        ("Macron", "macron-2025.jpg"),
        ("Obama", "obama.jpg"),
        ("Sunak", "sunak.jpg"),
    ];
    let rows = rows.map(|(name, file)| format!("{name},{}\n", photo(file)));
    std::fs::write(folder.path("people.csv"), format!("subject,path\n{}", rows.concat())).expect("a writable folder");
    "people.csv".to_owned()
}

#[test]
fn one_photograph_is_enough_to_tell_two_people_apart() {
    let folder = Folder::new();
    let list = list(&folder);
    let two = ["oneshot", &list, "--photos", "2", "--shots", "1", "--strangers", "0", "--draws", "4"];
    let sface = [&two[..], &["--matchers", "sface,pixels", "--methods", "nearest,softmax"]].concat();
    let outcome = folder.eyebar(&[&sface[..], &["--json"]].concat()).succeeds();
    let json = outcome.json();
    assert_eq!((&json["people"], &json["photos"], &json["strangers"]), (&2.into(), &2.into(), &0.into()));
    let rows = json["matchers"]["sface"].as_array().expect("outcomes");
    assert_eq!(rows.len(), 4, "two methods, with and without variants");
    for row in rows {
        assert_eq!(row["rank1"]["value"], 1.0, "{row}");
        assert!(row["open_set"].is_null());
    }
    assert!(json["matchers"]["pixels"].is_array() && json["matchers"]["vgg16"].is_null());
    assert!(folder.path("oneshot.png").metadata().expect("a figure").len() > 10_000);
    assert_eq!(folder.eyebar(&[&sface[..], &["--json", "--threads", "1"]].concat()).succeeds().json(), json);

    let text = folder.eyebar(&[&sface[..], &["--no-variants"]].concat()).succeeds().out;
    assert!(text.contains("What beats the nearest neighbour") && !text.contains("with variants"), "{text}");
}

#[test]
fn what_cannot_be_measured_is_refused_with_a_remedy() {
    let folder = Folder::new();
    let list = list(&folder);
    for (arguments, code, reason) in [
        (&["--photos", "3", "--shots", "1"][..], 2, "0 people have 3 photographs"),
        (&["--photos", "2", "--shots", "2"], 2, "leave none to look for"),
        (&["--photos", "2", "--shots", "1", "--matchers", "sface"], 1, "strangers to set a threshold"),
        (&["--photos", "2", "--shots", "1", "--matchers", "eigenfaces", "--strangers", "0"], 1, "principal components"),
        (&["--photos", "2", "--shots", "1", "--matchers", "face"], 2, "the matchers are sface"),
        (
            &["--photos", "2", "--shots", "1", "--matchers", "pixels", "--strangers", "0", "--penalty", "0"],
            1,
            "penalty",
        ),
        (&["--out", "people.csv"], 2, "people.csv"),
    ] {
        folder.eyebar(&[&["oneshot", &list], arguments].concat()).fails(code, &[reason, "hint:"]);
    }
}
