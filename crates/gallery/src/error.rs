//! Errors: what was wrong, and what to do.

use std::path::PathBuf;

/// Why a gallery could not do what was asked. Whatever the error, what was in the gallery is still there.
#[derive(Debug, thiserror::Error)]
pub enum GalleryError {
    /// There is no such file, or no gallery in a database.
    #[error("{place}: there is no gallery; hint: enrol somebody first, or name another with --gallery")]
    Missing {
        /// The file or server.
        place: String,
    },
    /// The file or schema is something else.
    #[error("{place}: not a gallery of Eyebar ({reason}); hint: name another with --gallery")]
    Foreign {
        /// The file or server.
        place: String,
        /// What it is instead.
        reason: String,
    },
    /// The address of a server that cannot be used. It is not shown, as it may hold a password.
    #[error("the gallery's address {reason}; hint: {remedy}")]
    Address {
        /// What is wrong.
        reason: String,
        /// What would do.
        remedy: &'static str,
    },
    /// The passphrase or key file is another one.
    #[error(
        "the passphrase or key file does not open this gallery; hint: it is the one that the gallery was made with, or was \
         given to at the last `eyebar gallery rekey`"
    )]
    WrongKey,
    /// Another process has changed the key since the gallery was opened.
    #[error(
        "another process gave the gallery a new key meanwhile, and nothing was stored; hint: do it again with the new one"
    )]
    Rekeyed,
    /// A passphrase or key file that is too short.
    #[error("{reason}; hint: {remedy}")]
    WeakKey {
        /// What is wrong.
        reason: &'static str,
        /// What would do.
        remedy: &'static str,
    },
    /// Something was changed by another hand than Eyebar's, or damaged.
    #[error("{what} was changed or damaged since it was written; hint: restore the gallery from a backup")]
    Altered {
        /// The part.
        what: String,
    },
    /// A name that nobody can be enrolled under.
    #[error("{name:?} cannot be a subject's name: {reason}; hint: use 1 to 200 characters without line breaks")]
    Name {
        /// The name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Nobody has that name.
    #[error("nobody is enrolled as {name:?}; hint: {}", did_you_mean(nearest))]
    NoSuchSubject {
        /// The name.
        name: String,
        /// Names like it.
        nearest: Vec<String>,
    },
    /// A template that is none.
    #[error(
        "a template of {len} values is empty, too long, not finite or not of length 1, and cannot be stored; hint: embed the \
         face again"
    )]
    Template {
        /// Number of values.
        len: usize,
    },
    /// The gallery's file could not be read or written.
    #[error("{}: {source}; hint: {}", path.display(), remedy(source))]
    Store {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A database server could not be reached, or refused.
    #[error("{server}: {reason}; hint: {remedy}")]
    Server {
        /// Its address, without a password.
        server: String,
        /// What it said.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The caller's progress function asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A file beside the gallery could not be read or written.
    #[error("{}: {source}; hint: check the name, and that you may use it", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system has no randomness to give.
    #[error("no random numbers from the system ({0}); hint: without them no key can be made, so nothing was written")]
    Randomness(getrandom::Error),
    /// Argon2 refused.
    #[error("the key could not be derived ({0}); hint: 64 MiB of memory are needed for it")]
    Derivation(argon2::Error),
}

fn did_you_mean(nearest: &[String]) -> String {
    match nearest {
        [] => "`eyebar gallery list` names everybody".to_owned(),
        names => {
            format!("did you mean {}?", names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or "))
        }
    }
}

fn remedy(source: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode as Code;
    match source.sqlite_error_code() {
        Some(Code::DiskFull) => "the disk is full, make room; nothing of this command was stored",
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => "another process is writing to it; try again",
        Some(Code::ReadOnly | Code::PermissionDenied | Code::CannotOpen) => {
            "check the name, and that you may write to it and its folder"
        }
        Some(Code::DatabaseCorrupt | Code::NotADatabase) => "the file is damaged, restore it from a backup",
        Some(Code::SystemIoFailure) => "the disk could not be read or written; nothing of this command was stored",
        _ => "report this as a bug, with the command that you ran",
    }
}
