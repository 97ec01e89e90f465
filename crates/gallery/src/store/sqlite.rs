//! What is read from and written to SQLite; nothing here knows a key.

use std::fs::OpenOptions;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::schema::{APPLICATION, VERSION, definitions, expected, migrate};
use crate::error::GalleryError;
use crate::log::{Event, LogEntry};
use crate::subject::{Details, Subject, SubjectName};

/// Largest text or blob that is read: templates have some hundred kilobytes at most.
const LARGEST_FIELD: i32 = 1 << 20;

/// How long another process that writes is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open file.
pub(crate) struct Store {
    connection: Connection,
    path: PathBuf,
}

/// Sealed keys of the whole gallery.
pub(crate) struct Header {
    pub(crate) created: i64,
    pub(crate) salt: Vec<u8>,
    pub(crate) master: Vec<u8>,
    pub(crate) log_key: Vec<u8>,
    pub(crate) log_head: Vec<u8>,
}

/// A template as it is stored.
pub(crate) struct SealedTemplate {
    pub(crate) id: i64,
    pub(crate) model: String,
    pub(crate) enrolled: i64,
    pub(crate) sealed: Vec<u8>,
}

/// A line of the log, and its link to the one before.
pub(crate) type Linked = (LogEntry, Vec<u8>);

impl Store {
    /// Opens a gallery, or makes an empty file where there is none and `create` says so.
    pub(crate) fn open(path: &Path, create: bool) -> Result<Self, GalleryError> {
        if create {
            make_private(path)?;
        } else if !path.exists() {
            return Err(GalleryError::Missing { path: path.to_path_buf() });
        }
        check_kind(path)?;
        let store = |source| GalleryError::Store { path: path.to_path_buf(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(store)?;
        connection.busy_timeout(PATIENCE).map_err(store)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LARGEST_FIELD).map_err(store)?;
        let mut this = Self { connection, path: path.to_path_buf() };
        let (application, version) = this.version()?;
        let foreign = |reason: String| Err(GalleryError::Foreign { path: path.to_path_buf(), reason });
        let empty = application == 0 && version == 0 && this.is_empty()?;
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
            connection.execute_batch(
                "PRAGMA secure_delete = ON; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                 PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;",
            )
        })?;
        if version < VERSION {
            this.write(|transaction| {
                // Another process may have been faster.
                let version = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
                Ok(migrate(transaction, version)?)
            })?;
        }
        if this.run(definitions)? != this.run(|_| expected())? {
            return foreign("its tables are not those of a gallery".to_owned());
        }
        Ok(this)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn version(&self) -> Result<(i32, i32), GalleryError> {
        self.run(|connection| {
            let number = |pragma| connection.query_row(pragma, [], |row| row.get(0));
            Ok((number("PRAGMA application_id")?, number("PRAGMA user_version")?))
        })
    }

    fn is_empty(&self) -> Result<bool, GalleryError> {
        self.run(|connection| connection.query_row("SELECT count(*) = 0 FROM sqlite_master", [], |row| row.get(0)))
    }

