//! What holds of a gallery on a server alone.

use std::io::Read;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::time::Instant;

use eyebar_gallery::{Address, Details, Event, Gallery, GalleryError, Location, Search};

use crate::place::{MODEL, NOW, Place, contains, enrol, key, name, template, unit};

fn at(address: &str) -> Location {
    Location::Server(Box::new(Address::parse(address).unwrap()))
}

fn error_at(address: &str) -> String {
    let error = Gallery::open_or_create(&at(address), &key(1), NOW).err().unwrap();
    assert!(matches!(error, GalleryError::Server { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("hint:") && !text.contains("secret"), "{text}");
    error.to_string()
}

#[test]
fn servers_that_cannot_be_reached() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = error_at(&format!("postgres://u:secret@127.0.0.1:{free}/d"));
    assert!(error.contains("refused") && error.contains("that the server runs"), "{error}");
    let error = error_at("postgres://u:secret@%2Fno%2Fsuch%2Ffolder/d");
    assert!(error.contains("that the server runs"), "{error}");
}

/// Something that takes the connection and then says nothing, or nonsense.
#[test]
fn a_server_that_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let start = Instant::now();
    let silent = std::thread::spawn(move || error_at(&format!("postgres://u:secret@127.0.0.1:{port}/d")));
    let (mut stream, _) = listener.accept().unwrap();
    let _ = stream.read(&mut [0; 64]);
    let error = silent.join().unwrap();
    assert!(error.contains("no answer"), "{error}");
    assert!(start.elapsed().as_secs() < 20);
}

#[test]
fn databases_and_roles_that_do_not_fit() {
    let Some(place) = Place::database() else { return };
    let Place::Database(address) = &place else { return };
    let none = error_at(&(address.clone() + "x"));
    assert!(none.contains("does not exist") && none.contains("createdb"), "{none}");

    // A role that may do nothing, then one that may make a schema but no extension, then one that may do all.
    let mut client = place.client();
    let role = format!("limited_{}", address.rsplit('/').next().unwrap());
    client.batch_execute(&format!("CREATE ROLE {role} LOGIN")).unwrap();
    let limited = address.replace("tester@", &format!("{role}@"));
    let error = error_at(&limited);
    assert!(error.contains("CREATE EXTENSION vector"), "{error}");
    client.batch_execute("CREATE EXTENSION vector").unwrap();
    let error = error_at(&limited);
    assert!(error.contains("permission denied") && error.contains("GRANT CREATE ON DATABASE"), "{error}");
    let database = address.rsplit('/').next().unwrap();
    client.batch_execute(&format!("GRANT CREATE ON DATABASE {database} TO {role}")).unwrap();
    let mut gallery = Gallery::open_or_create(&at(&limited), &key(1), NOW).unwrap().0;
    enrol(&mut gallery, "Ann", &[1]);
    assert!(gallery.forget(&name("Ann"), NOW).unwrap().1, "it may rewrite its tables");

    let other = error_at(&address.replace("tester@", "nobody_here:secret@"));
    assert!(other.contains("nobody_here"), "{other}");
}

#[test]
fn schemas_of_others_are_refused_and_left_alone() {
    let Some(place) = Place::database() else { return };
    place.by_hand("CREATE SCHEMA eyebar; CREATE TABLE eyebar.recipe (name text)");
    let error = Gallery::open_or_create(&place.location(), &key(1), NOW).unwrap_err().to_string();
    assert!(error.contains("another program"), "{error}");
    let Place::Database(address) = &place else { return };
    // Beside it there is room.
    drop(Gallery::open_or_create(&at(&format!("{address}?search_path=Faces")), &key(1), NOW).unwrap());

    for change in [
        "UPDATE format SET version = 99",
        "ALTER TABLE subject ADD COLUMN photo bytea",
        "CREATE VIEW extra AS SELECT 1 AS one",
        "DROP TABLE log",
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN old; END';
         CREATE TRIGGER keep BEFORE DELETE ON subject FOR EACH ROW EXECUTE FUNCTION keep()",
    ] {
        let place = place.another();
        drop(place.gallery());
        place.by_hand(change);
        let error = Gallery::open(&place.location(), &key(1)).unwrap_err();
        assert!(matches!(error, GalleryError::Foreign { .. }), "{change}: {error}");
        assert_eq!(error.to_string().contains("newer"), change.contains("99"), "{error}");
    }
}

