//! `eyebar serve`, as programs use it.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eyebar_imaging::npy;
use serde_json::json;

use crate::harness::{Folder, photo};
use crate::http::{Server, form, read};

/// As a file of a form.
fn file(name: &str) -> String {
    format!("@{}", photo(name))
}

#[test]
fn networks_answer_as_on_the_command_line() {
    let folder = Folder::new();
    // Plain code on a busy machine takes a while.
    let server = Server::start(&folder, &["--max-time", "600"]);
    let collins = file("astronaut.png");
    let image = [("image", collins.as_str())];
    let faces = server.post_form("/v1/faces", &[], &image).succeeds().json();
    assert_eq!(faces["faces"].as_array().map(Vec::len), Some(1), "{faces}");

    let said = server.post_form("/v1/predict", &[], &image).succeeds().json();
    let there = folder.eyebar(&["predict", &photo("astronaut.png"), "--json"]).succeeds().json();
    assert_eq!(said["classes"][0], there["classes"][0]);

    folder.eyebar(&["cam", &photo("astronaut.png"), "--raw", "cam.npy"]).succeeds();
    let map = server.post_form("/v1/cam", &["accept: application/x-npy"], &image).succeeds();
    assert_eq!(map.body, folder.bytes("cam.npy"), "the same map, byte for byte");
    let picture = server.post_form("/v1/cam", &["accept: image/png"], &image).succeeds();
    assert!(picture.body.starts_with(b"\x89PNG") && picture.head.contains("content-type: image/png"));

    let occlusion = [("image", collins.as_str()), ("patch", "60"), ("stride", "60")];
    let map = server.post_form("/v1/occlusion", &["accept: application/x-npy"], &occlusion).succeeds();
    folder.write("o.npy", &map.body);
    assert_eq!(npy::read(&folder.path("o.npy")).expect("an array").shape(), [224, 224]);

    // The same, as JSON.
    let text = STANDARD.encode(std::fs::read(photo("astronaut.png")).expect("a file"));
    let masked = server.post_json("/v1/mask", &json!({"image": text, "mask": "eye-bar"})).succeeds().json();
    assert_eq!(masked["faces"], 1);
    let url = format!("data:image/png;base64,{text}");
    let again = server.post_json("/v1/mask", &json!({"image": url, "mask": "eye-bar"})).succeeds().json();
    assert_eq!(again["image"], masked["image"]);

    let (a, b) = (file("ardern-2018.jpg"), file("ardern-2022.jpg"));
    let pair = server.post_form("/v1/compare", &[], &[("a", &a), ("b", &b)]).succeeds().json();
    let there = folder.eyebar(&["compare", &photo("ardern-2018.jpg"), &photo("ardern-2022.jpg"), "--json"]);
    assert_eq!(pair["similarity"], there.succeeds().json()["similarity"]);

    let log = server.log();
    assert!(log.contains("\"route\":\"/v1/compare\"") && log.contains("\"id\""), "{log}");
    for secret in ["similarity", "0.75", "landmark", "astronaut"] {
        assert!(!log.contains(secret), "{secret} in the log\n{log}");
    }
}

#[test]
fn filters_tell_their_progress_and_are_given_up() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--workers", "1", "--queue", "1", "--max-time", "600"]);
    let few = [("filters", "0..2"), ("steps", "4"), ("size", "48")];
    let events = server.post_form("/v1/filters", &["accept: text/event-stream"], &few).succeeds();
    let text = String::from_utf8_lossy(&events.body);
    assert!(text.contains("event: progress") && text.contains("event: result"), "{text}");
    // A long one, whose client leaves: its place is free soon after.
    let long = form(&[("filters", "0..64"), ("steps", "512"), ("size", "128")]);
    let events = ["accept: text/event-stream"];
    let stream = server.begin_form("/v1/filters", &events, &long, long.len()).expect("it reads");
    std::thread::sleep(Duration::from_millis(500));
    drop(stream);
    let start = Instant::now();
    server.post_form("/v1/filters", &[], &few).succeeds();
    assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
}

#[test]
fn a_mask_is_dragged() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (face, reference) = (file("ardern-2018.jpg"), file("ardern-2022.jpg"));
    let session = server.post_form("/v1/sessions", &[], &[("image", &face), ("reference", &reference)]).succeeds();
    assert_eq!(session.status, 201);
    let session = session.json();
    let path = format!("/v1/sessions/{}", session["session"].as_str().expect("a name"));
    let put =
        |mask: &str| server.post_json(&format!("{path}/mask"), &json!({"mask": mask, "map": true})).succeeds().json();
    let (bare, face) = (put("none"), put("face"));
    assert_eq!(bare["similarity"], session["similarity"]);
    assert!(bare["same_person"] == true && face["same_person"] == false, "{face}");
    assert_eq!(put("custom:-1.1,-0.35,1.1,0.35")["similarity"], put("eye-bar")["similarity"]);
    assert_eq!(bare["map"]["values"]["shape"], json!([14, 14]));
    assert_eq!(server.request("DELETE", &path, &[], &[]).status, 204);
    server.post_json(&format!("{path}/mask"), &json!({"mask": "none"})).fails(404, None);
}

