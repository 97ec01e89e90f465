//! The gallery on a PostgreSQL server, where there is one with pgvector.

use eyebar_testkit::postgres::Postgres;

use crate::harness::{Folder, Outcome, photo};

/// Addresses that lead nowhere: the password is not in what is said.
#[test]
fn passwords_of_addresses_are_not_shown() {
    let folder = Folder::new();
    let list =
        |address: &str| folder.eyebar_with_passphrase("several words", &["gallery", "list", "--gallery", address]);
    let outcomes = [
        list("postgres://u:secret@host/faces?sslmode=disable").fails(2, &["in the clear", "hint"]),
        list("postgres://u:secret@host/faces?sslmode=maybe").fails(2, &["sslmode", "hint"]),
        list("postgres://u:a@secret@host/faces").fails(2, &["an @ where none belongs", "hint"]),
        list("postgres://u:secret@127.0.0.1:1/faces").fails(1, &["postgres://u@127.0.0.1:1/faces", "hint"]),
        list("postgresql://u:secret@%2Fno%2Fsuch%2Ffolder/faces").fails(1, &["hint"]),
        list("mysql://u:secret@host/faces").fails(2, &["unknown kind", "hint"]),
        folder.eyebar(&["gallery", "export", "postgres://u:secret@host/faces"]).fails(2, &["import", "hint"]),
    ];
    for outcome in outcomes {
        assert!(!outcome.err.contains("secret") && outcome.out.is_empty(), "{outcome}");
    }
}

#[test]
fn everything_is_done_on_a_server() {
    let Some(server) = Postgres::shared() else { return };
    let folder = Folder::new();
    let address = server.database();
    let run = |arguments: &[&str]| -> Outcome {
        folder.eyebar(&[arguments, &["--gallery", &address, "--key-file", "g.key"]].concat())
    };
    folder.write("g.key", [7; 32]);
    run(&["gallery", "list"]).fails(1, &["there is no gallery", "enrol somebody"]);
    let first = run(&["enrol", "Macron", &photo("macron-2014.jpg"), "--consent", "form 7"]).succeeds();
    assert!(first.err.contains("made the gallery postgres://tester@"), "{first}");
    run(&["enrol", "Ardern", &photo("ardern-2018.jpg")]).succeeds();
    run(&["enrol", "Somebody", &photo("ardern-2018.jpg")]).fails(1, &["enrolled as \"Ardern\" already"]);
    run(&["enrol", "Ardern", &photo("ardern-2018.jpg")]).succeeds();

    let json = run(&["identify", &photo("macron-2025.jpg"), "--json"]).succeeds().json();
    assert_eq!((&json["decision"]["accepted"], &json["decision"]["subject"]), (&true.into(), &"Macron".into()));
    assert_eq!((&json["subjects"], &json["templates"], &json["search"]), (&2.into(), &2.into(), &"exact".into()));
    let stranger = run(&["identify", &photo("sunak.jpg"), "--json"]).succeeds().json();
    assert_eq!(stranger["decision"]["accepted"], false);
    let yes = run(&["verify", "Ardern", &photo("ardern-2022.jpg"), "--json"]).succeeds().json();
    assert_eq!(yes["decision"]["accepted"], true);

    run(&["gallery", "export", "copy.db", "--to-key-file", "copy.key"]).succeeds();
    let forgotten = run(&["forget", "Macron", "--json"]).succeeds().json();
    assert_eq!((&forgotten["forgotten"]["name"], &forgotten["erased"]), (&"Macron".into(), &true.into()));
    run(&["verify", "Macron", &photo("macron-2025.jpg")]).fails(1, &["nobody is enrolled"]);
    let back = run(&["gallery", "import", "copy.db", "--from-key-file", "copy.key", "--json"]).succeeds().json();
    assert_eq!((&back["copied"], &back["kept"][0]), (&1.into(), &"Ardern".into()));
    let list = run(&["gallery", "list", "--json"]).succeeds().json();
    assert_eq!((&list["subjects"][1]["name"], &list["subjects"][1]["consent"]), (&"Macron".into(), &"form 7".into()));

    let stats = run(&["gallery", "stats", "--json"]).succeeds().json();
    assert_eq!((&stats["subjects"], &stats["templates"]), (&2.into(), &2.into()));
    assert!(stats["bytes"].as_u64().is_some_and(|bytes| bytes > 0));
    run(&["gallery", "purge"]).succeeds();
    run(&["gallery", "audit-log"]).succeeds();
    run(&["gallery", "rekey", "--new-key-file", "new.key"]).succeeds();
    run(&["gallery", "list"]).fails(1, &["does not open this gallery"]);
    // The other way round, and from server to server it would be the same.
    let into_file =
        ["gallery", "import", &address, "--from-key-file", "new.key", "--gallery", "g.db", "--key-file", "g.key"];
    let json = folder.eyebar(&[&into_file[..], &["--json"]].concat()).succeeds().json();
    assert_eq!(json["copied"], 2);
}
