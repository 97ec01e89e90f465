//! The log: who was enrolled, searched and forgotten. Entries are chained, so that none can be changed or taken from the
//! middle without the key; it holds nothing biometric, and no names.

use serde::Serialize;

use crate::key::{Key, mac};
use crate::subject::hex;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The gallery was made.
    Create,
    /// Templates of a subject were added.
    Enrol,
    /// A photograph was compared with a subject.
    Verify,
    /// A photograph was searched for among all.
    Identify,
    /// A subject was erased.
    Forget,
    /// A subject was erased because its time was over.
    Purge,
    /// Subjects were copied into another gallery.
    Export,
    /// Subjects were copied from another gallery.
    Import,
    /// All keys were sealed anew.
    Rekey,
    /// Decision thresholds were set.
    Calibrate,
    /// Something that no gallery writes: the entry was altered.
    Unknown,
}

/// Names in the file.
const NAMES: [(Event, &str); 10] = [
    (Event::Create, "create"),
    (Event::Enrol, "enrol"),
    (Event::Verify, "verify"),
    (Event::Identify, "identify"),
    (Event::Forget, "forget"),
    (Event::Purge, "purge"),
    (Event::Export, "export"),
    (Event::Import, "import"),
    (Event::Rekey, "rekey"),
    (Event::Calibrate, "calibrate"),
];

impl Event {
    /// The event's name.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(event, _)| *event == self).map_or("", |(_, name)| name)
    }

    pub(crate) fn from_name(name: &str) -> Self {
        NAMES.iter().find(|(_, known)| *known == name).map_or(Self::Unknown, |(event, _)| *event)
    }
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    /// Number, from 1 without a gap.
    pub sequence: i64,
    /// When; seconds since 1970.
    pub at: i64,
    /// What.
    pub event: Event,
    /// The subject's number.
    #[serde(serialize_with = "optional_hexadecimal")]
    pub subject: Option<[u8; 16]>,
    /// The subject's name, as long as it is enrolled.
    pub name: Option<String>,
    /// More about it, such as the decision.
    pub detail: String,
}

impl LogEntry {
    /// The link of this entry to the one before, whose link is `previous`.
    pub(crate) fn link(&self, key: &Key, previous: &[u8]) -> [u8; 32] {
        mac(
            key.bytes(),
            &[
                b"eyebar log 1",
                previous,
                &self.sequence.to_le_bytes(),
                &self.at.to_le_bytes(),
                self.event.name().as_bytes(),
                self.subject.as_ref().map_or(&[][..], |id| id),
                self.detail.as_bytes(),
            ],
        )
    }
}

fn optional_hexadecimal<S: serde::Serializer>(id: &Option<[u8; 16]>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.serialize_str(&hex(id)),
        None => serializer.serialize_none(),
    }
}