#[test]
fn a_gallery_is_served() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, &["--gallery", "people.db"]);
    let (ardern, later, sunak) = (file("ardern-2018.jpg"), file("ardern-2022.jpg"), file("sunak.jpg"));
    let enrol = [("subject", "Jacinda Ardern"), ("images", ardern.as_str()), ("keep_until", "2099-12-31")];
    assert_eq!(server.post_form("/v1/enrol", &[], &enrol).succeeds().json()["added"], 1);
    let found = server.post_form("/v1/identify", &[], &[("image", &later)]).succeeds().json();
    assert_eq!(found["decision"]["subject"], "Jacinda Ardern", "{found}");
    let other = server.post_form("/v1/identify", &[], &[("image", &sunak)]).succeeds().json();
    assert_eq!(other["decision"]["accepted"], false, "{other}");
    let verify = [("subject", "Jacinda Ardern"), ("image", later.as_str())];
    assert_eq!(server.post_form("/v1/verify", &[], &verify).succeeds().json()["decision"]["accepted"], true);
    let subject = json!({"subject": "Jacinda Ardern"});
    assert_eq!(server.get("/v1/gallery").succeeds().json()["subjects"][0]["name"], "Jacinda Ardern");
    server.post_json("/v1/forget", &subject).succeeds();
    server.post_json("/v1/forget", &subject).fails(404, Some("subject"));
    server.post_form("/v1/verify", &[], &verify).fails(404, Some("subject"));
    let log = server.log();
    assert!(!log.contains("Ardern"), "no name in the log\n{log}");
    #[cfg(unix)]
    assert!(server.terminate().success(), "it stops when it is asked to");
    let stats =
        folder.eyebar_with_passphrase("a passphrase of the tests", &["gallery", "stats", "--gallery", "people.db"]);
    stats.succeeds();
}

#[test]
#[cfg(unix)]
fn what_was_acknowledged_outlives_the_server() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, &["--gallery", "people.db"]);
    let acknowledged = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for (thread, name) in ["ardern-2018.jpg", "sunak.jpg", "obama.jpg", "macron-2014.jpg"].into_iter().enumerate() {
            let (server, acknowledged) = (&server, &acknowledged);
            scope.spawn(move || {
                for turn in 0.. {
                    let subject = format!("{thread}-{turn}");
                    let fields = [("subject", subject.as_str()), ("images", &file(name)), ("force", "true")];
                    let body = form(&fields);
                    let Ok(mut stream) = server.begin_form("/v1/enrol", &[], &body, body.len()) else { return };
                    if read(&mut stream).status != 200 {
                        return;
                    }
                    acknowledged.lock().expect("no panic").push(subject);
                }
            });
        }
        while acknowledged.lock().expect("no panic").len() < 12 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = std::process::Command::new("kill").args(["-9", &server.id().to_string()]).status();
    });
    server.kill();
    let server = Server::start(&folder, &["--gallery", "people.db"]);
    let listed = server.get("/v1/gallery").succeeds().json();
    let listed: Vec<_> = listed["subjects"].as_array().expect("subjects").iter().map(|s| s["name"].clone()).collect();
    let acknowledged = acknowledged.into_inner().expect("no panic");
    for subject in &acknowledged {
        assert!(listed.contains(&json!(subject)), "{subject} is lost: {listed:?}");
    }
    assert!(acknowledged.len() >= 12);
}

#[test]
fn what_runs_is_finished_before_the_end() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, &[]);
    server.get("/v1/status").succeeds();
    let body = form(&[("filters", "0..2"), ("steps", "6"), ("size", "64")]);
    let mut stream = server.begin_form("/v1/filters", &[], &body, body.len()).expect("it reads");
    std::thread::sleep(Duration::from_millis(300));
    #[cfg(unix)]
    {
        let waiting = std::thread::spawn(move || read(&mut stream));
        assert!(server.terminate().success());
        assert_eq!(waiting.join().expect("no panic").status, 200);
    }
}

#[test]
fn the_server_tells_about_itself() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    assert_eq!(server.get("/healthz").succeeds().body, b"ok\n");
    let start = Instant::now();
    while server.get("/readyz").status != 200 {
        assert!(start.elapsed() < Duration::from_secs(60), "{}", server.get("/readyz"));
        std::thread::sleep(Duration::from_millis(20));
    }
    let description = server.get("/openapi.json").succeeds().json();
    for path in
        ["predict", "cam", "occlusion", "filters", "faces", "compare", "mask", "enrol", "verify", "identify", "forget"]
    {
        assert!(description["paths"][format!("/v1/{path}")]["post"].is_object(), "{path}");
    }
    let metrics = server.get("/metrics").succeeds();
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(text.contains("eyebar_") && text.contains("/healthz") && text.ends_with("# EOF\n"), "{text}");
    let page = server.get("/").succeeds();
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    assert!(page.head.contains("x-request-id: "), "{}", page.head);
    for name in ["/docs", "/assets/app.js", "/assets/style.css", "/assets/turbo.rgb", "/examples/astronaut.png"] {
        server.get(name).succeeds();
    }
}
