//! What the server refuses, and that it stays up.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Folder, photo};
use crate::http::{FORM, Server, form, read};

const JSON: &str = "content-type: application/json";

#[test]
fn requests_that_make_no_sense() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--gallery", "people.db"]);
    let collins = format!("@{}", photo("astronaut.png"));
    let chelsea = format!("@{}", photo("chelsea.png"));
    let image = ("image", collins.as_str());

    let kinds = server.request("POST", "/v1/cam", &["content-type: text/plain"], b"image");
    kinds.fails(415, None);
    server.request("POST", "/v1/cam", &[], b"").fails(415, None);
    server.request("POST", "/v1/cam", &[JSON], b"{\"image\": ").fails(400, None);
    server.request("POST", "/v1/cam", &[JSON], b"[]").fails(400, None);
    server.request("POST", "/v1/cam", &[JSON], "{\"image\": \"🙂\"}".as_bytes()).fails(400, Some("image"));
    server.request("POST", "/v1/cam", &[JSON], &[0xff; 100]).fails(400, None);
    let deep = "[".repeat(100_000);
    server.request("POST", "/v1/cam", &[JSON], deep.as_bytes()).fails(400, None);
    server.request("POST", "/v1/cam", &[FORM], b"no form").fails(400, None);
    server.request("POST", "/v1/cam", &["content-type: multipart/form-data"], b"").fails(400, None);
    server.request("POST", "/v1/cam", &[FORM], &form(&[image])[..2000]).fails(400, None);
    server.request("POST", "/v1/cam", &["accept: video/mp4", FORM], &form(&[image])).fails(406, None);
    server.request("POST", "/v1/faces", &["accept: image/png", FORM], &form(&[image])).fails(406, None);

    for (path, fields, status, field) in [
        ("/v1/cam", &[][..], 400, Some("image")),
        ("/v1/cam", &[image, ("colour", "red")], 400, Some("colour")),
        ("/v1/cam", &[image, image], 400, Some("image")),
        ("/v1/cam", &[image, ("model", "../../etc/passwd")], 400, Some("model")),
        ("/v1/cam", &[image, ("model", "/etc/passwd")], 400, Some("model")),
        ("/v1/cam", &[image, ("layer", "nowhere")], 400, Some("layer")),
        ("/v1/cam", &[image, ("target", "class:unicorn")], 400, Some("target")),
        ("/v1/cam", &[image, ("target", "similarity:/etc/passwd")], 400, Some("target")),
        ("/v1/cam", &[image, ("target", "similarity")], 400, Some("reference")),
        ("/v1/cam", &[("image", "aGVsbG8=")], 422, Some("image")),
        (
            "/v1/cam",
            &[("image", chelsea.as_str()), ("model", "sface"), ("target", "similarity"), ("reference", &collins)],
            422,
            Some("image"),
        ),
        ("/v1/occlusion", &[image, ("patch", "0")], 400, Some("patch")),
        ("/v1/occlusion", &[image, ("stride", "-1")], 400, Some("stride")),
        ("/v1/occlusion", &[image, ("fill", "white")], 400, Some("fill")),
        ("/v1/occlusion", &[image, ("patch", "1"), ("stride", "1")], 400, Some("stride")),
        ("/v1/mask", &[image, ("mask", "hat")], 400, Some("mask")),
        ("/v1/mask", &[image, ("mask", "custom:1,1,0,0")], 400, Some("mask")),
        ("/v1/mask", &[image, ("mask", "custom:nan,0,1,1")], 400, Some("mask")),
        ("/v1/filters", &[("filters", "0..9999999999")], 400, Some("filters")),
        ("/v1/filters", &[("filters", "600")], 422, Some("filters")),
        ("/v1/filters", &[("steps", "100000")], 400, Some("steps")),
        ("/v1/filters", &[("size", "5")], 400, Some("size")),
        ("/v1/compare", &[("a", collins.as_str())], 400, Some("b")),
        ("/v1/compare", &[("a", collins.as_str()), ("b", &chelsea)], 422, Some("b")),
        ("/v1/compare", &[("a", collins.as_str()), ("b", &collins), ("fmr", "2")], 400, Some("fmr")),
        ("/v1/sessions", &[image, ("face", "7")], 400, Some("face")),
        ("/v1/sessions", &[("image", chelsea.as_str())], 422, Some("image")),
        ("/v1/enrol", &[("subject", ""), ("images", &collins)], 400, Some("subject")),
        ("/v1/enrol", &[("subject", "a"), ("images", &collins), ("keep_until", "tomorrow")], 400, Some("keep_until")),
        ("/v1/enrol", &[("subject", "a"), ("images", &chelsea)], 422, Some("images[0]")),
        ("/v1/verify", &[("subject", "nobody"), image], 404, Some("subject")),
        ("/v1/identify", &[image, ("fmr", "0")], 400, Some("fmr")),
        ("/v1/sessions/../../etc/mask", &[("mask", "none")], 404, None),
    ] {
        eprintln!(
            "{path} {:?}",
            fields.iter().map(|(name, value)| (name, &value[..value.len().min(30)])).collect::<Vec<_>>()
        );
        server.post_form(path, &[], fields).fails(status, field);
    }
    // Refused before anything is done.
    let png = ["accept: image/png"];
    server.post_form("/v1/enrol", &png, &[("subject", "a"), ("images", &collins)]).fails(406, None);
    assert_eq!(server.get("/v1/gallery").succeeds().json()["subjects"], json!([]));
    server.post_json("/v1/sessions/x/mask", &json!({"mask": "none"})).fails(404, None);
    for path in [
        "/assets/../Cargo.toml",
        "/assets/..%2f..%2fCargo.toml",
        "/examples/%2e%2e/%2e%2e/etc/passwd",
        "/v2",
        "//etc/passwd",
    ] {
        server.get(path).fails(404, None);
    }
    server.get("/v1/cam").fails(405, None);
    server.request("GET", "/v1/status", &["origin: https://example.com"], b"").fails(403, None);
    let foreign = b"GET /v1/status HTTP/1.1\r\nhost: example.com\r\nconnection: close\r\n\r\n";
    server.raw(foreign).fails(403, None);
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.get("/healthz").succeeds();
}

