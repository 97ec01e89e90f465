//! What is read from and written to PostgreSQL.

use std::collections::HashMap;

use ::postgres::fallible_iterator::FallibleIterator;
use ::postgres::types::{FromSql, ToSql};
use ::postgres::{Row, Statement, Transaction};
use sha2::{Digest, Sha256};

use super::super::{EachTemplate, Found, Header, Linked, Rows, SealedSubject, SealedTemplate, Search, Which};
use super::About;
use super::error::{fail, name};
use crate::error::GalleryError;
use crate::log::{Event, LogEntry};
use crate::subject::{Details, Subject, SubjectName, hex};

/// Most values of a vector that pgvector makes an index for.
const LARGEST_INDEXED: usize = 2000;

/// Up to so many templates of a network all are compared: that takes the server some milliseconds.
const COMPARED: i64 = 10_000;

/// Candidates that an index keeps on its way (`hnsw.ef_search`) for each template that it is asked for, and the most.
const WIDTH: usize = 4;
const WIDEST: usize = 1000;

/// The rows of a schema, inside a transaction.
pub(crate) struct ServerRows<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) statements: &'a mut HashMap<String, Statement>,
    pub(super) about: &'a About,
}

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// What [`ServerRows::sealed_subject`] reads of a row of templates; and how many columns that are.
const SUBJECT: &str = "subject.id, name, purpose, consent, keep_until, subject.enrolled, key,
    (SELECT count(*) FROM template AS own WHERE own.subject = template.subject)";
const SUBJECT_COLUMNS: usize = 8;

/// Templates with their subjects.
const TEMPLATES: &str = "FROM template JOIN subject ON subject.id = template.subject";

/// Of whose subject the time is not over.
const MATCHED: &str = "(keep_until IS NULL OR keep_until > $2)";

impl ServerRows<'_> {
    fn statement(&mut self, sql: &str) -> Result<Statement, GalleryError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.transaction.prepare(sql).map_err(name(&self.about.server))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(super) fn query(&mut self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, GalleryError> {
        let statement = self.statement(sql)?;
        self.transaction.query(&statement, parameters).map_err(name(&self.about.server))
    }

    pub(super) fn execute(&mut self, sql: &str, parameters: Parameters<'_>) -> Result<(), GalleryError> {
        let statement = self.statement(sql)?;
        self.transaction.execute(&statement, parameters).map(drop).map_err(name(&self.about.server))
    }

    /// Statements without parameters.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), GalleryError> {
        self.transaction.batch_execute(sql).map_err(name(&self.about.server))
    }

    /// The one value of a query.
    pub(super) fn one<T: for<'r> FromSql<'r>>(
        &mut self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<T, GalleryError> {
        match self.query(sql, parameters)?.first() {
            Some(row) => self.get(row, 0),
            None => Err(self.damaged("a row is missing".to_owned())),
        }
    }

    pub(super) fn get<T: for<'r> FromSql<'r>>(&self, row: &Row, column: usize) -> Result<T, GalleryError> {
        get(self.about, row, column)
    }

    fn damaged(&self, reason: String) -> GalleryError {
        damaged(self.about, reason)
    }

    fn counted(&mut self, sql: &str, parameters: Parameters<'_>) -> Result<usize, GalleryError> {
        self.one::<i64>(sql, parameters).map(|count| count.unsigned_abs() as usize)
    }
}

fn get<T: for<'r> FromSql<'r>>(about: &About, row: &Row, column: usize) -> Result<T, GalleryError> {
    row.try_get(column).map_err(|error| damaged(about, error.to_string()))
}

fn damaged(about: &About, reason: String) -> GalleryError {
    fail(&about.server, reason, "the gallery's tables are damaged or were changed; restore them from a backup")
}

/// A subject's number.
fn id(about: &About, row: &Row, column: usize) -> Result<[u8; 16], GalleryError> {
    let bytes: Vec<u8> = get(about, row, column)?;
    bytes.try_into().map_err(|_| damaged(about, "a subject's number has not 16 bytes".to_owned()))
}

