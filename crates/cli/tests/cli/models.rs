//! Models that are added, and a hub to pull them from.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use crate::harness::{Folder, Network, Outcome, fixture, photo};

/// A hub on this machine that speaks the protocol: `/api/models/…` lists files, `/resolve/…` gives them, whole or in parts,
/// with their hash.
struct Hub {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    behaviour: Arc<Behaviour>,
}

#[derive(Default)]
struct Behaviour {
    /// Bytes after which the connection breaks, for so many answers.
    breaks_after: AtomicUsize,
    breaks: AtomicUsize,
    /// Whether the bytes are others than the hash says.
    lies: AtomicUsize,
}

impl Hub {
    fn start(bytes: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (asked, behaviour) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Behaviour::default()));
        let (log, how) = (Arc::clone(&asked), Arc::clone(&behaviour));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = answer(stream, &bytes, &log, &how);
            }
        });
        Self { address, asked, behaviour }
    }

    fn ranges(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn answer(mut stream: TcpStream, bytes: &[u8], log: &Mutex<Vec<String>>, how: &Behaviour) -> std::io::Result<()> {
    let (mut path, mut range) = (String::new(), String::new());
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
        if let Some(value) = line.to_lowercase().strip_prefix("range: bytes=") {
            range = value.to_owned();
        }
        if line.is_empty() {
            break;
        }
    }
    if path == "/api/models/team/net/revision/main" {
        let body = r#"{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "net.onnx"}, {"rfilename": "README.md"}]}"#;
        return write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    }
    if path != "/team/net/resolve/main/net.onnx" {
        return write!(stream, "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    }
    log.lock().expect("no panic").push(range.clone());
    let (first, last) = range.split_once('-').unwrap_or(("0", ""));
    let first: usize = first.parse().unwrap_or(0);
    let end = last.parse::<usize>().map_or(bytes.len(), |last| last + 1);
    let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut part = bytes[first.min(end)..end].to_vec();
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nconnection: close\r\ncontent-length: {}\r\ncontent-range: bytes {first}-{}/{}\r\n\
         etag: \"{hash}\"\r\nx-repo-commit: 0123456789abcdef0123456789abcdef01234567\r\n\r\n",
        part.len(),
        end - 1,
        bytes.len()
    )?;
    let is_content = part.len() > 1;
    if is_content && how.lies.load(Ordering::SeqCst) > 0 {
        part[0] ^= 1;
    }
    if is_content && how.breaks.load(Ordering::SeqCst) > 0 {
        how.breaks.fetch_sub(1, Ordering::SeqCst);
        part.truncate(how.breaks_after.load(Ordering::SeqCst));
    }
    stream.write_all(&part)
}

fn pull(folder: &Folder, hub: &str, more: &[&str]) -> Outcome {
    let home = folder.path("hf").display().to_string();
    let arguments = [&["models", "pull", "team/net", "--input", "rgb 112x112"], more].concat();
    folder.eyebar_with(&[("HF_ENDPOINT", hub), ("HF_HOME", &home)], &arguments)
}

/// SFace under another name: a real model.
fn network(folder: &Folder) -> Vec<u8> {
    folder.eyebar(&["export", "sface", "--out", "net.onnx"]).succeeds();
    folder.bytes("net.onnx")
}

#[test]
fn a_model_is_pulled_and_used() {
    let folder = Folder::new();
    let hub = Hub::start(network(&folder));
    let pulled = pull(&folder, &hub.address, &["--licence", "Apache-2.0"]).succeeds();
    assert!(pulled.out.contains("Added: net") && pulled.out.contains("team/net@main/net.onnx"), "{pulled}");
    let listed = folder.eyebar(&["models"]).succeeds();
    assert!(listed.out.contains("Apache-2.0") && listed.out.contains("yunet"), "{listed}");
    let info = folder.eyebar(&["models", "info", "net", "--json"]).succeeds().json();
    assert_eq!(info["added"]["licence"], "Apache-2.0");
    folder.eyebar(&["predict", &photo("sunak.jpg"), "--model", "net", "--raw", "a.npy"]).succeeds();
    let file = ["predict", &photo("sunak.jpg"), "--model", "net.onnx", "--input", "rgb 112x112", "--raw", "b.npy"];
    folder.eyebar(&file).succeeds();
    assert_eq!(folder.bytes("a.npy"), folder.bytes("b.npy"));
    folder.eyebar(&["models", "verify"]).succeeds();
    pull(&folder, &hub.address, &[]).fails(2, &["\"net\" already", "remove"]);

    // Nothing is transferred twice.
    let before = hub.ranges().len();
    pull(&folder, &hub.address, &["net.onnx", "--name", "again"]).succeeds();
    assert_eq!(hub.ranges()[before..], ["0-0"]);

    // Without a network, what was pulled is there, and what was not is said.
    pull(&folder, "http://127.0.0.1:9", &["net.onnx", "--name", "offline"]).succeeds();
    pull(&folder, "http://127.0.0.1:9", &["other.onnx", "--name", "other"])
        .fails(1, &["other.onnx", "not pulled before"]);
    let home = folder.path("hf").display().to_string();
    let offline = [("HF_HUB_OFFLINE", "1"), ("HF_ENDPOINT", hub.address.as_str()), ("HF_HOME", home.as_str())];
    let before = hub.ranges().len();
    folder.eyebar_with(&offline, &["models", "pull", "team/net", "net.onnx", "--name", "offline2"]).succeeds();
    assert_eq!(hub.ranges().len(), before);

    pull(&folder, &hub.address, &["none.onnx", "--name", "none"]).fails(1, &["404", "hint: check"]);
    folder.eyebar(&["models", "remove", "net"]).succeeds();
    folder.eyebar(&["models", "info", "net"]).fails(2, &["no model \"net\""]);
}

#[test]
fn what_broke_off_goes_on() {
    let folder = Folder::new();
    let bytes = network(&folder);
    let hub = Hub::start(bytes.clone());
    hub.behaviour.breaks_after.store(1_000_000, Ordering::SeqCst);
    hub.behaviour.breaks.store(99, Ordering::SeqCst);
    pull(&folder, &hub.address, &[]).fails(1, &["goes on where it stopped"]);
    let arrived = hub.ranges().iter().filter(|range| *range != "0-0").count() * 1_000_000;
    hub.behaviour.breaks.store(0, Ordering::SeqCst);
    pull(&folder, &hub.address, &[]).succeeds();
    assert_eq!(hub.ranges().last(), Some(&format!("{arrived}-")), "only the rest is asked for");
    folder.eyebar(&["models", "verify", "net"]).succeeds();
}

#[test]
fn what_is_not_what_was_stated_is_not_kept() {
    let folder = Folder::new();
    let hub = Hub::start(network(&folder));
    hub.behaviour.lies.store(1, Ordering::SeqCst);
    pull(&folder, &hub.address, &[]).fails(1, &["hash differs", "nothing of it is kept"]);
    folder.eyebar(&["models", "info", "net"]).fails(2, &["no model"]);
    hub.behaviour.lies.store(0, Ordering::SeqCst);
    pull(&folder, &hub.address, &[]).succeeds();
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_keeps_what_arrived() {
    let folder = Folder::new();
    let hub = Hub::start(network(&folder));
    let home = folder.path("hf").display().to_string();
    let arguments = ["models", "pull", "team/net", "--input", "rgb 112x112"];
    let variables = [("HF_ENDPOINT", hub.address.as_str()), ("HF_HOME", home.as_str())];
    folder.eyebar_with_on_a_full_disk(4096, &variables, &arguments).fails(1, &["free some space"]);
    pull(&folder, &hub.address, &[]).succeeds();
    assert_eq!(hub.ranges().last(), Some(&format!("{}-", 4096 * 1024)));
}

#[test]
fn models_are_added_and_watched() {
    let folder = Folder::new();
    let resnet = Network::open("shufflenet_v2").model;
    folder.eyebar(&["models", "add", "shuffle", &resnet, "--input", "rgb 224x224"]).succeeds();
    folder.eyebar(&["inspect", "--model", "shuffle"]).succeeds();
    for (arguments, reason) in [
        (&["models", "add", "sface", &resnet][..], "already"),
        (&["models", "add", "shuffle", &resnet], "already"),
        (&["models", "add", "../evil", &resnet], "no name"),
        (&["models", "add", "-x", &resnet], "unexpected"),
        (&["models", "info", "shufle"], "no model"),
        (&["models", "verify", "nobody"], "no model"),
        (&["models", "remove", "sface"], "no model"),
        (&["models", "pull", "no-address"], "OWNER/NAME"),
        (&["models", "pull", "a/../b"], "OWNER/NAME"),
        (&["models", "pull", "a/b", "../../etc/passwd"], "OWNER/NAME"),
    ] {
        folder.eyebar(arguments).fails(2, &[reason]);
    }
    folder.eyebar(&["models", "add", "text", &fixture("photos/README.md")]).fails(1, &["README.md"]);
    // Somebody changes the file.
    let file = folder.path("eyebar/models/shuffle.onnx");
    let mut bytes = std::fs::read(&file).expect("a file");
    let last = bytes.len() - 200;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).expect("a file");
    folder.eyebar(&["models", "verify"]).fails(1, &["shuffle", "not the one that was added"]);
    let used = folder.eyebar(&["inspect", "--model", "shuffle"]);
    assert_ne!(used.code, 0, "{used}");
}
