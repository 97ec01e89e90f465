//! Deleting for good.

use std::time::Duration;

use ::postgres::{Client, Error};

use super::LOCK;

/// Tables that hold what is forgotten or sealed anew.
const TABLES: [&str; 3] = ["subject", "template", "gallery"];

/// How often, and after what time each, those are looked for who could still see what was deleted.
const LOOKS: usize = 60;
const PAUSE: Duration = Duration::from_millis(50);

/// Whether the role may rewrite the tables: without the right to, VACUUM warns and does nothing.
const OWNED: &str = "
    SELECT coalesce(bool_and(pg_has_role(relowner, 'USAGE')), false) FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident($1)) AND relname = ANY ($2)";

/// Whether nobody can see any more what was deleted before the transaction `$1`: VACUUM keeps it for them, even in a table
/// that they never looked at. A transaction that writes, in whatever database, makes snapshots old that are taken meanwhile,
/// that of VACUUM too.
const UNSEEN: &str = "
    SELECT coalesce(max(age(oldest)), 0) <= age($1::text::xid) FROM (
        SELECT backend_xid FROM pg_stat_activity WHERE pid <> pg_backend_pid()
        UNION ALL SELECT backend_xmin FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND coalesce(datname, current_database()) = current_database()
        UNION ALL SELECT transaction FROM pg_prepared_xacts
        UNION ALL SELECT xmin FROM pg_replication_slots
    ) AS seen (oldest)";

/// Rewrites the tables and their indexes, and takes the mark away; the connection may hold locks afterwards. `false` where
/// that cannot be done now.
pub(super) fn rewrite(client: &mut Client, schema: &str) -> Result<bool, Error> {
    // Whoever deletes something meanwhile marks it after the mark is taken away.
    client.batch_execute("SET lock_timeout = '5s'")?;
    client.execute("SELECT pg_advisory_lock($1, hashtext($2))", &[&LOCK, &schema])?;
    if !client.query_one(OWNED, &[&schema, &TABLES.as_slice()])?.try_get::<_, bool>(0)? || !unseen(client)? {
        return Ok(false);
    }
    for table in TABLES {
        client.batch_execute(&format!("VACUUM (FULL) {table}"))?;
    }
    client.execute("UPDATE gallery SET erasing = false", &[])?;
    Ok(true)
}

/// Waits a little until all is as [`UNSEEN`] says.
fn unseen(client: &mut Client) -> Result<bool, Error> {
    let now: String = client.query_one("SELECT pg_current_xact_id()::xid::text", &[])?.try_get(0)?;
    for _ in 0..LOOKS {
        if client.query_one(UNSEEN, &[&now])?.try_get(0)? {
            return Ok(true);
        }
        std::thread::sleep(PAUSE);
    }
    Ok(false)
}