#[test]
fn too_much() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--max-body", "1", "--workers", "1", "--queue", "1"]);
    let large = vec![b'x'; (1 << 20) + 1];
    server.request("POST", "/v1/cam", &[JSON], &large).fails(413, None);
    // 49 million pixels in 300 kilobytes.
    image::GrayImage::new(7000, 7000).save(folder.path("bomb.png")).expect("a file");
    assert!(folder.bytes("bomb.png").len() < 1 << 20);
    let bomb = format!("@{}", folder.path("bomb.png").display());
    server.post_form("/v1/faces", &[], &[("image", &bomb)]).fails(413, Some("image"));
    // Photographs of several megabytes are usual; noise does not compress.
    let grain = |x: u32, y: u32| (x.wrapping_mul(7919) ^ y.wrapping_mul(104_729)).wrapping_mul(2_654_435_761) >> 24;
    let noise = image::GrayImage::from_fn(2000, 1500, |x, y| image::Luma([grain(x, y) as u8]));
    noise.save(folder.path("noise.png")).expect("a file");
    let length = folder.bytes("noise.png").len();
    assert!((2 << 20..4 << 20).contains(&length), "{length}");
    let usual = Server::start(&folder, &[]);
    let noise = format!("@{}", folder.path("noise.png").display());
    usual.post_form("/v1/faces", &[], &[("image", &noise)]).succeeds();
    drop(usual);
    // A header without an end.
    let endless = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\nx: {}", server.address, "x".repeat(1 << 20));
    assert!(matches!(server.raw(endless.as_bytes()).status, 0 | 400 | 431));

    // A thousand at once: each is done or told to come back, none is lost.
    let collins = format!("@{}", photo("sunak.jpg"));
    let start = Instant::now();
    let counts = std::sync::Mutex::new(std::collections::BTreeMap::<u16, usize>::new());
    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let answer = server.post_form("/v1/faces", &[], &[("image", &collins)]);
                    if answer.status == 503 {
                        answer.fails(503, None);
                        assert!(answer.head.contains("retry-after: "), "{answer}");
                    }
                    *counts.lock().expect("no panic").entry(answer.status).or_default() += 1;
                }
            });
        }
    });
    let counts = counts.into_inner().expect("no panic");
    eprintln!("{counts:?} in {:?}", start.elapsed());
    assert!(counts.keys().all(|status| [200, 503].contains(status)), "{counts:?}");
    assert!(counts.len() == 2, "some are done, some refused: {counts:?}");
    server.get("/healthz").succeeds();
}

