//! What is read from and written to SQLite.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::{EachTemplate, Header, Linked, Rows, SealedSubject, SealedTemplate, Search, Which};
use crate::error::GalleryError;
use crate::log::{Event, LogEntry};
use crate::subject::{Details, Subject, SubjectName};

/// The rows of a file, inside a transaction.
pub(crate) struct FileRows<'a> {
    pub(super) connection: &'a Connection,
    pub(super) path: &'a Path,
}

/// What [`sealed_subject`] reads.
const SUBJECT: &str = "subject.id, name, purpose, consent, keep_until, subject.enrolled, key,
    (SELECT count(*) FROM template AS own WHERE own.subject = subject.id)";
const SUBJECT_COLUMNS: usize = 8;

impl FileRows<'_> {
    /// Names the file in SQLite's errors.
    pub(super) fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, GalleryError> {
        work(self.connection).map_err(|source| GalleryError::Store { path: self.path.to_path_buf(), source })
    }
}

impl Rows for FileRows<'_> {
    fn header(&mut self) -> Result<Option<Header>, GalleryError> {
        self.run(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT created, salt, master, log_key, log_head FROM gallery")?;
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
        })
    }

    fn put_header(&mut self, header: &Header) -> Result<(), GalleryError> {
        let Header { created, salt, master, log_key, log_head } = header;
        self.run(|connection| {
            let sql =
                "INSERT INTO gallery (one, created, salt, master, log_key, log_head) VALUES (1, ?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT (one) DO UPDATE SET salt = ?2, master = ?3, log_key = ?4, log_head = ?5";
            connection.execute(sql, params![created, salt, master, log_key, log_head]).map(drop)
        })
    }

    fn put_log_head(&mut self, sealed: &[u8]) -> Result<(), GalleryError> {
        self.run(|connection| connection.execute("UPDATE gallery SET log_head = ?1", [sealed]).map(drop))
    }

    fn subjects(&mut self, which: Which<'_>) -> Result<Vec<SealedSubject>, GalleryError> {
        let select = |condition| format!("SELECT {SUBJECT} FROM subject {condition} ORDER BY name");
        self.run(|connection| match which {
            Which::All => connection.prepare_cached(&select(""))?.query_map([], sealed_subject)?.collect(),
            Which::Named(name) => connection
                .prepare_cached(&select("WHERE name = ?1"))?
                .query_map([name.as_str()], sealed_subject)?
                .collect(),
            Which::Expired(now) => connection
                .prepare_cached(&select("WHERE keep_until <= ?1"))?
                .query_map([now], sealed_subject)?
                .collect(),
        })
    }

    fn put_subject(&mut self, subject: &Subject, key: &[u8]) -> Result<(), GalleryError> {
        let Details { purpose, consent, keep_until } = &subject.details;
        self.run(|connection| {
            let mut statement = connection.prepare_cached(
                "INSERT INTO subject (id, name, purpose, consent, keep_until, enrolled, key)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (id) DO UPDATE SET purpose = ?3, consent = ?4, keep_until = ?5, key = ?7",
            )?;
            let name = subject.name.as_str();
            statement.execute(params![subject.id, name, purpose, consent, keep_until, subject.enrolled, key]).map(drop)
        })
    }

    fn delete_subject(&mut self, id: &[u8; 16]) -> Result<(), GalleryError> {
        self.run(|connection| {
            connection.execute("DELETE FROM template WHERE subject = ?1", [id])?;
            connection.execute("DELETE FROM subject WHERE id = ?1", [id])
        })?;
        self.mark_erasing()
    }

    fn mark_erasing(&mut self) -> Result<(), GalleryError> {
        self.run(|connection| connection.execute("UPDATE gallery SET erasing = 1", []).map(drop))
    }

    fn is_erasing(&mut self) -> Result<bool, GalleryError> {
        self.run(|connection| connection.query_row("SELECT erasing FROM gallery", [], |row| row.get(0)))
    }

    fn templates(&mut self, subject: &[u8; 16]) -> Result<Vec<SealedTemplate>, GalleryError> {
        self.run(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT model, enrolled, sealed FROM template WHERE subject = ?1 ORDER BY id")?;
            let rows = statement.query_map([subject], |row| sealed_template(row, 0))?;
            rows.collect()
        })
    }

    fn each_template(&mut self, model: &str, each: EachTemplate<'_>) -> Result<(), GalleryError> {
        let name = |source| GalleryError::Store { path: self.path.to_path_buf(), source };
        let sql = format!(
            "SELECT {SUBJECT}, model, template.enrolled, sealed, template.subject
             FROM template LEFT JOIN subject ON subject.id = template.subject
             WHERE model = ?1 ORDER BY template.subject, template.id"
        );
        let mut statement = self.connection.prepare(&sql).map_err(name)?;
        let mut rows = statement.query([model]).map_err(name)?;
        let mut last: Option<SealedSubject> = None;
        while let Some(row) = rows.next().map_err(name)? {
            let id: [u8; 16] = row.get(SUBJECT_COLUMNS + 3).map_err(name)?;
            if last.as_ref().is_none_or(|last| last.subject.id != id) {
                if row.get::<_, Option<[u8; 16]>>(0).map_err(name)?.is_none() {
                    return Err(GalleryError::Altered { what: "the list of subjects".to_owned() });
                }
                last = Some(sealed_subject(row).map_err(name)?);
            }
            let template = sealed_template(row, SUBJECT_COLUMNS).map_err(name)?;
            last.as_ref().map_or(Ok(()), |subject| each(subject, &template))?;
        }
        Ok(())
    }

    fn put_template(&mut self, of: &[u8; 16], template: &SealedTemplate, _plain: &[f32]) -> Result<(), GalleryError> {
        self.run(|connection| {
            let mut statement = connection
                .prepare_cached("INSERT INTO template (subject, model, enrolled, sealed) VALUES (?1, ?2, ?3, ?4)")?;
            statement.execute(params![of, template.model, template.enrolled, template.sealed]).map(drop)
        })
    }

    fn prepare_search(&mut self, _model: &str, _dimension: usize) -> Result<(), GalleryError> {
        Ok(())
    }

    fn search(&mut self, _: &str, _: &[f32], _: usize, _: i64) -> Result<Option<Search>, GalleryError> {
        Ok(None)
    }

    fn matched(&mut self, model: &str, now: i64) -> Result<(usize, usize), GalleryError> {
        self.run(|connection| {
            let sql = "SELECT count(DISTINCT subject), count(*) FROM template JOIN subject ON subject.id = subject
                       WHERE model = ?1 AND (keep_until IS NULL OR keep_until > ?2)";
            connection.query_row(sql, params![model, now], |row| Ok((count(row, 0)?, count(row, 1)?)))
        })
    }

    fn models(&mut self) -> Result<Vec<(String, usize)>, GalleryError> {
        self.run(|connection| {
            let sql = "SELECT model, count(*) FROM template GROUP BY model ORDER BY model";
            connection.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?.collect()
        })
    }

    fn calibrations(&mut self) -> Result<Vec<(String, String)>, GalleryError> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT model, record FROM calibration ORDER BY model")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    fn put_calibration(&mut self, model: &str, record: &str) -> Result<(), GalleryError> {
        self.run(|connection| {
            let sql =
                "INSERT INTO calibration (model, record) VALUES (?1, ?2) ON CONFLICT (model) DO UPDATE SET record = ?2";
            connection.execute(sql, params![model, record]).map(drop)
        })
    }

    fn put_log(&mut self, entry: &LogEntry, link: &[u8]) -> Result<(), GalleryError> {
        let LogEntry { sequence, at, event, subject, detail, .. } = entry;
        self.run(|connection| {
            let mut statement = connection.prepare_cached(
                "INSERT INTO log (sequence, at, event, subject, detail, link) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            statement.execute(params![sequence, at, event.name(), subject, detail, link]).map(drop)
        })
    }

    fn log(&mut self) -> Result<Vec<Linked>, GalleryError> {
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

    fn log_entries(&mut self) -> Result<usize, GalleryError> {
        self.run(|connection| connection.query_row("SELECT count(*) FROM log", [], |row| count(row, 0)))
    }

    fn bytes(&mut self) -> Result<u64, GalleryError> {
        Ok(std::fs::metadata(self.path).map_or(0, |about| about.len()))
    }
}

/// Of a row that begins with [`SUBJECT`].
fn sealed_subject(row: &Row<'_>) -> rusqlite::Result<SealedSubject> {
    let subject = Subject {
        id: row.get(0)?,
        name: SubjectName::stored(row.get(1)?),
        details: Details { purpose: row.get(2)?, consent: row.get(3)?, keep_until: row.get(4)? },
        enrolled: row.get(5)?,
        templates: count(row, 7)?,
    };
    Ok(SealedSubject { subject, key: row.get(6)? })
}

fn sealed_template(row: &Row<'_>, first: usize) -> rusqlite::Result<SealedTemplate> {
    Ok(SealedTemplate { model: row.get(first)?, enrolled: row.get(first + 1)?, sealed: row.get(first + 2)? })
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    row.get::<_, i64>(column).map(|count| count.unsigned_abs() as usize)
}
