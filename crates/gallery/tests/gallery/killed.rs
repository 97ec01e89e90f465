//! Processes that are killed while they write.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use eyebar_gallery::{Event, Gallery, Location};

use crate::place::{MODEL, NOW, Place, enrol, key};

/// Where the child finds its gallery, and which round it is in.
const FILE: &str = "EYEBAR_TEST_KILLED_FILE";
const ROUND: &str = "EYEBAR_TEST_KILLED_ROUND";

const ROUNDS: u64 = 20;
const TEMPLATES: usize = 3;

/// The child: enrols until it is killed, and says after each commit whom.
#[test]
#[ignore = "run by the test below"]
fn enrols_until_it_is_killed() {
    let (Some(file), Ok(round)) = (std::env::var_os(FILE), std::env::var(ROUND)) else { return };
    let location = Location::File(file.into());
    let mut gallery = Gallery::open_or_create(&location, &key(1), NOW).unwrap().0;
    let mut out = std::io::stdout();
    for index in 0.. {
        let name = format!("person {round} {index}");
        enrol(&mut gallery, &name, &[0, 1, 2]);
        writeln!(out, "committed {name}").unwrap();
        out.flush().unwrap();
    }
}

/// What was committed is there, nobody is half there, and the log is one chain; twenty times, from the making of the file
/// on.
#[test]
fn nothing_that_was_committed_is_lost() {
    let folder = Place::folder();
    let mut rng = fastrand::Rng::with_seed(5);
    let mut committed: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["killed::enrols_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
            .env(FILE, folder.file())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(rng.u64(..150_000)));
        child.kill().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A line that was cut off says nothing.
        let said = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("committed ").map(str::to_owned));
        let said: Vec<String> = said.collect();
        child.wait().unwrap();
        committed.extend(said);
        if !Gallery::exists(&folder.location()).unwrap() {
            assert!(committed.is_empty(), "round {round}");
            continue;
        }
        let gallery = Gallery::open(&folder.location(), &key(1)).unwrap();
        let mut people: BTreeMap<String, usize> = BTreeMap::new();
        gallery
            .each_reference(MODEL, NOW, |subject, _| *people.entry(subject.name.to_string()).or_default() += 1)
            .unwrap();
        assert!(people.values().all(|templates| *templates == TEMPLATES), "round {round}: {people:?}");
        assert_eq!(gallery.subjects().unwrap().len(), people.len());
        let lost: Vec<_> = committed.iter().filter(|name| !people.contains_key(*name)).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?}");
        let log = gallery.log().unwrap();
        assert_eq!(log.iter().filter(|entry| entry.event == Event::Enrol).count(), people.len());
    }
    assert!(committed.len() > ROUNDS as usize, "only {} enrolments", committed.len());
}
