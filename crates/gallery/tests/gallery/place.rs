//! Galleries to test on.

use std::path::PathBuf;

use eyebar_gallery::{Address, Details, Gallery, Location, SubjectName, Unlock};
use eyebar_testkit::postgres::Postgres;

pub(crate) const MODEL: &str = "m@1";
pub(crate) const NOW: i64 = 1_800_000_000;

/// Where a gallery of a test is.
pub(crate) enum Place {
    Folder(tempfile::TempDir),
    /// A database of its own; its address.
    Database(String),
}

/// The same test in a file and, where there is one, on a server.
pub(crate) fn on_each(test: impl Fn(&Place)) {
    test(&Place::folder());
    if let Some(database) = Place::database() {
        test(&database);
    }
}

impl Place {
    pub(crate) fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn database() -> Option<Self> {
        Postgres::shared().map(|server| Self::Database(server.database()))
    }

    /// Another of the same kind.
    pub(crate) fn another(&self) -> Self {
        match self {
            Self::Folder(_) => Self::folder(),
            Self::Database(_) => Self::database().unwrap(),
        }
    }

    pub(crate) fn location(&self) -> Location {
        match self {
            Self::Folder(_) => self.file().into(),
            Self::Database(address) => Location::Server(Box::new(Address::parse(address).unwrap())),
        }
    }

    /// The file of a gallery in a folder.
    pub(crate) fn file(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.path().join("gallery.db"),
            Self::Database(address) => panic!("{address} is no file"),
        }
    }

    pub(crate) fn gallery(&self) -> Gallery {
        self.gallery_with(&key(1))
    }

    pub(crate) fn gallery_with(&self, unlock: &Unlock) -> Gallery {
        Gallery::open_or_create(&self.location(), unlock, NOW).unwrap().0
    }

    /// What somebody else's program would do.
    pub(crate) fn by_hand(&self, statements: &str) {
        match self {
            Self::Folder(_) => {
                rusqlite::Connection::open(self.file()).unwrap().execute_batch(statements).unwrap();
            }
            Self::Database(_) => self.client().batch_execute(statements).unwrap(),
        }
    }

    /// A connection to the database.
    pub(crate) fn client(&self) -> postgres::Client {
        let Self::Database(address) = self else { panic!("there is no server") };
        let mut client = postgres::Client::connect(address, postgres::NoTls).unwrap();
        client.batch_execute("SET search_path = eyebar, public").unwrap();
        client
    }

    /// `count` zero bytes, in SQL.
    pub(crate) fn zeros(&self, count: usize) -> String {
        match self {
            Self::Folder(_) => format!("zeroblob({count})"),
            Self::Database(_) => format!("decode(repeat('00', {count}), 'hex')"),
        }
    }
}

pub(crate) fn key(byte: u8) -> Unlock {
    Unlock::KeyFile(vec![byte; 32].into())
}

pub(crate) fn name(text: &str) -> SubjectName {
    SubjectName::new(text).unwrap()
}

pub(crate) fn template(seed: u64) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    unit(&(0..128).map(|_| rng.f32() - 0.5).collect::<Vec<f32>>())
}

pub(crate) fn unit(values: &[f32]) -> Vec<f32> {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter().map(|value| value / length).collect()
}

pub(crate) fn enrol(gallery: &mut Gallery, who: &str, seeds: &[u64]) {
    let templates: Vec<Vec<f32>> = seeds.iter().map(|&seed| template(seed)).collect();
    let templates: Vec<&[f32]> = templates.iter().map(Vec::as_slice).collect();
    gallery.enrol(&name(who), Details::default(), MODEL, &templates, NOW).unwrap();
}

pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
