//! A server of the tests' own, and plain requests to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::harness::Folder;

/// Nothing on this machine takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

/// What [`form`] makes.
pub(crate) const FORM: &str = "content-type: multipart/form-data; boundary=-x";

/// `eyebar serve` on a free port.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    log: Arc<Mutex<String>>,
}

/// What it answered.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Server {
    pub(crate) fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eyebar"));
        command.args(["serve", "--bind", "127.0.0.1:0"]).args(arguments).current_dir(folder.path(""));
        command.env("XDG_DATA_HOME", folder.path("")).env_remove("EYEBAR_GALLERY").env_remove("RUST_LOG");
        command.env("EYEBAR_PASSPHRASE", "a passphrase of the tests");
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let address = loop {
            let line = lines.next().expect("it listens").expect("text");
            if let Some((_, rest)) = line.split_once("listening on http://") {
                break rest.split('/').next().expect("an address").to_owned();
            }
        };
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = kept.lock().expect("no panic");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, address, log }
    }

    /// What it has logged by now.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no panic").clone()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends the bytes of a whole request, and reads the answer.
    pub(crate) fn raw(&self, request: &[u8]) -> Response {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        // It may refuse before everything is sent.
        let _ = stream.write_all(request);
        read(&mut stream)
    }

    /// A request with more header lines and a body.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Response {
        self.raw(&[&self.head(method, path, headers, body.len()), body].concat())
    }

    /// The beginning of a request with a body of `length` bytes.
    fn head(&self, method: &str, path: &str, headers: &[&str], length: usize) -> Vec<u8> {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let host = &self.address;
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{lines}\r\n"
        )
        .into_bytes()
    }

    /// Sends the beginning of a form, and `sent` bytes of it; who calls reads the answer, or hangs up.
    pub(crate) fn begin_form(
        &self,
        path: &str,
        headers: &[&str],
        form: &[u8],
        sent: usize,
    ) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = self.head("POST", path, &[headers, &[FORM]].concat(), form.len());
        stream.write_all(&[&head, &form[..sent]].concat())?;
        Ok(stream)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], &[])
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Response {
        self.request("POST", path, &["content-type: application/json"], body.to_string().as_bytes())
    }

    /// A form: files are those values that begin with `@`.
    pub(crate) fn post_form(&self, path: &str, headers: &[&str], fields: &[(&str, &str)]) -> Response {
        let headers = [headers, &[FORM]].concat();
        self.request("POST", path, &headers, &form(fields))
    }

    /// Asks it to end, and waits until it has.
    #[cfg(unix)]
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        self.child.wait().expect("it ends")
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A form of fields and files.
pub(crate) fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let (file, bytes) = match value.strip_prefix('@') {
            Some(path) => ("; filename=\"f\"", std::fs::read(PathBuf::from(path)).expect("a file")),
            None => ("", value.as_bytes().to_vec()),
        };
        let head = format!("---x\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend([head.as_bytes(), &bytes, b"\r\n"].concat());
    }
    body.extend(b"---x--\r\n");
    body
}

/// Reads an answer to its end.
pub(crate) fn read(stream: &mut TcpStream) -> Response {
    let mut bytes = Vec::new();
    // Whoever is refused early sees the connection reset after the answer.
    let _ = stream.read_to_end(&mut bytes);
    let _ = stream.shutdown(Shutdown::Both);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Response { status, head, body: bytes.get(end + 4..).unwrap_or_default().to_vec() }
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"))
    }

    pub(crate) fn succeeds(self) -> Self {
        assert!((200..300).contains(&self.status), "{self}");
        self
    }

    /// A problem of this status, of `field` where one is named.
    pub(crate) fn fails(&self, status: u16, field: Option<&str>) -> Value {
        assert_eq!(self.status, status, "{self}");
        assert!(self.head.contains("content-type: application/problem+json"), "{self}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self}");
        assert_eq!(problem["field"].as_str(), field, "{self}");
        assert!(problem["detail"].as_str().is_some_and(|text| !text.is_empty()), "{self}");
        problem
    }
}

impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "{}\n\n{}", self.head, body.chars().take(2000).collect::<String>())
    }
}
