//! What holds in a file and on a server alike.

use std::ops::ControlFlow;

use eyebar_gallery::{Created, Details, Event, Gallery, GalleryError, Search, Unlock};

use crate::place::{MODEL, NOW, Place, enrol, key, name, on_each, template};

#[test]
fn what_is_enrolled_is_there_after_opening_again() {
    on_each(|place| {
        assert!(matches!(Gallery::open(&place.location(), &key(1)), Err(GalleryError::Missing { .. })));
        let (mut gallery, created) = Gallery::open_or_create(&place.location(), &key(1), NOW).unwrap();
        assert_eq!(created, Created::New);
        let details =
            Details { purpose: Some("door".to_owned()), consent: Some("signed".to_owned()), keep_until: Some(NOW + 9) };
        let first = gallery.enrol(&name("Zoë"), details.clone(), MODEL, &[&template(1)], NOW).unwrap();
        assert!(first.new && first.subject.templates == 1);
        let again = gallery.enrol(&name("Zoe\u{308}"), Details::default(), MODEL, &[&template(2)], NOW + 1).unwrap();
        assert!(!again.new && again.subject.templates == 2 && again.subject.details == details, "{again:?}");
        drop(gallery);

        let (gallery, created) = Gallery::open_or_create(&place.location(), &key(1), NOW).unwrap();
        assert_eq!(created, Created::Existing);
        let references = gallery.references(&name("Zoë")).unwrap();
        assert_eq!(
            references.iter().map(|found| found.values.to_vec()).collect::<Vec<_>>(),
            [template(1), template(2)]
        );
        let stats = gallery.stats(NOW).unwrap();
        assert_eq!((stats.subjects, stats.templates, stats.expired, stats.created), (1, 2, 0, NOW));
        assert_eq!(stats.models, [(MODEL.to_owned(), 2)]);
    });
}

#[test]
fn another_key_opens_nothing() {
    on_each(|place| {
        enrol(&mut place.gallery(), "Ann", &[1]);
        assert!(matches!(Gallery::open(&place.location(), &key(2)), Err(GalleryError::WrongKey)));
        assert!(matches!(Gallery::open_or_create(&place.location(), &key(2), NOW), Err(GalleryError::WrongKey)));
        let phrase = Unlock::Passphrase("correct horse".to_owned().into());
        assert!(matches!(Gallery::open(&place.location(), &phrase), Err(GalleryError::WrongKey)));
        assert!(Gallery::open(&place.location(), &key(1)).is_ok());
    });
}

#[test]
fn rekeying_changes_what_opens_it_and_nothing_else() {
    on_each(|place| {
        let mut gallery = place.gallery();
        enrol(&mut gallery, "Ann", &[1, 2]);
        let short = Unlock::Passphrase("short".to_owned().into());
        assert!(matches!(gallery.rekey(&short, NOW), Err(GalleryError::WeakKey { .. })));
        let phrase = Unlock::Passphrase("correct horse".to_owned().into());
        assert!(gallery.rekey(&phrase, NOW).unwrap());
        enrol(&mut gallery, "Ann", &[3]);
        drop(gallery);
        assert!(matches!(Gallery::open(&place.location(), &key(1)), Err(GalleryError::WrongKey)));
        let gallery = Gallery::open(&place.location(), &phrase).unwrap();
        let values: Vec<_> =
            gallery.references(&name("Ann")).unwrap().iter().map(|found| found.values.to_vec()).collect();
        assert_eq!(values, [template(1), template(2), template(3)]);
        assert!(gallery.log().unwrap().iter().any(|entry| entry.event == Event::Rekey));
    });
}

#[test]
fn nobody_is_matched_after_their_time() {
    on_each(|place| {
        let mut gallery = place.gallery();
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
        assert!(gallery.purge(NOW + 15).unwrap().0.is_empty());
    });
}

