//! A gallery in a file, used rightly and wrongly.

use std::path::{Path, PathBuf};

use eyebar_gallery::{Created, Details, Event, Gallery, GalleryError, SubjectName, Unlock};
use rusqlite::Connection;

const MODEL: &str = "m@1";
const NOW: i64 = 1_800_000_000;

fn key(byte: u8) -> Unlock {
    Unlock::KeyFile(vec![byte; 32].into())
}

fn name(text: &str) -> SubjectName {
    SubjectName::new(text).unwrap()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("gallery.db")
    }

    fn gallery(&self) -> Gallery {
        Gallery::open_or_create(&self.file(), &key(1), NOW).unwrap().0
    }

    /// All that is on the disk.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(self.0.path()).unwrap() {
            bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        bytes
    }
}

fn template(seed: u64) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let values: Vec<f32> = (0..128).map(|_| rng.f32() - 0.5).collect();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter().map(|value| value / length).collect()
}

fn enrol(gallery: &mut Gallery, who: &str, seeds: &[u64]) {
    let templates: Vec<Vec<f32>> = seeds.iter().map(|&seed| template(seed)).collect();
    let templates: Vec<&[f32]> = templates.iter().map(Vec::as_slice).collect();
    gallery.enrol(&name(who), Details::default(), MODEL, &templates, NOW).unwrap();
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// As somebody else's program would.
fn by_hand(path: &Path, statement: &str) {
    Connection::open(path).unwrap().execute_batch(statement).unwrap();
}

#[test]
fn what_is_enrolled_is_there_after_opening_again() {
    let folder = Folder::new();
    let (mut gallery, created) = Gallery::open_or_create(&folder.file(), &key(1), NOW).unwrap();
    assert_eq!(created, Created::New);
    let details =
        Details { purpose: Some("door".to_owned()), consent: Some("signed".to_owned()), keep_until: Some(NOW + 9) };
    let first = gallery.enrol(&name("Zoë"), details.clone(), MODEL, &[&template(1)], NOW).unwrap();
    assert!(first.new && first.subject.templates == 1);
    let again = gallery.enrol(&name("Zoe\u{308}"), Details::default(), MODEL, &[&template(2)], NOW + 1).unwrap();
    assert!(!again.new && again.subject.templates == 2 && again.subject.details == details, "{again:?}");
    drop(gallery);

    let (gallery, created) = Gallery::open_or_create(&folder.file(), &key(1), NOW).unwrap();
    assert_eq!(created, Created::Existing);
    let references = gallery.references(&name("Zoë")).unwrap();
    assert_eq!(references.iter().map(|found| found.values.to_vec()).collect::<Vec<_>>(), [template(1), template(2)]);
    let stats = gallery.stats(NOW).unwrap();
    assert_eq!((stats.subjects, stats.templates, stats.expired, stats.created), (1, 2, 0, NOW));
    assert_eq!(stats.models, [(MODEL.to_owned(), 2)]);
}

#[test]
fn another_key_opens_nothing() {
    let folder = Folder::new();
    enrol(&mut folder.gallery(), "Ann", &[1]);
    assert!(matches!(Gallery::open(&folder.file(), &key(2)), Err(GalleryError::WrongKey)));
    assert!(matches!(Gallery::open_or_create(&folder.file(), &key(2), NOW), Err(GalleryError::WrongKey)));
    let phrase = Unlock::Passphrase("correct horse".to_owned().into());
    assert!(matches!(Gallery::open(&folder.file(), &phrase), Err(GalleryError::WrongKey)));
    assert!(Gallery::open(&folder.file(), &key(1)).is_ok());
}

#[test]
fn rekeying_changes_what_opens_it_and_nothing_else() {
    let folder = Folder::new();
    let mut gallery = folder.gallery();
    enrol(&mut gallery, "Ann", &[1, 2]);
    let short = Unlock::Passphrase("short".to_owned().into());
    assert!(matches!(gallery.rekey(&short, NOW), Err(GalleryError::WeakKey { .. })));
    let phrase = Unlock::Passphrase("correct horse".to_owned().into());
    assert!(gallery.rekey(&phrase, NOW).unwrap());
    enrol(&mut gallery, "Ann", &[3]);
    drop(gallery);
    assert!(matches!(Gallery::open(&folder.file(), &key(1)), Err(GalleryError::WrongKey)));
    let gallery = Gallery::open(&folder.file(), &phrase).unwrap();
    let values: Vec<_> = gallery.references(&name("Ann")).unwrap().iter().map(|found| found.values.to_vec()).collect();
    assert_eq!(values, [template(1), template(2), template(3)]);
    assert!(gallery.log().unwrap().iter().any(|entry| entry.event == Event::Rekey));
}

/// Names, templates in the clear, what was sealed and the sealed key of somebody forgotten: none of it is left in any file,
/// used page or free one, with others enrolled before, between and after.
#[test]
fn nothing_remains_of_somebody_forgotten() {
    let folder = Folder::new();
    let mut gallery = folder.gallery();
    for index in 0..40 {
        enrol(&mut gallery, &format!("somebody number {index}"), &[index, 1000 + index]);
    }
    enrol(&mut gallery, "Unforgettable Person", &(500..530).collect::<Vec<_>>());
    for index in 40..60 {
        enrol(&mut gallery, &format!("somebody number {index}"), &[index]);
    }
    let connection = Connection::open(folder.file()).unwrap();
    let blobs = |statement: &str| -> Vec<Vec<u8>> {
        let mut statement = connection.prepare(statement).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let of_person = "(SELECT id FROM subject WHERE name = 'Unforgettable Person')";
    let sealed = blobs(&format!("SELECT sealed FROM template WHERE subject = {of_person}"));
    let keys = blobs("SELECT key FROM subject WHERE name = 'Unforgettable Person'");
    let others =
        blobs("SELECT sealed FROM template WHERE subject = (SELECT id FROM subject WHERE name = 'somebody number 7')");
    drop(connection);
    assert_eq!((sealed.len(), keys.len(), others.len()), (30, 1, 2));
    let before = folder.bytes();
    let parts = || sealed.iter().chain(&keys).flat_map(|blob| blob.chunks_exact(16));
    assert!(parts().all(|part| contains(&before, part)), "the search finds what is there");

    let (subject, erased) = gallery.forget(&name("Unforgettable Person"), NOW + 5).unwrap();
    assert!(erased);
    for open in [true, false] {
        let after = folder.bytes();
        assert!(!contains(&after, b"Unforgettable"), "the name");
        assert_eq!(parts().filter(|part| contains(&after, part)).count(), 0, "ciphertext");
        for seed in 500..530 {
            let plain: Vec<u8> = template(seed).iter().flat_map(|value| value.to_le_bytes()).collect();
            assert!(!contains(&after, &plain[..16]), "plaintext");
        }
        assert!(others.iter().all(|blob| contains(&after, blob)), "the others are still there");
        if open {
            let log = gallery.log().unwrap();
            let last = log.last().unwrap();
            assert_eq!((last.event, last.subject, last.name.as_deref()), (Event::Forget, Some(subject.id), None));
            assert!(matches!(
                gallery.references(&name("Unforgettable Person")),
                Err(GalleryError::NoSuchSubject { .. })
            ));
            gallery = folder.gallery();
        }
    }
    assert_eq!(gallery.stats(NOW).unwrap().subjects, 60);
}

/// A process that reads keeps the file from being rewritten: that is said, and made up for.
#[test]
fn erasing_is_finished_when_the_gallery_is_opened_next() {
    let folder = Folder::new();
    let mut gallery = folder.gallery();
    enrol(&mut gallery, "Unforgettable Person", &[1]);
    enrol(&mut gallery, "Ann", &[2]);
    let mut reader = Connection::open(folder.file()).unwrap();
    let reading = reader.transaction().unwrap();
    let _: i64 = reading.query_row("SELECT count(*) FROM subject", [], |row| row.get(0)).unwrap();
    let (_, erased) = gallery.forget(&name("Unforgettable Person"), NOW).unwrap();
    assert!(!erased);
    assert!(gallery.references(&name("Unforgettable Person")).is_err(), "forgotten all the same");
    drop(reading);
    drop(reader);
    drop(gallery);
    let gallery = folder.gallery();
    assert!(!contains(&folder.bytes(), b"Unforgettable"));
    assert_eq!(gallery.subjects().unwrap().len(), 1);
}

#[test]
fn nobody_is_matched_after_their_time() {
    let folder = Folder::new();
    let mut gallery = folder.gallery();
    let until = |time| Details { keep_until: Some(time), ..Details::default() };
    gallery.enrol(&name("Ann"), until(NOW + 10), MODEL, &[&template(1)], NOW).unwrap();
    gallery.enrol(&name("Bob"), until(NOW + 20), MODEL, &[&template(2)], NOW).unwrap();
    gallery.enrol(&name("Eve"), Details::default(), "other@1", &[&template(3)], NOW).unwrap();
    let matched = |gallery: &Gallery, now| {
        let mut names = Vec::new();
        gallery.each_reference(MODEL, now, |subject, _| names.push(subject.name.to_string())).unwrap();
        // Subjects come in the order of their random numbers.
        names.sort();
        names
    };
    assert_eq!(matched(&gallery, NOW), ["Ann", "Bob"]);
    assert_eq!(matched(&gallery, NOW + 10), ["Bob"]);
    assert_eq!(gallery.stats(NOW + 15).unwrap().expired, 1);
    let (purged, erased) = gallery.purge(NOW + 15).unwrap();
    assert!(erased && purged.len() == 1 && purged[0].name == name("Ann"));
    assert!(!contains(&folder.bytes(), b"Ann"));
    assert!(gallery.purge(NOW + 15).unwrap().0.is_empty());
}

#[test]
fn rows_that_were_changed_are_noticed() {
    let changes = [
        "UPDATE subject SET keep_until = NULL WHERE name = 'Ann'",
        "UPDATE subject SET keep_until = 1 WHERE name = 'Ann'",
        "UPDATE subject SET name = 'Anne' WHERE name = 'Ann'",
        "UPDATE subject SET purpose = 'anything' WHERE name = 'Ann'",
        "UPDATE subject SET key = (SELECT key FROM subject WHERE name = 'Bob') WHERE name = 'Ann'",
        "UPDATE template SET subject = (SELECT id FROM subject WHERE name = 'Bob')",
        "UPDATE template SET model = 'm@1', enrolled = enrolled + 1",
        "UPDATE template SET sealed = zeroblob(552)",
        "UPDATE template SET sealed = zeroblob(3)",
    ];
    for change in changes {
        let folder = Folder::new();
        let mut gallery = folder.gallery();
        let details = Details { keep_until: Some(NOW + 9), ..Details::default() };
        gallery.enrol(&name("Ann"), details, MODEL, &[&template(1)], NOW).unwrap();
        gallery.enrol(&name("Bob"), Details::default(), MODEL, &[&template(2)], NOW).unwrap();
        by_hand(&folder.file(), change);
        let result = gallery.each_reference(MODEL, NOW, |_, _| ());
        assert!(matches!(result, Err(GalleryError::Altered { .. })), "{change}: {result:?}");
        if change.contains("keep_until = 1") {
            assert!(
                matches!(gallery.purge(NOW), Err(GalleryError::Altered { .. })),
                "nobody is erased by somebody else"
            );
            assert!(matches!(gallery.subjects(), Err(GalleryError::Altered { .. })));
        }
    }
}

/// A file that would run statements of its own when it is used.
#[test]
fn files_with_other_tables_are_refused() {
    for addition in [
        "CREATE TABLE kept (key BLOB); CREATE TRIGGER keep AFTER DELETE ON subject BEGIN INSERT INTO kept VALUES (old.key); END",
        "CREATE VIEW endless AS WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n",
        "DROP TABLE calibration; CREATE VIEW calibration AS SELECT 'm@1' AS model, zeroblob(100000000) AS record",
        "CREATE INDEX other ON log (at)",
    ] {
        let folder = Folder::new();
        drop(folder.gallery());
        by_hand(&folder.file(), addition);
        let error = Gallery::open(&folder.file(), &key(1)).unwrap_err().to_string();
        assert!(error.contains("not those of a gallery"), "{addition}: {error}");
    }
}

/// A process that opened the gallery before it was given a new key must not seal anything with the old one.
#[test]
fn nothing_is_stored_with_a_key_that_is_gone() {
    let folder = Folder::new();
    let mut early = folder.gallery();
    enrol(&mut early, "Ann", &[1]);
    let mut other = folder.gallery();
    other.rekey(&key(2), NOW).unwrap();
    let late = early.enrol(&name("Bob"), Details::default(), MODEL, &[&template(2)], NOW);
    assert!(matches!(late, Err(GalleryError::Rekeyed)), "{late:?}");
    assert!(matches!(early.rekey(&key(3), NOW), Err(GalleryError::Rekeyed)));
    assert!(matches!(early.purge(NOW), Err(GalleryError::Rekeyed)));
    let gallery = Gallery::open(&folder.file(), &key(2)).unwrap();
    assert_eq!(gallery.subjects().unwrap().len(), 1);
    gallery.each_reference(MODEL, NOW, |_, _| ()).unwrap();
}

/// A process that ended before it wrote the keys leaves a file that the next one finishes.
#[test]
fn a_gallery_that_was_begun_is_finished() {
    let folder = Folder::new();
    assert!(!Gallery::exists(&folder.file()).unwrap());
    std::fs::write(folder.file(), "").unwrap();
    assert!(!Gallery::exists(&folder.file()).unwrap());
    drop(folder.gallery());
    by_hand(&folder.file(), "DELETE FROM gallery; DELETE FROM log");
    assert!(!Gallery::exists(&folder.file()).unwrap());
    let (mut gallery, created) = Gallery::open_or_create(&folder.file(), &key(1), NOW).unwrap();
    assert_eq!(created, Created::New);
    enrol(&mut gallery, "Ann", &[1]);
    assert!(Gallery::exists(&folder.file()).unwrap());
}

#[test]
fn a_log_that_was_changed_is_noticed() {
    let changes = [
        "UPDATE log SET detail = '' WHERE sequence = 2",
        "UPDATE log SET at = at + 1 WHERE sequence = 2",
        "DELETE FROM log WHERE sequence = 2",
        "DELETE FROM log WHERE sequence = 4",
        "INSERT INTO log SELECT 5, at, event, subject, detail, link FROM log WHERE sequence = 4",
        "UPDATE log SET event = 'x' WHERE sequence = 2",
        "DELETE FROM log",
    ];
    for change in changes {
        let folder = Folder::new();
        let mut gallery = folder.gallery();
        enrol(&mut gallery, "Ann", &[1]);
        let ann = gallery.subject(&name("Ann")).unwrap();
        gallery.record(Event::Verify, Some(&ann), "accepted", NOW).unwrap();
        gallery.record(Event::Identify, None, "refused", NOW).unwrap();
        let events: Vec<Event> = gallery.log().unwrap().iter().map(|entry| entry.event).collect();
        assert_eq!(events, [Event::Create, Event::Enrol, Event::Verify, Event::Identify]);
        by_hand(&folder.file(), change);
        assert!(matches!(gallery.log(), Err(GalleryError::Altered { .. })), "{change}");
    }
}

#[test]
fn thresholds_are_kept_and_cannot_be_changed() {
    let folder = Folder::new();
    let mut gallery = folder.gallery();
    assert_eq!(gallery.calibration(MODEL).unwrap(), None);
    gallery.set_calibration(MODEL, "0.3", NOW).unwrap();
    gallery.set_calibration(MODEL, "0.4", NOW).unwrap();
    assert_eq!(gallery.calibration(MODEL).unwrap().as_deref(), Some("0.4"));
    gallery.set_calibration("other@1", "0.7", NOW).unwrap();
    for change in [
        "UPDATE calibration SET record = '0.1'",
        "DELETE FROM calibration WHERE model = 'm@1'",
        "DELETE FROM calibration",
    ] {
        by_hand(&folder.file(), change);
        for model in [MODEL, "other@1", "third@1"] {
            assert!(matches!(gallery.calibration(model), Err(GalleryError::Altered { .. })), "{change}");
        }
    }
}

#[test]
fn subjects_are_copied_with_keys_of_their_own() {
    let (from, to) = (Folder::new(), Folder::new());
    let mut source = from.gallery();
    let details = Details { purpose: Some("door".to_owned()), ..Details::default() };
    source.enrol(&name("Ann"), details.clone(), MODEL, &[&template(1)], NOW).unwrap();
    enrol(&mut source, "Bob", &[2, 3]);
    let mut target = Gallery::open_or_create(&to.file(), &key(9), NOW).unwrap().0;
    enrol(&mut target, "Bob", &[7]);
    let (copied, known) = source.copy_into(&mut target, NOW + 3).unwrap();
    assert_eq!((copied, known), (1, vec![name("Bob")]));
    assert_eq!(target.references(&name("Ann")).unwrap()[0].values.to_vec(), template(1));
    assert_eq!(target.references(&name("Bob")).unwrap().len(), 1, "left as he was");
    let ann = target.subject(&name("Ann")).unwrap();
    assert_eq!((ann.details, ann.enrolled), (details, NOW));
    assert_eq!(target.log().unwrap().last().unwrap().event, Event::Import);
    assert_eq!(source.log().unwrap().last().unwrap().event, Event::Export);
}

#[test]
fn files_that_are_no_galleries_are_refused_and_left_alone() {
    let folder = Folder::new();
    let missing = Gallery::open(&folder.file(), &key(1)).unwrap_err();
    assert!(matches!(missing, GalleryError::Missing { .. }), "{missing}");
    assert!(!folder.file().exists());

    let text = "not a database, and longer than its magic number";
    std::fs::write(folder.file(), text).unwrap();
    for result in
        [Gallery::open(&folder.file(), &key(1)), Gallery::open_or_create(&folder.file(), &key(1), NOW).map(|g| g.0)]
    {
        let error = result.err().unwrap().to_string();
        assert!(error.contains("not a gallery") && error.contains("hint:"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(folder.file()).unwrap(), text);

    std::fs::remove_file(folder.file()).unwrap();
    by_hand(&folder.file(), "CREATE TABLE recipe (name TEXT); INSERT INTO recipe VALUES ('soup');");
    let before = std::fs::read(folder.file()).unwrap();
    let error = Gallery::open_or_create(&folder.file(), &key(1), NOW).err().unwrap().to_string();
    assert!(error.contains("another program"), "{error}");
    assert_eq!(std::fs::read(folder.file()).unwrap(), before);

    std::fs::remove_file(folder.file()).unwrap();
    drop(folder.gallery());
    by_hand(&folder.file(), "PRAGMA user_version = 99");
    let error = Gallery::open(&folder.file(), &key(1)).err().unwrap().to_string();
    assert!(error.contains("newer"), "{error}");

    let error = Gallery::open(folder.0.path(), &key(1)).err().unwrap().to_string();
    assert!(error.contains("regular file"), "{error}");
}

/// A gallery cut off or with bytes changed: refused or noticed, never a panic.
#[test]
fn damaged_files_are_refused() {
    let folder = Folder::new();
    let mut gallery = folder.gallery();
    (0..30).for_each(|index| enrol(&mut gallery, &format!("person {index}"), &[index]));
    // With the last connection goes the log that is written ahead.
    drop(gallery);
    let sound = std::fs::read(folder.file()).unwrap();
    let mut rng = fastrand::Rng::with_seed(11);
    let (mut refused, mut unharmed) = (0, 0);
    for round in 0..60 {
        let mut bytes = sound.clone();
        if round % 3 == 0 {
            bytes.truncate(rng.usize(1..sound.len()));
        } else {
            for _ in 0..rng.usize(1..40) {
                let at = rng.usize(0..bytes.len());
                bytes[at] = rng.u8(..);
            }
        }
        for beside in ["gallery.db-wal", "gallery.db-shm"] {
            let _ = std::fs::remove_file(folder.0.path().join(beside));
        }
        std::fs::write(folder.file(), bytes).unwrap();
        let look = || -> Result<usize, GalleryError> {
            let gallery = Gallery::open(&folder.file(), &key(1))?;
            let mut found = 0;
            gallery.each_reference(MODEL, NOW, |_, reference| {
                assert_eq!(reference.values.len(), 128, "what opens is what was sealed");
                found += 1;
            })?;
            gallery.log()?;
            Ok(found)
        };
        match look() {
            Ok(found) => {
                // Pages that count fewer rows than they had are beyond what can be noticed, as deleted rows are.
                assert!(found <= 30, "nobody is made up");
                unharmed += 1;
            }
            Err(error) => {
                assert!(error.to_string().contains("hint:"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "{refused} refused, {unharmed} unharmed");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mut gallery = folder.gallery();
    enrol(&mut gallery, "Ann", &[1]);
    for entry in std::fs::read_dir(folder.0.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn templates_that_are_none_are_refused() {
    let folder = Folder::new();
    let mut gallery = folder.gallery();
    for bad in [&[][..], &[f32::NAN], &[1.0, f32::INFINITY], &[0.0, 0.0], &[1e6, 0.0]] {
        let result = gallery.enrol(&name("Ann"), Details::default(), MODEL, &[&template(1), bad], NOW);
        assert!(matches!(result, Err(GalleryError::Template { .. })));
    }
    assert!(gallery.subjects().unwrap().is_empty(), "nothing of it is stored");
}

/// Several writers at once, each with an own connection: nothing is lost, and the log is one chain.
#[test]
fn writers_wait_for_each_other() {
    let folder = Folder::new();
    let path = folder.file();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let mut gallery = Gallery::open_or_create(path, &key(1), NOW).unwrap().0;
                for index in 0..15 {
                    enrol(&mut gallery, &format!("{writer} {index}"), &[index]);
                    enrol(&mut gallery, "everybody's", &[100 + index]);
                }
            });
        }
    });
    let gallery = folder.gallery();
    let stats = gallery.stats(NOW).unwrap();
    assert_eq!((stats.subjects, stats.templates), (61, 120));
    assert_eq!(gallery.log().unwrap().len(), 121);
}