/// Of a row that begins with [`SUBJECT`].
fn sealed_subject(about: &About, row: &Row) -> Result<SealedSubject, GalleryError> {
    let subject = Subject {
        id: id(about, row, 0)?,
        name: SubjectName::stored(get(about, row, 1)?),
        details: Details {
            purpose: get(about, row, 2)?,
            consent: get(about, row, 3)?,
            keep_until: get(about, row, 4)?,
        },
        enrolled: get(about, row, 5)?,
        templates: get::<i64>(about, row, 7)?.unsigned_abs() as usize,
    };
    Ok(SealedSubject { subject, key: get(about, row, 6)? })
}

fn sealed_template(about: &About, row: &Row, first: usize) -> Result<SealedTemplate, GalleryError> {
    Ok(SealedTemplate {
        model: get(about, row, first)?,
        enrolled: get(about, row, first + 1)?,
        sealed: get(about, row, first + 2)?,
    })
}

impl Rows for ServerRows<'_> {
    fn header(&mut self) -> Result<Option<Header>, GalleryError> {
        let rows = self.query("SELECT created, salt, master, log_key, log_head FROM gallery", &[])?;
        let read = |row: &Row| {
            Ok(Header {
                created: self.get(row, 0)?,
                salt: self.get(row, 1)?,
                master: self.get(row, 2)?,
                log_key: self.get(row, 3)?,
                log_head: self.get(row, 4)?,
            })
        };
        rows.first().map(read).transpose()
    }

    fn put_header(&mut self, header: &Header) -> Result<(), GalleryError> {
        let Header { created, salt, master, log_key, log_head } = header;
        let sql = "INSERT INTO gallery (one, created, salt, master, log_key, log_head) VALUES (1, $1, $2, $3, $4, $5)
                   ON CONFLICT (one) DO UPDATE SET salt = $2, master = $3, log_key = $4, log_head = $5";
        self.execute(sql, &[created, salt, master, log_key, log_head])
    }

    fn put_log_head(&mut self, sealed: &[u8]) -> Result<(), GalleryError> {
        self.execute("UPDATE gallery SET log_head = $1", &[&sealed])
    }

    fn subjects(&mut self, which: Which<'_>) -> Result<Vec<SealedSubject>, GalleryError> {
        let select = |condition| {
            format!(
                "SELECT subject.id, name, purpose, consent, keep_until, subject.enrolled, key, count(template.id)
                 FROM subject LEFT JOIN template ON template.subject = subject.id {condition}
                 GROUP BY subject.id ORDER BY name"
            )
        };
        let rows = match which {
            Which::All => self.query(&select(""), &[]),
            Which::Named(name) => self.query(&select("WHERE name = $1"), &[&name.as_str()]),
            Which::Expired(now) => self.query(&select("WHERE keep_until <= $1"), &[&now]),
        };
        rows?.iter().map(|row| sealed_subject(self.about, row)).collect()
    }

    fn put_subject(&mut self, subject: &Subject, key: &[u8]) -> Result<(), GalleryError> {
        let Details { purpose, consent, keep_until } = &subject.details;
        let sql = "INSERT INTO subject (id, name, purpose, consent, keep_until, enrolled, key)
                   VALUES ($1, $2, $3, $4, $5, $6, $7)
                   ON CONFLICT (id) DO UPDATE SET purpose = $3, consent = $4, keep_until = $5, key = $7";
        let (id, name) = (subject.id.as_slice(), subject.name.as_str());
        self.execute(sql, &[&id, &name, purpose, consent, keep_until, &subject.enrolled, &key])
    }

    fn delete_subject(&mut self, id: &[u8; 16]) -> Result<(), GalleryError> {
        self.execute("DELETE FROM template WHERE subject = $1", &[&id.as_slice()])?;
        self.execute("DELETE FROM subject WHERE id = $1", &[&id.as_slice()])?;
        self.mark_erasing()
    }

    fn mark_erasing(&mut self) -> Result<(), GalleryError> {
        self.execute("UPDATE gallery SET erasing = true", &[])
    }

    fn is_erasing(&mut self) -> Result<bool, GalleryError> {
        self.one("SELECT coalesce(bool_or(erasing), false) FROM gallery", &[])
    }

    fn templates(&mut self, subject: &[u8; 16]) -> Result<Vec<SealedTemplate>, GalleryError> {
        let sql = "SELECT model, enrolled, sealed FROM template WHERE subject = $1 ORDER BY id";
        let rows = self.query(sql, &[&subject.as_slice()])?;
        rows.iter().map(|row| sealed_template(self.about, row, 0)).collect()
    }

    fn each_template(&mut self, model: &str, each: EachTemplate<'_>) -> Result<(), GalleryError> {
        let sql = format!(
            "SELECT {SUBJECT}, model, template.enrolled, sealed {TEMPLATES}
             WHERE model = $1 ORDER BY template.subject, template.id"
        );
        let statement = self.statement(&sql)?;
        let name = name(&self.about.server);
        let mut rows = self.transaction.query_raw(&statement, [model]).map_err(&name)?;
        while let Some(row) = rows.next().map_err(&name)? {
            each(&sealed_subject(self.about, &row)?, &sealed_template(self.about, &row, SUBJECT_COLUMNS)?)?;
        }
        Ok(())
    }

    fn put_template(&mut self, of: &[u8; 16], template: &SealedTemplate, plain: &[f32]) -> Result<(), GalleryError> {
        let SealedTemplate { model, enrolled, sealed } = template;
        let sql = "INSERT INTO template (subject, model, enrolled, sealed, vector)
                   VALUES ($1, $2, $3, $4, $5::real[]::vector)";
        self.execute(sql, &[&of.as_slice(), model, enrolled, sealed, &plain])
    }

    fn prepare_search(&mut self, model: &str, dimension: usize) -> Result<(), GalleryError> {
        if dimension > LARGEST_INDEXED {
            return Ok(());
        }
        // Names of indexes are short.
        let index = format!("template_nearest_{}_{dimension}", &hex(&Sha256::digest(model.as_bytes()))[..16]);
        let there = "SELECT EXISTS (SELECT FROM pg_class
                     WHERE relname = $1 AND relnamespace = to_regnamespace(quote_ident($2)))";
        if self.one(there, &[&index, &self.about.schema])? {
            return Ok(());
        }
        let literal: String = self.one("SELECT quote_literal($1)", &[&model])?;
        self.batch(&format!(
            "CREATE INDEX {index} ON template USING hnsw ((vector::vector({dimension})) vector_ip_ops)
             WHERE model = {literal} AND vector_dims(vector) = {dimension};
             ALTER INDEX {index} ALTER COLUMN 1 SET STATISTICS 0"
        ))
    }

    fn search(&mut self, model: &str, query: &[f32], most: usize, now: i64) -> Result<Option<Search>, GalleryError> {
        let dimension = query.len();
        let few = "SELECT count(*) <= $2::bigint FROM (SELECT FROM template WHERE model = $1 LIMIT $2::bigint + 1) AS looked_at";
        let exact = dimension > LARGEST_INDEXED || self.one(few, &[&model, &COMPARED])?;
        // Without the dimension the expression is not that of the index.
        let nearness = match exact {
            true => "vector <#> $3::real[]::vector".to_owned(),
            false => format!("vector::vector({dimension}) <#> $3::real[]::vector({dimension})"),
        };
        if !exact {
            let set = "SELECT set_config('hnsw.ef_search', $1, true)";
            self.query(set, &[&(WIDTH * most).min(WIDEST).to_string()])?;
            if self.about.iterative {
                // Ranked again afterwards.
                self.query("SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true)", &[])?;
            }
        }
        let sql = format!(
            "SELECT {SUBJECT}, model, template.enrolled, sealed, vector::real[] {TEMPLATES}
             WHERE model = $1 AND {MATCHED} AND vector_dims(vector) = {dimension} ORDER BY {nearness} LIMIT $4"
        );
        let rows = self.query(&sql, &[&model, &now, &query, &(most as i64)])?;
        let read = |row: &Row| {
            Ok(Found {
                of: sealed_subject(self.about, row)?,
                template: sealed_template(self.about, row, SUBJECT_COLUMNS)?,
                plain: self.get(row, SUBJECT_COLUMNS + 3)?,
            })
        };
        let found = rows.iter().map(read).collect::<Result<_, GalleryError>>()?;
        Ok(Some(Search { found, exact }))
    }

    fn matched(&mut self, model: &str, now: i64) -> Result<(usize, usize), GalleryError> {
        let sql = format!(
            "SELECT count(*), coalesce(sum(templates), 0)::bigint
             FROM (SELECT subject, count(*) AS templates FROM template WHERE model = $1 GROUP BY subject) AS of_model
             JOIN subject ON subject.id = of_model.subject WHERE {MATCHED}"
        );
        let rows = self.query(&sql, &[&model, &now])?;
        let count = |column| match rows.first() {
            Some(row) => self.get::<i64>(row, column).map(|count| count.unsigned_abs() as usize),
            None => Ok(0),
        };
        Ok((count(0)?, count(1)?))
    }

    fn models(&mut self) -> Result<Vec<(String, usize)>, GalleryError> {
        let rows =
            self.query("SELECT model, count(*) FROM template GROUP BY model ORDER BY model COLLATE \"C\"", &[])?;
        let read = |row| Ok((self.get(row, 0)?, self.get::<i64>(row, 1)?.unsigned_abs() as usize));
        rows.iter().map(read).collect()
    }

    fn calibrations(&mut self) -> Result<Vec<(String, String)>, GalleryError> {
        let rows = self.query("SELECT model, record FROM calibration ORDER BY model", &[])?;
        rows.iter().map(|row| Ok((self.get(row, 0)?, self.get(row, 1)?))).collect()
    }

    fn put_calibration(&mut self, model: &str, record: &str) -> Result<(), GalleryError> {
        let sql =
            "INSERT INTO calibration (model, record) VALUES ($1, $2) ON CONFLICT (model) DO UPDATE SET record = $2";
        self.execute(sql, &[&model, &record])
    }

    fn put_log(&mut self, entry: &LogEntry, link: &[u8]) -> Result<(), GalleryError> {
        let LogEntry { sequence, at, event, subject, detail, .. } = entry;
        let subject = subject.as_ref().map(<[u8; 16]>::as_slice);
        let sql = "INSERT INTO log (sequence, at, event, subject, detail, link) VALUES ($1, $2, $3, $4, $5, $6)";
        self.execute(sql, &[sequence, at, &event.name(), &subject, detail, &link])
    }

    fn log(&mut self) -> Result<Vec<Linked>, GalleryError> {
        let rows = self.query("SELECT sequence, at, event, subject, detail, link FROM log ORDER BY sequence", &[])?;
        let read = |row: &Row| {
            let subject: Option<Vec<u8>> = self.get(row, 3)?;
            let entry = LogEntry {
                sequence: self.get(row, 0)?,
                at: self.get(row, 1)?,
                event: Event::from_name(&self.get::<String>(row, 2)?),
                subject: subject.map(|_| id(self.about, row, 3)).transpose()?,
                name: None,
                detail: self.get(row, 4)?,
            };
            Ok((entry, self.get(row, 5)?))
        };
        rows.iter().map(read).collect()
    }

    fn log_entries(&mut self) -> Result<usize, GalleryError> {
        self.counted("SELECT count(*) FROM log", &[])
    }

    fn bytes(&mut self) -> Result<u64, GalleryError> {
        let sql = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
                   WHERE relnamespace = to_regnamespace(quote_ident($1)) AND relkind IN ('r', 'p')";
        self.one::<i64>(sql, &[&self.about.schema]).map(i64::unsigned_abs)
    }
}