#[test]
fn rows_that_were_changed_are_noticed() {
    on_each(|place| {
        let changes = [
            "UPDATE subject SET keep_until = NULL WHERE name = 'Ann'",
            "UPDATE subject SET keep_until = 1 WHERE name = 'Ann'",
            "UPDATE subject SET name = 'Anne' WHERE name = 'Ann'",
            "UPDATE subject SET purpose = 'anything' WHERE name = 'Ann'",
            "UPDATE subject SET key = (SELECT key FROM subject WHERE name = 'Bob') WHERE name = 'Ann'",
            "UPDATE template SET subject = (SELECT id FROM subject WHERE name = 'Bob')",
            "UPDATE template SET model = 'm@1', enrolled = enrolled + 1",
            &format!("UPDATE template SET sealed = {}", place.zeros(552)),
            &format!("UPDATE template SET sealed = {}", place.zeros(3)),
        ];
        for change in changes {
            let place = place.another();
            let mut gallery = place.gallery();
            let details = Details { keep_until: Some(NOW + 9), ..Details::default() };
            gallery.enrol(&name("Ann"), details, MODEL, &[&template(1)], NOW).unwrap();
            gallery.enrol(&name("Bob"), Details::default(), MODEL, &[&template(2)], NOW).unwrap();
            place.by_hand(change);
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
    });
}

/// A process that opened the gallery before it was given a new key must not seal anything with the old one.
#[test]
fn nothing_is_stored_with_a_key_that_is_gone() {
    on_each(|place| {
        let mut early = place.gallery();
        enrol(&mut early, "Ann", &[1]);
        let mut other = place.gallery();
        other.rekey(&key(2), NOW).unwrap();
        let late = early.enrol(&name("Bob"), Details::default(), MODEL, &[&template(2)], NOW);
        assert!(matches!(late, Err(GalleryError::Rekeyed)), "{late:?}");
        assert!(matches!(early.rekey(&key(3), NOW), Err(GalleryError::Rekeyed)));
        assert!(matches!(early.purge(NOW), Err(GalleryError::Rekeyed)));
        let gallery = Gallery::open(&place.location(), &key(2)).unwrap();
        assert_eq!(gallery.subjects().unwrap().len(), 1);
        gallery.each_reference(MODEL, NOW, |_, _| ()).unwrap();
    });
}

/// A process that ended before it wrote the keys leaves a file that the next one finishes.
#[test]
fn a_gallery_that_was_begun_is_finished() {
    on_each(|place| {
        assert!(!Gallery::exists(&place.location()).unwrap());
        if let Place::Folder(_) = place {
            std::fs::write(place.file(), "").unwrap();
            assert!(!Gallery::exists(&place.location()).unwrap());
        }
        drop(place.gallery());
        place.by_hand("DELETE FROM gallery; DELETE FROM log");
        assert!(!Gallery::exists(&place.location()).unwrap());
        let (mut gallery, created) = Gallery::open_or_create(&place.location(), &key(1), NOW).unwrap();
        assert_eq!(created, Created::New);
        enrol(&mut gallery, "Ann", &[1]);
        assert!(Gallery::exists(&place.location()).unwrap());
    });
}

#[test]
fn a_log_that_was_changed_is_noticed() {
    on_each(|place| {
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
            let place = place.another();
            let mut gallery = place.gallery();
            enrol(&mut gallery, "Ann", &[1]);
            let ann = gallery.subject(&name("Ann")).unwrap();
            gallery.record(Event::Verify, Some(&ann), "accepted", NOW).unwrap();
            gallery.record(Event::Identify, None, "refused", NOW).unwrap();
            let events: Vec<Event> = gallery.log().unwrap().iter().map(|entry| entry.event).collect();
            assert_eq!(events, [Event::Create, Event::Enrol, Event::Verify, Event::Identify]);
            place.by_hand(change);
            assert!(matches!(gallery.log(), Err(GalleryError::Altered { .. })), "{change}");
        }
    });
}

#[test]
fn thresholds_are_kept_and_cannot_be_changed() {
    on_each(|place| {
        let mut gallery = place.gallery();
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
            place.by_hand(change);
            for model in [MODEL, "other@1", "third@1"] {
                assert!(matches!(gallery.calibration(model), Err(GalleryError::Altered { .. })), "{change}");
            }
        }
    });
}

#[test]
fn subjects_are_copied_with_keys_of_their_own() {
    on_each(|from| {
        let to = from.another();
        let mut source = from.gallery();
        let details = Details { purpose: Some("door".to_owned()), ..Details::default() };
        source.enrol(&name("Ann"), details.clone(), MODEL, &[&template(1)], NOW).unwrap();
        enrol(&mut source, "Bob", &[2, 3]);
        let mut target = to.gallery_with(&key(9));
        enrol(&mut target, "Bob", &[7]);
        let (copied, known) = source.copy_into(&mut target, NOW + 3).unwrap();
        assert_eq!((copied, known), (1, vec![name("Bob")]));
        assert_eq!(target.references(&name("Ann")).unwrap()[0].values.to_vec(), template(1));
        assert_eq!(target.references(&name("Bob")).unwrap().len(), 1, "left as he was");
        let ann = target.subject(&name("Ann")).unwrap();
        assert_eq!((ann.details, ann.enrolled), (details, NOW));
        assert_eq!(target.log().unwrap().last().unwrap().event, Event::Import);
        assert_eq!(source.log().unwrap().last().unwrap().event, Event::Export);
    });
}

#[test]
fn templates_that_are_none_are_refused() {
    on_each(|place| {
        let mut gallery = place.gallery();
        for bad in [&[][..], &[f32::NAN], &[1.0, f32::INFINITY], &[0.0, 0.0], &[1e6, 0.0]] {
            let result = gallery.enrol(&name("Ann"), Details::default(), MODEL, &[&template(1), bad], NOW);
            assert!(matches!(result, Err(GalleryError::Template { .. })));
        }
        assert!(gallery.subjects().unwrap().is_empty(), "nothing of it is stored");
    });
}

