//! A gallery in a schema of a PostgreSQL database, with pgvector.

mod connect;
mod erase;
mod error;
mod rows;
mod schema;

use std::cell::RefCell;
use std::collections::HashMap;

use ::postgres::{Client, IsolationLevel, Statement};

use self::error::{fail, name};
use self::rows::ServerRows;
use crate::error::GalleryError;
use crate::location::Address;

/// First number of the lock that writers hold; the second is that of the schema's name.
const LOCK: i32 = 0x4559_4542;

/// What every connection is set to: nobody waits longer for a lock, and a plan may use the index of one network.
const SETTINGS: &str =
    "SET lock_timeout = '10s'; SET plan_cache_mode = force_custom_plan; SET client_min_messages = warning";

/// An open connection.
pub(crate) struct Server {
    client: RefCell<Client>,
    /// Prepared, by their text.
    statements: RefCell<HashMap<String, Statement>>,
    about: About,
}

/// What is known of a server.
pub(crate) struct About {
    /// Its address, without a password.
    server: String,
    /// The schema of the tables.
    schema: String,
    /// Whether an index goes on where too few of what it found are wanted (pgvector 0.8).
    iterative: bool,
}

impl Server {
    /// Connects, and makes the tables where there are none and `create` says so.
    pub(super) fn open(address: &Address, create: bool) -> Result<Self, GalleryError> {
        let mut client = connect::connect(address)?;
        let server = address.to_string();
        client.batch_execute(SETTINGS).map_err(name(&server))?;
        let about = About { server, schema: address.schema.clone(), iterative: false };
        let client = RefCell::new(client);
        let mut this = Self { client, statements: RefCell::default(), about };
        let version = this.read(schema::version)?;
        if version.is_none() && !create {
            return Err(GalleryError::Missing { place: this.about.server });
        }
        if version.is_none_or(|version| version < schema::VERSION) {
            this.write(schema::migrate)?;
        }
        this.about.iterative = this.read(schema::check)?;
        Ok(this)
    }

    /// As [`Store::write`](super::Store::write).
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut ServerRows<'_>) -> Result<T, GalleryError>,
    ) -> Result<T, GalleryError> {
        // Not a snapshot: what others wrote while the lock was waited for must be seen.
        self.run(IsolationLevel::ReadCommitted, false, |rows| {
            rows.query("SELECT pg_advisory_xact_lock($1, hashtext($2))", &[&LOCK, &rows.about.schema])?;
            work(rows)
        })
    }

    /// As [`Store::read`](super::Store::read).
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&mut ServerRows<'_>) -> Result<T, GalleryError>,
    ) -> Result<T, GalleryError> {
        self.run(IsolationLevel::RepeatableRead, true, work)
    }

    fn run<T>(
        &self,
        isolation: IsolationLevel,
        read_only: bool,
        work: impl FnOnce(&mut ServerRows<'_>) -> Result<T, GalleryError>,
    ) -> Result<T, GalleryError> {
        let name = name(&self.about.server);
        let (Ok(mut client), Ok(mut statements)) = (self.client.try_borrow_mut(), self.statements.try_borrow_mut())
        else {
            return Err(fail(&self.about.server, "it is being read", "use the gallery after that"));
        };
        let transaction = client.build_transaction().isolation_level(isolation).read_only(read_only);
        let transaction = transaction.start().map_err(&name)?;
        let mut rows = ServerRows { transaction, statements: &mut statements, about: &self.about };
        let result = work(&mut rows)?;
        rows.transaction.commit().map_err(&name)?;
        Ok(result)
    }

    /// Rewrites the tables and indexes without what was deleted. `false` where others use them, the disk is full, or they
    /// belong to another role.
    pub(super) fn erase(&mut self) -> bool {
        let client = self.client.get_mut();
        let done = erase::rewrite(client, &self.about.schema).unwrap_or(false);
        // A connection that is lost has no lock any more.
        let _ = client.batch_execute(&format!("SELECT pg_advisory_unlock_all(); {SETTINGS}"));
        done
    }
}
