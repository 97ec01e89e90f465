//! What the whole gallery must agree with: the end of the log, and the decision thresholds.

use crate::error::GalleryError;
use crate::key::{Key, mac};
use crate::log::{Event, LogEntry};
use crate::seal::{Context, open, seal};
use crate::store::Rows;

/// The end of the log and a digest of the thresholds, kept sealed: nothing can be taken from either unnoticed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) sequence: i64,
    pub(crate) link: Vec<u8>,
    /// Empty where there are no thresholds.
    pub(crate) calibrations: Vec<u8>,
}

impl Head {
    pub(crate) fn seal(&self, log_key: &Key) -> Result<Vec<u8>, GalleryError> {
        let parts = [&self.sequence.to_le_bytes()[..], &[self.link.len() as u8], &self.link, &self.calibrations];
        seal(log_key, &Context::new("eyebar head 1"), &parts.concat())
    }

    pub(crate) fn open(log_key: &Key, sealed: &[u8]) -> Result<Self, GalleryError> {
        let plain = open(log_key, &Context::new("eyebar head 1"), sealed);
        let read = plain.as_ref().and_then(|plain| {
            let (sequence, rest) = plain.split_first_chunk()?;
            let (&length, rest) = rest.split_first()?;
            let (link, calibrations) = rest.split_at_checked(length.into())?;
            let sequence = i64::from_le_bytes(*sequence);
            Some(Self { sequence, link: link.to_vec(), calibrations: calibrations.to_vec() })
        });
        read.ok_or_else(|| GalleryError::Altered { what: "the end of the log".to_owned() })
    }

    pub(crate) fn read(rows: &mut dyn Rows, log_key: &Key) -> Result<Self, GalleryError> {
        let header = rows.header()?.ok_or_else(|| GalleryError::Altered { what: "the gallery's keys".to_owned() })?;
        Self::open(log_key, &header.log_head)
    }
}

/// Of the thresholds of all models.
pub(crate) fn digest(log_key: &Key, calibrations: &[(String, String)]) -> Vec<u8> {
    if calibrations.is_empty() {
        return Vec::new();
    }
    let parts = calibrations.iter().flat_map(|(model, record)| [model.as_bytes(), record.as_bytes()]);
    let parts: Vec<&[u8]> = std::iter::once(&b"eyebar calibrations 1"[..]).chain(parts).collect();
    mac(log_key.bytes(), &parts).to_vec()
}

/// Writes the next line of the log.
pub(crate) fn append(
    rows: &mut dyn Rows,
    log_key: &Key,
    at: i64,
    event: Event,
    subject: Option<[u8; 16]>,
    detail: String,
) -> Result<(), GalleryError> {
    let head = Head::read(rows, log_key)?;
    let entry = LogEntry { sequence: head.sequence + 1, at, event, subject, name: None, detail };
    let link = entry.link(log_key, &head.link);
    rows.put_log(&entry, &link)?;
    let head = Head { sequence: entry.sequence, link: link.to_vec(), ..head };
    rows.put_log_head(&head.seal(log_key)?)
}