/// Many who open what is not there yet: one makes it, and nobody takes another's half for something foreign.
#[test]
fn it_is_made_once_by_many() {
    on_each(|first| {
        for _ in 0..10 {
            let place = first.another();
            let start = std::sync::Barrier::new(6);
            std::thread::scope(|scope| {
                for _ in 0..6 {
                    scope.spawn(|| {
                        start.wait();
                        place.gallery();
                    });
                }
            });
            assert_eq!(place.gallery().log().unwrap().len(), 1);
        }
    });
}

/// Several writers at once, each with an own connection: nothing is lost, and the log is one chain.
#[test]
fn writers_wait_for_each_other() {
    on_each(|place| {
        std::thread::scope(|scope| {
            for writer in 0..4 {
                scope.spawn(move || {
                    let mut gallery = place.gallery();
                    for index in 0..15 {
                        enrol(&mut gallery, &format!("{writer} {index}"), &[index]);
                        enrol(&mut gallery, "everybody's", &[100 + index]);
                    }
                });
            }
        });
        let gallery = place.gallery();
        let stats = gallery.stats(NOW).unwrap();
        assert_eq!((stats.subjects, stats.templates), (61, 120));
        assert_eq!(gallery.log().unwrap().len(), 121);
    });
}

/// The same people in the same order as sorting all gives, without those whose time is over.
#[test]
fn the_nearest_are_those_of_a_full_comparison() {
    on_each(|place| {
        let mut gallery = place.gallery();
        for person in 0..40 {
            let seeds: Vec<u64> = (0..=person % 4).map(|photo| 100 * person + photo).collect();
            enrol(&mut gallery, &format!("person {person}"), &seeds);
        }
        let over = Details { keep_until: Some(NOW), ..Details::default() };
        gallery.enrol(&name("Ann"), over, MODEL, &[&template(1)], NOW).unwrap();
        gallery.enrol(&name("Eve"), Details::default(), "other@1", &[&template(1)], NOW).unwrap();

        let queries = [template(1), template(300), template(7)];
        let mut expected: Vec<Vec<(String, f32)>> = vec![Vec::new(); 3];
        gallery
            .each_reference(MODEL, NOW, |subject, reference| {
                for (query, people) in queries.iter().zip(&mut expected) {
                    let dot: f64 =
                        query.iter().zip(&*reference.values).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let (name, similarity) = (subject.name.to_string(), dot.clamp(-1.0, 1.0) as f32);
                    match people.last_mut().filter(|(last, _)| *last == name) {
                        Some((_, largest)) => *largest = largest.max(similarity),
                        None => people.push((name, similarity)),
                    }
                }
            })
            .unwrap();
        expected.iter_mut().for_each(|people| people.sort_by(|a, b| b.1.total_cmp(&a.1)));

        let slices: Vec<&[f32]> = queries.iter().map(Vec::as_slice).collect();
        for people in [1, 5, 40, 100] {
            let nearest = gallery.nearest(MODEL, &slices, people, NOW, &|_, _| ControlFlow::Continue(())).unwrap();
            assert_eq!((nearest.subjects, nearest.templates, nearest.search), (40, 100, Search::Exact));
            for (found, expected) in nearest.matches.iter().zip(&expected) {
                let found: Vec<(String, f32)> =
                    found.iter().map(|found| (found.subject.name.to_string(), found.similarity)).collect();
                assert_eq!(found, expected[..people.min(40)]);
            }
        }
        let nobody = gallery.nearest("third@1", &slices, 5, NOW, &|_, _| ControlFlow::Continue(())).unwrap();
        assert_eq!((nobody.subjects, nobody.templates, nobody.matches[0].len()), (0, 0, 0));
    });
}

#[test]
fn people_move_between_files_and_servers() {
    let Some(server) = Place::database() else { return };
    let (first, last) = (Place::folder(), Place::folder());
    let mut from = first.gallery();
    let details = Details { consent: Some("form 7".to_owned()), keep_until: Some(NOW + 9), ..Details::default() };
    from.enrol(&name("Zoë"), details, MODEL, &[&template(1), &template(2)], NOW).unwrap();
    enrol(&mut from, "Ann", &[3]);
    let mut between = server.gallery_with(&key(2));
    assert_eq!(from.copy_into(&mut between, NOW).unwrap(), (2, Vec::new()));
    let mut to = last.gallery_with(&key(3));
    assert_eq!(between.copy_into(&mut to, NOW).unwrap(), (2, Vec::new()));
    let everything = |gallery: &Gallery| {
        let people = gallery.subjects().unwrap().into_iter().map(|subject| {
            let references = gallery.references(&subject.name).unwrap();
            let values: Vec<_> = references.iter().map(|found| (found.enrolled, found.values.to_vec())).collect();
            (subject.name, subject.details, subject.enrolled, values)
        });
        people.collect::<Vec<_>>()
    };
    assert_eq!(everything(&from), everything(&between));
    assert_eq!(everything(&from), everything(&to));
}
