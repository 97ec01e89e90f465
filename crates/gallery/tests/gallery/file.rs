//! What holds of a gallery in a file.

use eyebar_gallery::{Event, Gallery, GalleryError};
use rusqlite::Connection;

use crate::place::{MODEL, NOW, Place, contains, enrol, key, name, template};

/// All that is on the disk.
fn bytes(folder: &Place) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder.file().parent().unwrap()).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    bytes
}

/// Names, templates in the clear, what was sealed and the sealed key of somebody forgotten: none of it is left in any file,
/// used page or free one, with others enrolled before, between and after.
#[test]
fn nothing_remains_of_somebody_forgotten() {
    let folder = Place::folder();
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
    let before = bytes(&folder);
    let parts = || sealed.iter().chain(&keys).flat_map(|blob| blob.chunks_exact(16));
    assert!(parts().all(|part| contains(&before, part)), "the search finds what is there");

    let (subject, erased) = gallery.forget(&name("Unforgettable Person"), NOW + 5).unwrap();
    assert!(erased);
    for open in [true, false] {
        let after = bytes(&folder);
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
    let folder = Place::folder();
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
    assert!(!contains(&bytes(&folder), b"Unforgettable"));
    assert_eq!(gallery.subjects().unwrap().len(), 1);
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
        let folder = Place::folder();
        drop(folder.gallery());
        folder.by_hand(addition);
        let error = Gallery::open(&folder.location(), &key(1)).unwrap_err().to_string();
        assert!(error.contains("not those of a gallery"), "{addition}: {error}");
    }
}

#[test]
fn files_that_are_no_galleries_are_refused_and_left_alone() {
    let folder = Place::folder();
    let missing = Gallery::open(&folder.location(), &key(1)).unwrap_err();
    assert!(matches!(missing, GalleryError::Missing { .. }), "{missing}");
    assert!(!folder.file().exists());

    let text = "not a database, and longer than its magic number";
    std::fs::write(folder.file(), text).unwrap();
    for result in [
        Gallery::open(&folder.location(), &key(1)),
        Gallery::open_or_create(&folder.location(), &key(1), NOW).map(|g| g.0),
    ] {
        let error = result.err().unwrap().to_string();
        assert!(error.contains("not a gallery") && error.contains("hint:"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(folder.file()).unwrap(), text);

    std::fs::remove_file(folder.file()).unwrap();
    folder.by_hand("CREATE TABLE recipe (name TEXT); INSERT INTO recipe VALUES ('soup');");
    let before = std::fs::read(folder.file()).unwrap();
    let error = Gallery::open_or_create(&folder.location(), &key(1), NOW).err().unwrap().to_string();
    assert!(error.contains("another program"), "{error}");
    assert_eq!(std::fs::read(folder.file()).unwrap(), before);

    std::fs::remove_file(folder.file()).unwrap();
    drop(folder.gallery());
    folder.by_hand("PRAGMA user_version = 99");
    let error = Gallery::open(&folder.location(), &key(1)).err().unwrap().to_string();
    assert!(error.contains("newer"), "{error}");

    let error =
        Gallery::open(&folder.file().parent().unwrap().to_path_buf().into(), &key(1)).err().unwrap().to_string();
    assert!(error.contains("regular file"), "{error}");
}

/// A gallery cut off or with bytes changed: refused or noticed, never a panic.
#[test]
fn damaged_files_are_refused() {
    let folder = Place::folder();
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
            let _ = std::fs::remove_file(folder.file().with_file_name(beside));
        }
        std::fs::write(folder.file(), bytes).unwrap();
        let look = || -> Result<usize, GalleryError> {
            let gallery = Gallery::open(&folder.location(), &key(1))?;
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
    let folder = Place::folder();
    let mut gallery = folder.gallery();
    enrol(&mut gallery, "Ann", &[1]);
    for entry in std::fs::read_dir(folder.file().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}
