//! Encrypted face templates: enrol, find, forget.
//!
//! ```text
//! passphrase or key file ─► master key ─► a key for each subject ─► its templates
//! ```
//!
//! A [`Gallery`] is one SQLite file, or a schema of a PostgreSQL database. It holds templates, never photographs; each is
//! sealed with a key of its subject's own, so that destroying the key destroys the templates. On a server a vector in the
//! clear stands beside each, as a server can only search what it can read. Names, purposes and dates are readable without
//! the key, but cannot be changed without it. Times are seconds since 1970 (UTC) that the caller states: nothing here reads
//! the clock.

#![forbid(unsafe_code)]

mod error;
mod gallery;
mod head;
mod key;
mod location;
mod log;
mod nearest;
mod outer;
mod seal;
pub mod search;
mod store;
mod subject;
mod template;
mod transfer;

pub use error::GalleryError;
pub use gallery::{Created, Enrolled, Gallery, Stats};
pub use key::Unlock;
pub use location::{Address, Location};
pub use log::{Event, LogEntry};
pub use nearest::{Match, Nearest, Progress, Search};
pub use subject::{Details, Subject, SubjectName};
pub use template::Reference;
