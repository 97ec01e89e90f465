//! A gallery in an SQLite file.

mod rows;
mod schema;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use self::rows::FileRows;
use self::schema::{APPLICATION, VERSION, definitions, expected, migrate};
use crate::error::GalleryError;

/// Largest text or blob that is read: templates have some hundred kilobytes at most.
const LARGEST_FIELD: i32 = 1 << 20;

/// How long another process that writes is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open file.
pub(crate) struct File {
    connection: Connection,
    path: PathBuf,
}

impl File {
    /// Opens a gallery, or makes an empty file where there is none and `create` says so.
    pub(super) fn open(path: &Path, create: bool) -> Result<Self, GalleryError> {
        if create {
            make_private(path)?;
        } else if !path.exists() {
            return Err(GalleryError::Missing { place: path.display().to_string() });
        }
        let foreign = |reason: String| Err(GalleryError::Foreign { place: path.display().to_string(), reason });
        // Looked at without opening it: closing a file frees the locks that this process has on it through SQLite.
        if !std::fs::metadata(path).map_err(|source| GalleryError::Io { path: path.to_path_buf(), source })?.is_file() {
            return foreign("it is no regular file".to_owned());
        }
        let store = |source| GalleryError::Store { path: path.to_path_buf(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(store)?;
        connection.busy_timeout(PATIENCE).map_err(store)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LARGEST_FIELD).map_err(store)?;
        let mut this = Self { connection, path: path.to_path_buf() };
        let (application, version, nothing_in_it) = match this.look() {
            Err(GalleryError::Store { source, .. }) if source.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                return foreign("it is no SQLite database".to_owned());
            }
            found => found?,
        };
        let empty = application == 0 && version == 0 && nothing_in_it;
        if application != APPLICATION && !empty {
            return foreign("it is a database of another program".to_owned());
        }
        if empty && !create {
            return foreign("it is empty".to_owned());
        }
        if version > VERSION {
            return foreign(format!("it was made by a newer Eyebar, format {version}; this one knows {VERSION}"));
        }
        // What is deleted is overwritten; a commit is on the disk; a reader never waits.
        this.run(|connection| {
            patiently(|| connection.execute_batch("PRAGMA journal_mode = WAL"))?;
            connection.execute_batch(
                "PRAGMA secure_delete = ON; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                 PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;",
            )
        })?;
        if version < VERSION {
            this.write(|rows| {
                rows.run(|connection| {
                    // Another process may have been faster.
                    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
                    migrate(connection, version)
                })
            })?;
        }
        if this.run(definitions)? != this.run(|_| expected())? {
            return foreign("its tables are not those of a gallery".to_owned());
        }
        Ok(this)
    }

    /// The program that made the file, its version of the tables, and whether there are none; of one moment, for another
    /// process may be making them.
    fn look(&self) -> Result<(i32, i32, bool), GalleryError> {
        self.run(|connection| {
            let moment = connection.unchecked_transaction()?;
            let number = |pragma| moment.query_row(pragma, [], |row| row.get(0));
            let nothing = moment.query_row("SELECT count(*) = 0 FROM sqlite_master", [], |row| row.get(0))?;
            let found = (number("PRAGMA application_id")?, number("PRAGMA user_version")?, nothing);
            moment.finish()?;
            Ok(found)
        })
    }

    /// Names the file in SQLite's errors.
    fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, GalleryError> {
        work(&self.connection).map_err(|source| GalleryError::Store { path: self.path.clone(), source })
    }

    /// As [`Store::write`](super::Store::write).
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut FileRows<'_>) -> Result<T, GalleryError>,
    ) -> Result<T, GalleryError> {
        let path = &self.path;
        let name = |source| GalleryError::Store { path: path.clone(), source };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(name)?;
        let result = work(&mut FileRows { connection: &transaction, path })?;
        transaction.commit().map_err(name)?;
        Ok(result)
    }

    /// As [`Store::read`](super::Store::read).
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&mut FileRows<'_>) -> Result<T, GalleryError>,
    ) -> Result<T, GalleryError> {
        let name = |source| GalleryError::Store { path: self.path.clone(), source };
        let transaction = self.connection.unchecked_transaction().map_err(name)?;
        let result = work(&mut FileRows { connection: &self.connection, path: &self.path })?;
        transaction.finish().map_err(name)?;
        Ok(result)
    }

    /// Rewrites the file without what was deleted, and empties the log that SQLite writes ahead. `false` where another
    /// process reads or the disk is full.
    pub(super) fn erase(&mut self) -> bool {
        let done = self.run(|connection| {
            connection.execute_batch("VACUUM")?;
            let truncate = || connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
            if truncate()? != 0 {
                return Ok(false);
            }
            // Only now: whoever is interrupted before finds the mark.
            connection.execute("UPDATE gallery SET erasing = 0", [])?;
            truncate()?;
            Ok(true)
        });
        done.unwrap_or(false)
    }
}

/// Waits for others where SQLite does not: whoever changes the journal of a file is refused at once while somebody reads.
fn patiently<T>(work: impl Fn() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let start = Instant::now();
    loop {
        match work() {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

/// An empty file that only its owner may read; SQLite gives the files beside it the same rights.
fn make_private(path: &Path) -> Result<(), GalleryError> {
    let io = |source| GalleryError::Io { path: path.to_path_buf(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(io(error)),
        _ => Ok(()),
    }
}
