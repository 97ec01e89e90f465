//! Runs the binary.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use eyebar_imaging::npy;
use eyebar_tensor::Tensor;
use eyebar_testkit::{Archive, Array, fixtures};
use serde_json::Value;

/// Address space of a run, in KiB: whoever asks for more fails at once instead of bringing the machine to a halt.
const MEMORY: u64 = 6 << 20;

/// Longest that any command of these tests may take, on a busy machine with plain Rust for kernels.
const PATIENCE: Duration = Duration::from_secs(600);

/// A temporary folder in which commands run.
pub(crate) struct Folder(tempfile::TempDir);

/// What a command said.
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    command: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("a writable folder");
    }

    pub(crate) fn write_array(&self, name: &str, array: &Tensor) {
        npy::write(&self.path(name), array).expect("a writable folder");
    }

    pub(crate) fn read_array(&self, name: &str) -> Tensor {
        npy::read(&self.path(name)).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Names of all files, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let listing = std::fs::read_dir(self.0.path()).expect("a readable folder");
        let mut names: Vec<_> =
            listing.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Runs `eyebar` with these arguments. A panic, a signal or a very long run fails the test.
    pub(crate) fn eyebar<A: AsRef<str>>(&self, arguments: &[A]) -> Outcome {
        self.run("", &[], arguments)
    }

    /// As [`Folder::eyebar`], with variables of the environment.
    pub(crate) fn eyebar_with<A: AsRef<str>>(&self, variables: &[(&str, &str)], arguments: &[A]) -> Outcome {
        self.run("", variables, arguments)
    }

    /// As [`Folder::eyebar`], with a passphrase for galleries.
    pub(crate) fn eyebar_with_passphrase<A: AsRef<str>>(&self, passphrase: &str, arguments: &[A]) -> Outcome {
        let new = format!("{passphrase} 2");
        self.run("", &[("EYEBAR_PASSPHRASE", passphrase), ("EYEBAR_NEW_PASSPHRASE", &new)], arguments)
    }

    /// As [`Folder::eyebar`], where no file can grow beyond `kibibytes`: what a full disk does.
    #[cfg(target_os = "linux")]
    pub(crate) fn eyebar_on_a_full_disk<A: AsRef<str>>(&self, kibibytes: u32, arguments: &[A]) -> Outcome {
        self.eyebar_with_on_a_full_disk(kibibytes, &[], arguments)
    }

    /// As [`Folder::eyebar_on_a_full_disk`], with variables of the environment.
    #[cfg(target_os = "linux")]
    pub(crate) fn eyebar_with_on_a_full_disk<A: AsRef<str>>(
        &self,
        kibibytes: u32,
        variables: &[(&str, &str)],
        arguments: &[A],
    ) -> Outcome {
        // Ignored, the signal becomes an error of the write. POSIX counts in blocks of 512 bytes.
        self.run(&format!("trap '' XFSZ; ulimit -f {}; ", 2 * kibibytes), variables, arguments)
    }

    fn run<A: AsRef<str>>(&self, limits: &str, variables: &[(&str, &str)], arguments: &[A]) -> Outcome {
        let binary = env!("CARGO_BIN_EXE_eyebar");
        let mut command = if cfg!(target_os = "linux") {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("ulimit -v {MEMORY}; {limits}exec \"$0\" \"$@\""), binary]);
            command
        } else {
            Command::new(binary)
        };
        command.args(arguments.iter().map(AsRef::as_ref)).current_dir(self.0.path());
        // Never the gallery of whoever runs the tests.
        command.env("XDG_DATA_HOME", self.0.path()).env("HOME", self.0.path()).env_remove("EYEBAR_GALLERY");
        command.env_remove("PGPASSWORD").env_remove("PGSSLROOTCERT");
        command.env_remove("EYEBAR_PASSPHRASE").env_remove("EYEBAR_NEW_PASSPHRASE").env_remove("EYEBAR_MODELS");
        command.envs(variables.iter().copied());
        let start = Instant::now();
        let output = command.output().expect("the binary starts");
        let words: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
        let outcome = Outcome {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            command: words.join(" "),
        };
        let expected = (0..=3).contains(&outcome.code) && !outcome.err.contains("panicked");
        assert!(expected, "{outcome}\nended by {}", output.status);
        assert!(start.elapsed() < PATIENCE, "{outcome}\ntook {:?}", start.elapsed());
        outcome
    }
}

impl Outcome {
    /// The command did what it was asked for.
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{self}");
        self
    }

    /// The command failed with this exit code and an error that holds all of `parts`.
    pub(crate) fn fails(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self}");
        assert!(self.err.starts_with("error: "), "{self}");
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is missing\n{self}");
        }
        self
    }

    /// What `--json` printed.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not JSON: {error}\n{self}"))
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "eyebar {}\nexit code {}\n{}{}", self.command, self.code, self.out, self.err)
    }
}

/// A file of `fixtures/`, as an argument.
pub(crate) fn fixture(name: &str) -> String {
    fixtures().join(name).to_string_lossy().into_owned()
}

/// A photograph of `fixtures/photos`.
pub(crate) fn photo(name: &str) -> String {
    fixture(&format!("photos/{name}"))
}

/// A small network with its reference values.
pub(crate) struct Network {
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) archive: Archive,
    pub(crate) class: String,
}

impl Network {
    pub(crate) fn open(name: &str) -> Self {
        let file = |extension: &str| fixture(&format!("reference/networks/{name}.{extension}"));
        let path = file("safetensors");
        let archive = Archive::read(Path::new(&path)).unwrap_or_else(|error| panic!("{error}"));
        let class = match archive.get("class").map(|array| &array.elements) {
            Some(eyebar_testkit::Elements::I64(class)) => class[0].to_string(),
            other => panic!("{name}: the class is {other:?}"),
        };
        Self { name: name.to_owned(), model: file("onnx"), archive, class }
    }

    /// Name of the tensor that the reference map belongs to: metadata of the file, which its header holds as text.
    pub(crate) fn layer(&self) -> String {
        let bytes = std::fs::read(fixture(&format!("reference/networks/{}.safetensors", self.name))).expect("readable");
        let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("a JSON header");
        header["__metadata__"]["layer"].as_str().expect("the layer's name").to_owned()
    }

    pub(crate) fn array(&self, key: &str) -> &Array {
        self.archive.get(key).unwrap_or_else(|| panic!("{} has no {key}", self.name))
    }

    /// The input, as an array file of its own.
    pub(crate) fn write_input(&self, folder: &Folder, file: &str) {
        folder.write_array(file, &tensor(self.array("input")));
    }
}

pub(crate) fn tensor(array: &Array) -> Tensor {
    let data = array.as_f32().expect("f32").to_vec();
    Tensor::new(&array.shape, data).expect("safetensors checks shapes")
}