/// A vector that somebody at the server moved finds nobody else.
#[test]
fn vectors_that_were_changed_are_noticed() {
    let Some(place) = Place::database() else { return };
    let mut gallery = place.gallery();
    enrol(&mut gallery, "Ann", &[1]);
    enrol(&mut gallery, "Bob", &[2]);
    place.by_hand("UPDATE template SET vector = (SELECT vector FROM template ORDER BY id DESC LIMIT 1)");
    let result = gallery.nearest(MODEL, &[&template(2)], 1, NOW, &|_, _| ControlFlow::Continue(()));
    assert!(matches!(result, Err(GalleryError::Altered { .. })), "{result:?}");
}

/// Enough for the index to be used: it finds those who are there, and nobody whose time is over.
#[test]
fn many_are_searched_by_an_index() {
    let Some(place) = Place::database() else { return };
    let mut gallery = place.gallery();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut vector = || unit(&(0..16).map(|_| rng.f32() - 0.5).collect::<Vec<f32>>());
    for person in 0..110 {
        let templates: Vec<Vec<f32>> = (0..100).map(|_| vector()).collect();
        let slices: Vec<&[f32]> = templates.iter().map(Vec::as_slice).collect();
        let details = Details { keep_until: (person % 10 == 0).then_some(NOW), ..Details::default() };
        gallery.enrol(&name(&format!("person {person:03}")), details, MODEL, &slices, NOW).unwrap();
    }
    let own = gallery.references(&name("person 007")).unwrap();
    let over = gallery.references(&name("person 010")).unwrap();
    let queries: Vec<&[f32]> = own.iter().take(20).chain(over.iter().take(5)).map(|found| &found.values[..]).collect();
    let nearest = gallery.nearest(MODEL, &queries, 5, NOW, &|_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!((nearest.subjects, nearest.templates, nearest.search), (99, 9900, Search::Approximate));
    let nearest = gallery.nearest(MODEL, &queries, 5, NOW - 1, &|_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!((nearest.subjects, nearest.templates), (110, 11000));
    assert_eq!(nearest.search, Search::Approximate);
    let found = nearest.matches.iter().filter(|found| found.len() == 5 && found[0].similarity > 0.999);
    assert!(found.count() >= 24, "of 25");
}

/// Nothing of somebody forgotten is left in the tables, their indexes or free pages.
#[test]
fn nothing_remains_in_the_tables() {
    let Some(place) = Place::database() else { return };
    let mut gallery = place.gallery();
    enrol(&mut gallery, "Ann", &[1]);
    enrol(&mut gallery, "Unforgettable Person", &[500, 501, 502]);
    for seed in 1000..1040 {
        enrol(&mut gallery, &format!("Person {seed}"), &[seed]);
    }
    place.by_hand("ANALYZE");
    let sealed: Vec<Vec<u8>> = {
        let rows = place.client().query("SELECT sealed FROM template ORDER BY id", &[]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    let plain = |seed| -> Vec<u8> { template(seed).iter().flat_map(|value| value.to_le_bytes()).collect() };
    let sampled = |columns: &str| -> i64 {
        let sql = format!(
            "SELECT count(*) FROM pg_stats WHERE schemaname = 'eyebar' AND (tablename, attname) <> ('template', 'id')
             AND tablename <> 'log' AND attname {columns}"
        );
        place.client().query_one(&sql, &[]).unwrap().get(0)
    };
    assert_eq!(sampled("IN ('id', 'name', 'purpose', 'consent', 'key', 'subject', 'sealed', 'vector')"), 0);
    assert!(sampled("IN ('model', 'enrolled')") > 0, "statistics were made");
    let before = stored(&place);
    assert!(
        contains(&before, b"Unforgettable") && contains(&before, &sealed[1][..16]),
        "the search finds what is there"
    );
    assert!(contains(&before, &plain(500)[..16]), "as docs say, vectors are in the clear");
    assert!(gallery.forget(&name("Unforgettable Person"), NOW).unwrap().1);
    let after = stored(&place);
    assert!(!contains(&after, b"Unforgettable"));
    assert!(sealed[1..4].iter().all(|sealed| !contains(&after, &sealed[..16])));
    assert!((500..503).all(|seed| !contains(&after, &plain(seed)[..16])));
    assert!(contains(&after, &sealed[0][..16]) && contains(&after, &plain(1)[..16]), "the others are still there");
}

/// The bytes of all files that belong to the gallery's tables and indexes.
fn stored(place: &Place) -> Vec<u8> {
    let mut client = place.client();
    client.batch_execute("CHECKPOINT").unwrap();
    let sql = "SELECT pg_read_binary_file(pg_relation_filepath(oid)) FROM pg_class
               WHERE relnamespace = to_regnamespace('eyebar') AND relkind IN ('r', 'i', 't')";
    client.query(sql, &[]).unwrap().iter().flat_map(|row| row.get::<_, Vec<u8>>(0)).collect()
}

/// Where others read, even other tables, the rest of somebody forgotten goes when the gallery is opened next.
#[test]
fn rewriting_is_made_up_for() {
    for looks_at in ["SELECT * FROM eyebar.subject", "SELECT * FROM pg_class LIMIT 1"] {
        let Some(place) = Place::database() else { return };
        let mut gallery = place.gallery();
        enrol(&mut gallery, "Unforgettable Person", &[1]);
        let mut reader = place.client();
        let mut reading =
            reader.build_transaction().isolation_level(postgres::IsolationLevel::RepeatableRead).start().unwrap();
        reading.query(looks_at, &[]).unwrap();
        assert!(!gallery.forget(&name("Unforgettable Person"), NOW).unwrap().1, "{looks_at}");
        assert!(gallery.references(&name("Unforgettable Person")).is_err(), "forgotten all the same");
        drop(reading);
        assert!(contains(&stored(&place), b"Unforgettable"));
        drop(place.gallery());
        assert!(!contains(&stored(&place), b"Unforgettable"));
    }
}

#[test]
fn a_connection_that_is_lost() {
    let Some(place) = Place::database() else { return };
    let mut gallery = place.gallery();
    enrol(&mut gallery, "Ann", &[1]);
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE application_name = 'eyebar' AND datname = current_database()";
    place.by_hand(end);
    let result = gallery.enrol(&name("Bob"), Details::default(), MODEL, &[&template(2)], NOW);
    let error = result.unwrap_err();
    assert!(matches!(error, GalleryError::Server { .. }) && error.to_string().contains("hint:"), "{error}");
    let gallery = place.gallery();
    assert_eq!(gallery.subjects().unwrap().len(), 1);
    assert_eq!(gallery.log().unwrap().last().unwrap().event, Event::Enrol);
}

/// Another's lock is waited for, and not for ever.
#[test]
fn a_lock_that_is_held() {
    let Some(place) = Place::database() else { return };
    let mut gallery = place.gallery();
    let mut client = place.client();
    client.batch_execute("SELECT pg_advisory_lock(1163478338, hashtext('eyebar'))").unwrap();
    let start = Instant::now();
    let error = gallery.record(Event::Identify, None, "refused", NOW).unwrap_err().to_string();
    assert!(error.contains("another process is writing"), "{error}");
    assert!(start.elapsed().as_secs() >= 9);
}
