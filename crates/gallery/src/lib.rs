//! Encrypted face templates: enrol, find, forget.
//!
//! ```text
//! passphrase or key file ─► master key ─► a key for each subject ─► its templates
//! ```
//!
//! A [`Gallery`] is one SQLite file. It holds templates, never photographs; each is sealed with a key of its subject's own,
//! so that destroying the key destroys the templates. Names, purposes and dates are readable without the key, but cannot
//! be changed without it. Times are seconds since 1970 (UTC) that the caller states: nothing here reads the clock.

#![forbid(unsafe_code)]

mod error;
mod gallery;
mod key;
mod log;
mod seal;
pub mod search;
mod store;
mod subject;

pub use error::GalleryError;
pub use gallery::{Created, Enrolled, Gallery, Reference, Stats};
pub use key::Unlock;
pub use log::{Event, LogEntry};
pub use subject::{Details, Subject, SubjectName};
