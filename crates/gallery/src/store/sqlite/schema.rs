//! Tables, and how an older file becomes one of this version.

use rusqlite::Connection;

/// `EYEB`, in the file's header.
pub(super) const APPLICATION: i32 = 0x4559_4542;

/// Each takes the file from the version of its place to the next. Steps that were published are never changed.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE gallery (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        created INTEGER NOT NULL,
        salt BLOB NOT NULL,
        master BLOB NOT NULL,
        log_key BLOB NOT NULL,
        log_head BLOB NOT NULL,
        erasing INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE subject (
        id BLOB PRIMARY KEY CHECK (length(id) = 16),
        name TEXT NOT NULL UNIQUE,
        purpose TEXT,
        consent TEXT,
        keep_until INTEGER,
        enrolled INTEGER NOT NULL,
        key BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE template (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        subject BLOB NOT NULL REFERENCES subject (id) ON DELETE CASCADE,
        model TEXT NOT NULL,
        enrolled INTEGER NOT NULL,
        sealed BLOB NOT NULL
    ) STRICT;
    CREATE INDEX template_of_subject ON template (subject);
    CREATE TABLE calibration (
        model TEXT PRIMARY KEY,
        record TEXT NOT NULL
    ) STRICT;
    CREATE TABLE log (
        sequence INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        event TEXT NOT NULL,
        subject BLOB,
        detail TEXT NOT NULL,
        link BLOB NOT NULL
    ) STRICT;
"];

/// The version that this program writes.
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// Everything that a file of this version defines. Views, triggers and other tables would run when the gallery is used.
type Definition = (String, String, Option<String>);

/// What a file defines.
pub(super) fn definitions(connection: &Connection) -> rusqlite::Result<Vec<Definition>> {
    let mut statement = connection.prepare("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

/// What a sound file defines.
pub(super) fn expected() -> rusqlite::Result<Vec<Definition>> {
    let connection = Connection::open_in_memory()?;
    migrate(&connection, 0)?;
    definitions(&connection)
}

/// Brings a file of `version` to [`VERSION`], inside the caller's transaction.
pub(super) fn migrate(connection: &Connection, version: i32) -> rusqlite::Result<()> {
    for step in MIGRATIONS.iter().skip(version.max(0) as usize) {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)
}