#[test]
fn clients_that_are_slow_or_leave() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--workers", "1", "--queue", "0", "--max-time", "2"]);
    let collins = form(&[("image", &format!("@{}", photo("astronaut.png")))]);
    let begin = |sent| server.begin_form("/v1/occlusion", &[], &collins, sent).expect("it reads");
    // Hung up in the middle of the request, and while it is worked on.
    for length in [10, 1000, collins.len()] {
        let stream = begin(length);
        std::thread::sleep(Duration::from_millis(100));
        drop(stream);
    }
    let start = Instant::now();
    while server.post_form("/v1/faces", &[], &[("image", &format!("@{}", photo("astronaut.png")))]).status != 200 {
        assert!(start.elapsed() < Duration::from_secs(60), "its place is still taken");
        std::thread::sleep(Duration::from_millis(50));
    }
    // What takes too long is given up.
    let long = [("filters", "0..64"), ("steps", "512"), ("size", "128")];
    server.post_form("/v1/filters", &[], &long).fails(503, None);
    server.get("/healthz").succeeds();
    // A request of which nothing more comes is answered in the end.
    assert_eq!(read(&mut begin(100)).status, 408);
}

#[test]
fn tokens_open_what_their_roles_may() {
    let folder = Folder::new();
    let add = |name: &str, role: &str| {
        let arguments = ["token", "add", name, "--role", role, "--tokens", "tokens.json", "--json"];
        folder.eyebar(&arguments).succeeds().json()["token"].as_str().expect("a token").to_owned()
    };
    let (viewer, operator, admin) = (add("v", "viewer"), add("o", "operator"), add("a", "admin"));
    let old = add("old", "admin");
    let mut tokens: serde_json::Value = serde_json::from_slice(&folder.bytes("tokens.json")).expect("JSON");
    tokens["tokens"][3]["expires"] = json!("2020-01-01T00:00:00Z");
    folder.write("tokens.json", tokens.to_string());
    let kept = String::from_utf8_lossy(&folder.bytes("tokens.json")).into_owned();
    assert!([&viewer, &operator, &admin].iter().all(|token| !kept.contains(*token)), "only hashes are kept");
    let server = Server::start(&folder, &["--tokens", "tokens.json", "--gallery", "people.db"]);
    let collins = format!("@{}", photo("astronaut.png"));
    let faces = |headers: &[&str]| server.post_form("/v1/faces", headers, &[("image", &collins)]);
    let bearer = |token: &str| format!("authorization: Bearer {token}");
    for wrong in [
        String::new(),
        bearer(""),
        bearer("eyebar_00"),
        bearer(&old),
        bearer(&viewer[1..]),
        format!("authorization: Basic {viewer}"),
    ] {
        let headers: Vec<&str> = [wrong.as_str()].into_iter().filter(|line| !line.is_empty()).collect();
        let answer = faces(&headers);
        answer.fails(401, None);
        assert!(answer.head.contains("www-authenticate: bearer"), "{answer}");
    }
    assert_eq!(faces(&[&bearer(&viewer)]).status, 200);
    let identify = |token: &str| server.post_form("/v1/identify", &[&bearer(token)], &[("image", &collins)]);
    identify(&viewer).fails(403, None);
    identify(&operator).fails(409, None);
    // Not by way of masks either.
    let enrolled = [("subject", "Eileen Collins"), ("images", collins.as_str())];
    server.post_form("/v1/enrol", &[&bearer(&operator)], &enrolled).succeeds();
    let open =
        |token: &str| server.post_form("/v1/sessions", &[&bearer(token)], &[("image", &collins)]).succeeds().json();
    assert!(open(&viewer)["gallery"].is_null());
    assert_eq!(open(&operator)["gallery"]["subject"], "Eileen Collins");
    let list = |token: &str| server.request("GET", "/v1/gallery", &[&bearer(token)], b"");
    list(&operator).fails(403, None);
    list(&admin).succeeds();
    let log = server.log();
    assert!([&viewer, &operator, &admin].iter().all(|token| !log.contains(*token)), "no token in the log");
    assert!(log.contains("\"token\":\"o\""), "but its name: {log}");
}

#[test]
fn without_tokens_only_this_machine_is_served() {
    let folder = Folder::new();
    folder.eyebar(&["serve", "--bind", "0.0.0.0:0"]).fails(2, &["token", "hint: "]);
    folder.eyebar(&["serve", "--tokens", "none.json"]).fails(2, &["no tokens", "eyebar token add"]);
    folder.write("tokens.json", "{}{}");
    folder.eyebar(&["serve", "--tokens", "tokens.json"]).fails(2, &["tokens.json", "hint: "]);
    folder
        .eyebar(&["serve", "--bind", "127.0.0.1:0", "--tls-cert", "c.pem", "--tls-key", "k.pem"])
        .fails(2, &["c.pem", "hint: "]);
}
