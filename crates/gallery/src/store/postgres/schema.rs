//! Tables, and how those of an older version become those of this one.

use super::error::fail;
use super::rows::ServerRows;
use crate::error::GalleryError;

/// Each takes the schema from the version of its place to the next. Steps that were published are never changed.
const MIGRATIONS: [&str; 1] = [r#"
    CREATE TABLE format (
        version integer NOT NULL
    );
    CREATE TABLE gallery (
        one integer PRIMARY KEY CHECK (one = 1),
        created bigint NOT NULL,
        salt bytea NOT NULL,
        master bytea NOT NULL,
        log_key bytea NOT NULL,
        log_head bytea NOT NULL,
        erasing boolean NOT NULL DEFAULT false
    );
    CREATE TABLE subject (
        id bytea PRIMARY KEY CHECK (octet_length(id) = 16),
        name text COLLATE "C" NOT NULL UNIQUE,
        purpose text,
        consent text,
        keep_until bigint,
        enrolled bigint NOT NULL,
        key bytea NOT NULL
    );
    -- The key begins with the subject, so that the table can be distributed by it.
    CREATE TABLE template (
        subject bytea NOT NULL REFERENCES subject (id) ON DELETE CASCADE,
        id bigint GENERATED ALWAYS AS IDENTITY,
        model text NOT NULL,
        enrolled bigint NOT NULL,
        sealed bytea NOT NULL,
        vector vector NOT NULL,
        PRIMARY KEY (subject, id)
    );
    CREATE INDEX template_of_model ON template (model, subject);
    -- The planner's statistics are samples of rows, kept in a catalogue where nothing can be forgotten.
    ALTER TABLE subject
        ALTER COLUMN id SET STATISTICS 0,
        ALTER COLUMN name SET STATISTICS 0,
        ALTER COLUMN purpose SET STATISTICS 0,
        ALTER COLUMN consent SET STATISTICS 0,
        ALTER COLUMN key SET STATISTICS 0;
    ALTER TABLE template
        ALTER COLUMN subject SET STATISTICS 0,
        ALTER COLUMN sealed SET STATISTICS 0,
        ALTER COLUMN vector SET STATISTICS 0;
    CREATE TABLE calibration (
        model text COLLATE "C" PRIMARY KEY,
        record text NOT NULL
    );
    CREATE TABLE log (
        sequence bigint PRIMARY KEY,
        at bigint NOT NULL,
        event text NOT NULL,
        subject bytea,
        detail text NOT NULL,
        link bytea NOT NULL
    );
"#];

/// The version that this program writes.
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// What a sound schema defines, in order: tables with their columns, no views, triggers or rules.
const EXPECTED: [&str; 29] = [
    "calibration.model text not null",
    "calibration.record text not null",
    "format.version integer not null",
    "gallery.created bigint not null",
    "gallery.erasing boolean not null",
    "gallery.log_head bytea not null",
    "gallery.log_key bytea not null",
    "gallery.master bytea not null",
    "gallery.one integer not null",
    "gallery.salt bytea not null",
    "log.at bigint not null",
    "log.detail text not null",
    "log.event text not null",
    "log.link bytea not null",
    "log.sequence bigint not null",
    "log.subject bytea",
    "subject.consent text",
    "subject.enrolled bigint not null",
    "subject.id bytea not null",
    "subject.keep_until bigint",
    "subject.key bytea not null",
    "subject.name text not null",
    "subject.purpose text",
    "template.enrolled bigint not null",
    "template.id bigint not null",
    "template.model text not null",
    "template.sealed bytea not null",
    "template.subject bytea not null",
    "template.vector vector not null",
];

/// All that a schema defines.
const DEFINITIONS: &str = "
    WITH relation AS (
        SELECT oid, relname::text, relkind FROM pg_class
        WHERE relnamespace = to_regnamespace(quote_ident($1)) AND relkind IN ('r', 'p', 'v', 'm', 'f')
    )
    SELECT relname || '.' || attname || ' ' || format_type(atttypid, atttypmod)
           || CASE WHEN attnotnull THEN ' not null' ELSE '' END
           || CASE WHEN relkind IN ('r', 'p') THEN '' ELSE ' of no table' END
    FROM relation JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'trigger ' || tgname FROM relation JOIN pg_trigger ON tgrelid = relation.oid WHERE NOT tgisinternal
    UNION ALL SELECT 'rule ' || rulename FROM relation JOIN pg_rewrite ON ev_class = relation.oid";

/// Finds the tables, and what pgvector defines.
const PATH: &str = "
    SELECT set_config('search_path', quote_ident($1) || coalesce((
        SELECT ', ' || quote_ident(nspname) FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
        WHERE extname = 'vector' AND nspname <> $1
    ), ''), false)";

/// The version of the schema, `None` where there is none or nothing in it.
pub(super) fn version(rows: &mut ServerRows<'_>) -> Result<Option<i32>, GalleryError> {
    let definitions = definitions(rows)?;
    if definitions.is_empty() {
        return Ok(None);
    }
    if !definitions.iter().any(|line| line == "format.version integer not null") {
        return Err(foreign(rows, "the schema has tables of another program".to_owned()));
    }
    rows.query(PATH, &[&rows.about.schema])?;
    let found = rows.query("SELECT version FROM format", &[])?;
    let version: i32 = match found.first() {
        Some(row) => rows.get(row, 0)?,
        None => return Err(foreign(rows, "it states no version".to_owned())),
    };
    if version > VERSION {
        let reason = format!("it was made by a newer Eyebar, format {version}; this one knows {VERSION}");
        return Err(foreign(rows, reason));
    }
    Ok(Some(version))
}

/// Brings the schema to [`VERSION`], inside the caller's transaction.
pub(super) fn migrate(rows: &mut ServerRows<'_>) -> Result<(), GalleryError> {
    // Another process may have been faster.
    let version = match version(rows)? {
        Some(version) => version.max(0),
        None => {
            prepare(rows)?;
            0
        }
    };
    for step in MIGRATIONS.iter().skip(version as usize) {
        rows.batch(step)?;
    }
    rows.execute("DELETE FROM format", &[])?;
    rows.execute("INSERT INTO format (version) VALUES ($1)", &[&VERSION])
}

/// What must be there before the first table.
fn prepare(rows: &mut ServerRows<'_>) -> Result<(), GalleryError> {
    let encoding: String = rows.one("SELECT current_setting('server_encoding')", &[])?;
    if encoding != "UTF8" {
        let reason = format!("the database has the encoding {encoding}, which cannot hold every name");
        return Err(fail(&rows.about.server, reason, "make one with createdb --encoding=UTF8 --template=template0"));
    }
    let known = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')";
    if !rows.one::<bool>(known, &[])? {
        let remedy = "install the package on the server, such as postgresql-17-pgvector";
        return Err(fail(&rows.about.server, "the server has no pgvector", remedy));
    }
    // Before the schema, so that it is not in there.
    if !rows.one::<bool>("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')", &[])? {
        let allowed = rows.batch("CREATE EXTENSION vector");
        allowed.map_err(|error| match error {
            GalleryError::Server { server, reason, .. } => {
                let remedy = "let a superuser run CREATE EXTENSION vector in this database";
                GalleryError::Server { server, reason, remedy }
            }
            error => error,
        })?;
    }
    let schema = rows.about.schema.clone();
    if !rows.one::<bool>("SELECT to_regnamespace(quote_ident($1)) IS NOT NULL", &[&schema])? {
        let quoted: String = rows.one("SELECT quote_ident($1)", &[&schema])?;
        rows.batch(&format!("CREATE SCHEMA {quoted}"))?;
    }
    rows.query(PATH, &[&schema]).map(drop)
}

/// Refuses a schema that is not as [`MIGRATIONS`] leave it. Whether pgvector goes on where an index found too little.
pub(super) fn check(rows: &mut ServerRows<'_>) -> Result<bool, GalleryError> {
    rows.query(PATH, &[&rows.about.schema])?;
    if definitions(rows)? != EXPECTED {
        return Err(foreign(rows, "its tables are not those of a gallery".to_owned()));
    }
    let version: Option<String> = rows.one("SELECT max(extversion) FROM pg_extension WHERE extname = 'vector'", &[])?;
    let version = version.unwrap_or_default();
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let version_numbers = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version_numbers < (0, 5) {
        let reason = format!("pgvector {version} is too old");
        return Err(fail(
            &rows.about.server,
            reason,
            "update it to 0.5 or newer, better 0.8: ALTER EXTENSION vector UPDATE",
        ));
    }
    Ok(version_numbers >= (0, 8))
}

fn definitions(rows: &mut ServerRows<'_>) -> Result<Vec<String>, GalleryError> {
    let found = rows.query(DEFINITIONS, &[&rows.about.schema])?;
    let mut lines: Vec<String> = found.iter().map(|row| rows.get(row, 0)).collect::<Result<_, _>>()?;
    lines.sort();
    Ok(lines)
}

fn foreign(rows: &ServerRows<'_>, reason: String) -> GalleryError {
    GalleryError::Foreign { place: rows.about.server.clone(), reason }
}