    /// Names the file in SQLite's errors.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, GalleryError> {
        work(&self.connection).map_err(|source| GalleryError::Store { path: self.path.clone(), source })
    }

    /// One transaction: all of `work` or nothing. Others that write wait.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, GalleryError> {
        let path = self.path.clone();
        let named = |failure| match failure {
            Failure::Store(source) => GalleryError::Store { path, source },
            Failure::Gallery(error) => error,
        };
        let behaviour = TransactionBehavior::Immediate;
        let run = || -> Result<T, Failure> {
            let transaction = self.connection.transaction_with_behavior(behaviour)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run().map_err(named)
    }

    /// Rewrites the file without what was deleted, and empties the log that SQLite writes ahead. `false` where that cannot
    /// be done now, as another process reads or the disk is full: the file remembers it.
    pub(crate) fn erase(&mut self) -> bool {
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

    /// Whether something was deleted and the file not rewritten yet.
    pub(crate) fn is_erasing(&self) -> Result<bool, GalleryError> {
        self.run(|connection| connection.query_row("SELECT erasing FROM gallery", [], |row| row.get(0)))
    }

    /// Reads that belong together: others may write meanwhile, and are not seen.
    pub(crate) fn snapshot<T>(&self, work: impl FnOnce() -> Result<T, GalleryError>) -> Result<T, GalleryError> {
        let name = |source| GalleryError::Store { path: self.path.clone(), source };
        let transaction = self.connection.unchecked_transaction().map_err(name)?;
        let result = work()?;
        transaction.finish().map_err(name)?;
        Ok(result)
    }

    /// Calls `each` for every template of `model`, subject by subject.
    pub(crate) fn each_template(
        &self,
        model: &str,
        mut each: impl FnMut(SealedTemplate, [u8; 16]) -> Result<(), GalleryError>,
    ) -> Result<(), GalleryError> {
        let name = |source| GalleryError::Store { path: self.path.clone(), source };
        let mut statement = self
            .connection
            .prepare("SELECT id, model, enrolled, sealed, subject FROM template WHERE model = ?1 ORDER BY subject, id")
            .map_err(name)?;
        let mut rows = statement.query([model]).map_err(name)?;
        while let Some(row) = rows.next().map_err(name)? {
            each(sealed_template(row).map_err(name)?, row.get(4).map_err(name)?)?;
        }
        Ok(())
    }

    pub(crate) fn subjects(&self) -> Result<Vec<(Subject, Vec<u8>)>, GalleryError> {
        self.run(|connection| subjects(connection, "ORDER BY name", []))
    }

    pub(crate) fn subject(&self, name: &SubjectName) -> Result<Option<(Subject, Vec<u8>)>, GalleryError> {
        self.run(|connection| subject_named(connection, name))
    }

    pub(crate) fn subject_of(&self, id: &[u8; 16]) -> Result<Option<(Subject, Vec<u8>)>, GalleryError> {
        self.run(|connection| Ok(subjects(connection, "WHERE id = ?1", [id])?.pop()))
    }

    pub(crate) fn templates(&self, subject: &[u8; 16]) -> Result<Vec<SealedTemplate>, GalleryError> {
        self.run(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT id, model, enrolled, sealed FROM template WHERE subject = ?1 ORDER BY id")?;
            let rows = statement.query_map([subject], sealed_template)?;
            rows.collect()
        })
    }

    pub(crate) fn log(&self) -> Result<Vec<Linked>, GalleryError> {
        self.run(|connection| {
            let mut statement =
                connection.prepare("SELECT sequence, at, event, subject, detail, link FROM log ORDER BY sequence")?;
            let rows = statement.query_map([], |row| {
                let entry = LogEntry {
                    sequence: row.get(0)?,
                    at: row.get(1)?,
                    event: Event::from_name(&row.get::<_, String>(2)?),
                    subject: row.get(3)?,
                    name: None,
                    detail: row.get(4)?,
                };
                Ok((entry, row.get(5)?))
            })?;
            rows.collect()
        })
    }

    pub(crate) fn header(&self) -> Result<Option<Header>, GalleryError> {
        self.run(header)
    }

    pub(crate) fn calibrations(&self) -> Result<Vec<(String, String)>, GalleryError> {
        self.run(calibrations)
    }
}

/// Why a transaction was given up.
pub(crate) enum Failure {
    Store(rusqlite::Error),
    Gallery(GalleryError),
}

impl From<rusqlite::Error> for Failure {
    fn from(source: rusqlite::Error) -> Self {
        Self::Store(source)
    }
}

impl From<GalleryError> for Failure {
    fn from(error: GalleryError) -> Self {
        Self::Gallery(error)
    }
}

pub(crate) fn header(connection: &Connection) -> rusqlite::Result<Option<Header>> {
    let mut statement = connection.prepare("SELECT created, salt, master, log_key, log_head FROM gallery")?;
    let read = |row: &Row<'_>| {
        Ok(Header {
            created: row.get(0)?,
            salt: row.get(1)?,
            master: row.get(2)?,
            log_key: row.get(3)?,
            log_head: row.get(4)?,
        })
    };
    statement.query_row([], read).optional()
}

pub(crate) fn put_header(connection: &Connection, header: &Header) -> rusqlite::Result<()> {
    let Header { created, salt, master, log_key, log_head } = header;
    connection.execute(
        "INSERT INTO gallery (one, created, salt, master, log_key, log_head) VALUES (1, ?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (one) DO UPDATE SET salt = ?2, master = ?3, log_key = ?4, log_head = ?5",
        params![created, salt, master, log_key, log_head],
    )?;
    Ok(())
}

