//! Where a gallery's rows are: a file, or a database server. Nothing here knows a key.

mod postgres;
mod sqlite;

use crate::error::GalleryError;
use crate::location::Location;
use crate::log::LogEntry;
use crate::subject::{Subject, SubjectName};

/// Sealed keys of the whole gallery.
pub(crate) struct Header {
    pub(crate) created: i64,
    pub(crate) salt: Vec<u8>,
    pub(crate) master: Vec<u8>,
    pub(crate) log_key: Vec<u8>,
    pub(crate) log_head: Vec<u8>,
}

/// A subject with its sealed key.
pub(crate) struct SealedSubject {
    pub(crate) subject: Subject,
    pub(crate) key: Vec<u8>,
}

/// A template as it is stored.
pub(crate) struct SealedTemplate {
    pub(crate) model: String,
    pub(crate) enrolled: i64,
    pub(crate) sealed: Vec<u8>,
}

/// A template that a server found.
pub(crate) struct Found {
    pub(crate) of: SealedSubject,
    pub(crate) template: SealedTemplate,
    /// The values that it was found by, which nothing authenticates.
    pub(crate) plain: Vec<f32>,
}

/// What a server found.
pub(crate) struct Search {
    /// The most similar first.
    pub(crate) found: Vec<Found>,
    /// Whether all were compared.
    pub(crate) exact: bool,
}

/// A line of the log, and its link to the one before.
pub(crate) type Linked = (LogEntry, Vec<u8>);

/// Which subjects are asked for.
#[derive(Clone, Copy)]
pub(crate) enum Which<'a> {
    All,
    Named(&'a SubjectName),
    /// Those whose time is over at this moment.
    Expired(i64),
}

/// What is done inside a transaction.
pub(crate) trait Rows {
    /// `None` where a gallery was begun and its keys never written.
    fn header(&mut self) -> Result<Option<Header>, GalleryError>;
    fn put_header(&mut self, header: &Header) -> Result<(), GalleryError>;
    fn put_log_head(&mut self, sealed: &[u8]) -> Result<(), GalleryError>;

    /// In the order of names.
    fn subjects(&mut self, which: Which<'_>) -> Result<Vec<SealedSubject>, GalleryError>;
    fn put_subject(&mut self, subject: &Subject, key: &[u8]) -> Result<(), GalleryError>;
    /// Deletes a subject and the templates; [`Store::erase`] must follow.
    fn delete_subject(&mut self, id: &[u8; 16]) -> Result<(), GalleryError>;
    /// Says that [`Store::erase`] must follow.
    fn mark_erasing(&mut self) -> Result<(), GalleryError>;
    fn is_erasing(&mut self) -> Result<bool, GalleryError>;

    /// The templates of a subject, in the order in which they were added.
    fn templates(&mut self, subject: &[u8; 16]) -> Result<Vec<SealedTemplate>, GalleryError>;
    /// Calls `each` for every template of `model`, subject by subject.
    fn each_template(&mut self, model: &str, each: EachTemplate<'_>) -> Result<(), GalleryError>;
    /// `plain` is for stores that search themselves.
    fn put_template(&mut self, of: &[u8; 16], template: &SealedTemplate, plain: &[f32]) -> Result<(), GalleryError>;
    /// Makes searches among the templates of `model` fast, where the store searches itself.
    fn prepare_search(&mut self, model: &str, dimension: usize) -> Result<(), GalleryError>;
    /// About `most` of the templates most similar to `query`, of subjects whose time is not over. `None` where the store
    /// cannot search.
    fn search(&mut self, model: &str, query: &[f32], most: usize, now: i64) -> Result<Option<Search>, GalleryError>;
    /// Subjects with templates of `model` whose time is not over, and these templates.
    fn matched(&mut self, model: &str, now: i64) -> Result<(usize, usize), GalleryError>;
    /// The networks and the number of their templates.
    fn models(&mut self) -> Result<Vec<(String, usize)>, GalleryError>;

    /// Records of all models, in the order of their names.
    fn calibrations(&mut self) -> Result<Vec<(String, String)>, GalleryError>;
    fn put_calibration(&mut self, model: &str, record: &str) -> Result<(), GalleryError>;

    fn put_log(&mut self, entry: &LogEntry, link: &[u8]) -> Result<(), GalleryError>;
    fn log(&mut self) -> Result<Vec<Linked>, GalleryError>;
    fn log_entries(&mut self) -> Result<usize, GalleryError>;

    /// Size of what is stored.
    fn bytes(&mut self) -> Result<u64, GalleryError>;
}

/// Is told a template and whose it is.
pub(crate) type EachTemplate<'a> = &'a mut dyn FnMut(&SealedSubject, &SealedTemplate) -> Result<(), GalleryError>;

/// An open store.
pub(crate) enum Store {
    File(sqlite::File),
    Server(Box<postgres::Server>),
}

impl Store {
    /// Opens what is there, or makes an empty store where there is none and `create` says so.
    pub(crate) fn open(location: &Location, create: bool) -> Result<Self, GalleryError> {
        match location {
            Location::File(path) => sqlite::File::open(path, create).map(Self::File),
            Location::Server(address) => {
                postgres::Server::open(address, create).map(|server| Self::Server(Box::new(server)))
            }
        }
    }

    /// One transaction: all of `work` or nothing. Others that write wait.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, GalleryError>,
    ) -> Result<T, GalleryError> {
        match self {
            Self::File(file) => file.write(|rows| work(rows)),
            Self::Server(server) => server.write(|rows| work(rows)),
        }
    }

    /// Reads that belong together: others may write meanwhile, and are not seen.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, GalleryError>,
    ) -> Result<T, GalleryError> {
        match self {
            Self::File(file) => file.read(|rows| work(rows)),
            Self::Server(server) => server.read(|rows| work(rows)),
        }
    }

    /// Rewrites the store without what was deleted. `false` where that cannot be done now: the store remembers it.
    pub(crate) fn erase(&mut self) -> bool {
        match self {
            Self::File(file) => file.erase(),
            Self::Server(server) => server.erase(),
        }
    }
}