pub(crate) fn put_log_head(connection: &Connection, sealed: &[u8]) -> rusqlite::Result<()> {
    connection.execute("UPDATE gallery SET log_head = ?1", [sealed]).map(drop)
}

pub(crate) fn subject_named(
    connection: &Connection,
    name: &SubjectName,
) -> rusqlite::Result<Option<(Subject, Vec<u8>)>> {
    Ok(subjects(connection, "WHERE name = ?1", [name.as_str()])?.pop())
}

pub(crate) fn subjects(
    connection: &Connection,
    which: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<(Subject, Vec<u8>)>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id, name, purpose, consent, keep_until, enrolled, key,
         (SELECT count(*) FROM template WHERE template.subject = subject.id) FROM subject {which}"
    ))?;
    let rows = statement.query_map(parameters, |row| {
        let subject = Subject {
            id: row.get(0)?,
            name: SubjectName::stored(row.get(1)?),
            details: Details { purpose: row.get(2)?, consent: row.get(3)?, keep_until: row.get(4)? },
            enrolled: row.get(5)?,
            templates: row.get::<_, i64>(7)?.unsigned_abs() as usize,
        };
        Ok((subject, row.get(6)?))
    })?;
    rows.collect()
}

pub(crate) fn put_subject(connection: &Connection, subject: &Subject, key: &[u8]) -> rusqlite::Result<()> {
    let Details { purpose, consent, keep_until } = &subject.details;
    connection.execute(
        "INSERT INTO subject (id, name, purpose, consent, keep_until, enrolled, key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET purpose = ?3, consent = ?4, keep_until = ?5, key = ?7",
        params![subject.id, subject.name.as_str(), purpose, consent, keep_until, subject.enrolled, key],
    )?;
    Ok(())
}

pub(crate) fn put_template(
    connection: &Connection,
    subject: &[u8; 16],
    model: &str,
    enrolled: i64,
    sealed: &[u8],
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("INSERT INTO template (subject, model, enrolled, sealed) VALUES (?1, ?2, ?3, ?4)")?;
    statement.execute(params![subject, model, enrolled, sealed]).map(drop)
}

/// Deletes a subject and the templates; the file must be rewritten afterwards.
pub(crate) fn delete_subject(connection: &Connection, id: &[u8; 16]) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM template WHERE subject = ?1", [id])?;
    connection.execute("DELETE FROM subject WHERE id = ?1", [id])?;
    mark_erasing(connection)
}

/// Says that the file must be rewritten.
pub(crate) fn mark_erasing(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE gallery SET erasing = 1", []).map(drop)
}

pub(crate) fn put_log(connection: &Connection, entry: &LogEntry, link: &[u8]) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO log (sequence, at, event, subject, detail, link) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![entry.sequence, entry.at, entry.event.name(), entry.subject, entry.detail, link],
    )?;
    Ok(())
}

/// Records of all models.
pub(crate) fn calibrations(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare("SELECT model, record FROM calibration ORDER BY model")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

pub(crate) fn put_calibration(connection: &Connection, model: &str, record: &str) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO calibration (model, record) VALUES (?1, ?2) ON CONFLICT (model) DO UPDATE SET record = ?2",
        params![model, record],
    )?;
    Ok(())
}

fn sealed_template(row: &Row<'_>) -> rusqlite::Result<SealedTemplate> {
    Ok(SealedTemplate { id: row.get(0)?, model: row.get(1)?, enrolled: row.get(2)?, sealed: row.get(3)? })
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

/// Refuses what SQLite would make something else of: an image, a folder, a pipe.
fn check_kind(path: &Path) -> Result<(), GalleryError> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let io = |source| GalleryError::Io { path: path.to_path_buf(), source };
    let foreign = |reason: &str| Err(GalleryError::Foreign { path: path.to_path_buf(), reason: reason.to_owned() });
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return foreign("it is no regular file");
    }
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MAGIC.len() as u64).read_to_end(&mut start).map_err(io)?;
    match start.is_empty() || start == MAGIC {
        true => Ok(()),
        false => foreign("it is no SQLite database"),
    }
}
