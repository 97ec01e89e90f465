//! Enrol, find, forget.

use std::collections::HashMap;

use serde::Serialize;

use crate::error::GalleryError;
use crate::head::{Head, append, digest};
use crate::key::{Key, Unlock, random};
use crate::location::Location;
use crate::log::{Event, LogEntry};
use crate::outer::{Outer, open_header};
use crate::store::{Header, Rows, SealedSubject, Store, Which};
use crate::subject::{Details, Subject, SubjectName, plural};
use crate::template::{Reference, check_template, opened, put_subject, put_template, subject_key};

/// Names that are suggested for one that is not there, and how alike they must be.
const SUGGESTED: usize = 3;
const ALIKE: f64 = 0.7;

/// An open gallery.
pub struct Gallery {
    pub(crate) store: Store,
    location: Location,
    /// Of the header that the keys were read from: another says that the gallery was given a new key.
    pub(crate) salt: Vec<u8>,
    pub(crate) master: Key,
    pub(crate) log_key: Key,
}

impl std::fmt::Debug for Gallery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gallery").field("location", &self.location).finish_non_exhaustive()
    }
}

/// Whether a gallery was made or was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New,
    /// It was there.
    Existing,
}

/// What an enrolment did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Enrolled {
    /// The subject, as it is now.
    pub subject: Subject,
    /// Whether nobody had that name before.
    pub new: bool,
    /// Templates added.
    pub added: usize,
}

/// What a gallery holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// People.
    pub subjects: usize,
    /// Those whose time is over: they are not matched any more.
    pub expired: usize,
    /// Templates.
    pub templates: usize,
    /// Templates of each network.
    pub models: Vec<(String, usize)>,
    /// Lines of the log.
    pub log_entries: usize,
    /// When it was made; seconds since 1970.
    pub created: i64,
    /// Size of the file, or of the tables on a server.
    pub bytes: u64,
}

impl Gallery {
    /// Opens the gallery at `location`.
    ///
    /// # Errors
    /// When there is none, it is something else, or the key is another.
    pub fn open(location: &Location, unlock: &Unlock) -> Result<Self, GalleryError> {
        let store = Store::open(location, false)?;
        let header = store
            .read(|rows| rows.header())?
            .ok_or_else(|| GalleryError::Foreign { place: location.to_string(), reason: "it is empty".to_owned() })?;
        Self::unlocked(store, location, &header, unlock)
    }

    /// Opens the gallery at `location`, or makes one.
    ///
    /// # Errors
    /// As [`Gallery::open`]; when the key is weak, or the gallery cannot be made.
    pub fn open_or_create(location: &Location, unlock: &Unlock, now: i64) -> Result<(Self, Created), GalleryError> {
        unlock.check_strength()?;
        let mut store = Store::open(location, true)?;
        if let Some(header) = store.read(|rows| rows.header())? {
            return Ok((Self::unlocked(store, location, &header, unlock)?, Created::Existing));
        }
        let (master, log_key) = (Key::random()?, Key::random()?);
        let outer = Outer::new(unlock)?;
        let sealed = outer.header(now, &master, &log_key, &Head::default())?;
        let made = store.write(|rows| {
            // Another process may have been faster.
            if rows.header()?.is_some() {
                return Ok(false);
            }
            rows.put_header(&sealed)?;
            append(rows, &log_key, now, Event::Create, None, String::new())?;
            Ok(true)
        })?;
        if made {
            let gallery = Self { store, location: location.clone(), salt: sealed.salt, master, log_key };
            return Ok((gallery, Created::New));
        }
        drop(store);
        Ok((Self::open(location, unlock)?, Created::Existing))
    }

    /// Whether there is a gallery at `location`; one that was begun and never finished is none.
    ///
    /// # Errors
    /// When there is something else, or nobody can look.
    pub fn exists(location: &Location) -> Result<bool, GalleryError> {
        // A file is finished where its tables are missing, too.
        let opened = match location {
            Location::File(path)
                if std::fs::metadata(path).map_or(true, |about| about.is_file() && about.len() == 0) =>
            {
                return Ok(false);
            }
            Location::File(_) => Store::open(location, true),
            Location::Server(_) => Store::open(location, false),
        };
        match opened {
            Ok(store) => Ok(store.read(|rows| rows.header())?.is_some()),
            Err(GalleryError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn unlocked(store: Store, location: &Location, header: &Header, unlock: &Unlock) -> Result<Self, GalleryError> {
        let (master, log_key) = open_header(header, unlock)?;
        let mut gallery = Self { store, location: location.clone(), salt: header.salt.clone(), master, log_key };
        if gallery.store.read(|rows| rows.is_erasing())? {
            // A process ended, or another had the gallery open, before the rest of somebody forgotten was wiped.
            gallery.store.erase();
        }
        Ok(gallery)
    }

    /// Adds templates of one network to a subject, who is made where there is none of that name. `details` replace those
    /// that were stated before where they say something.
    ///
    /// # Errors
    /// When a template is none, or the gallery cannot be written: then nothing is added.
    pub fn enrol(
        &mut self,
        name: &SubjectName,
        details: Details,
        model: &str,
        templates: &[&[f32]],
        now: i64,
    ) -> Result<Enrolled, GalleryError> {
        for template in templates {
            check_template(template)?;
        }
        let (master, log_key, salt) = (&self.master, &self.log_key, &self.salt);
        self.store.write(|rows| {
            check_key(rows, salt)?;
            let found = rows.subjects(Which::Named(name))?.pop();
            let new = found.is_none();
            let (mut subject, key) = match found {
                Some(sealed) => {
                    let key = subject_key(master, &sealed)?;
                    (sealed.subject, key)
                }
                None => (new_subject(name.clone(), now)?, Key::random()?),
            };
            subject.details = details.or(subject.details);
            put_subject(rows, master, &subject, &key)?;
            for template in templates {
                put_template(rows, &subject, &key, model, now, template)?;
            }
            if let Some(template) = templates.first() {
                rows.prepare_search(model, template.len())?;
            }
            subject.templates += templates.len();
            let detail = format!("{} of {model}", plural(templates.len(), "template"));
            append(rows, log_key, now, Event::Enrol, Some(subject.id), detail)?;
            Ok(Enrolled { subject, new, added: templates.len() })
        })
    }

    /// Everybody, in the order of names, expired or not.
    ///
    /// # Errors
    /// When something was altered or the gallery cannot be read.
    pub fn subjects(&self) -> Result<Vec<Subject>, GalleryError> {
        self.store.read(|rows| self.all_subjects(rows))
    }

    fn all_subjects(&self, rows: &mut dyn Rows) -> Result<Vec<Subject>, GalleryError> {
        let all = rows.subjects(Which::All)?.into_iter();
        all.map(|sealed| subject_key(&self.master, &sealed).map(|_| sealed.subject)).collect()
    }

    /// Somebody by name, where anybody has it.
    ///
    /// # Errors
    /// When the entry was altered or the gallery cannot be read.
    pub fn subject_if_any(&self, name: &SubjectName) -> Result<Option<Subject>, GalleryError> {
        let found = self.store.read(|rows| rows.subjects(Which::Named(name)))?.pop();
        found.map(|sealed| subject_key(&self.master, &sealed).map(|_| sealed.subject)).transpose()
    }

    /// Somebody by name.
    ///
    /// # Errors
    /// [`GalleryError::NoSuchSubject`], with names like it.
    pub fn subject(&self, name: &SubjectName) -> Result<Subject, GalleryError> {
        self.store.read(|rows| Ok(self.sealed_subject(rows, name)?.subject))
    }

    fn sealed_subject(&self, rows: &mut dyn Rows, name: &SubjectName) -> Result<SealedSubject, GalleryError> {
        match rows.subjects(Which::Named(name))?.pop() {
            Some(found) => Ok(found),
            None => Err(self.no_such(rows, name)?),
        }
    }

    fn no_such(&self, rows: &mut dyn Rows, name: &SubjectName) -> Result<GalleryError, GalleryError> {
        let wanted = name.as_str().to_lowercase();
        let likeness = |other: &str| strsim::jaro_winkler(&wanted, &other.to_lowercase());
        let mut near: Vec<(f64, String)> = self
            .all_subjects(rows)?
            .into_iter()
            .map(|subject| (likeness(subject.name.as_str()), subject.name.as_str().to_owned()))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        let nearest = near.into_iter().take(SUGGESTED).map(|(_, name)| name).collect();
        Ok(GalleryError::NoSuchSubject { name: name.as_str().to_owned(), nearest })
    }

    /// The templates of a subject.
    ///
    /// # Errors
    /// When there is no such subject, or something was altered.
    pub fn references(&self, name: &SubjectName) -> Result<Vec<Reference>, GalleryError> {
        self.store.read(|rows| {
            let sealed = self.sealed_subject(rows, name)?;
            let key = subject_key(&self.master, &sealed)?;
            let templates = rows.templates(&sealed.subject.id)?;
            templates.iter().map(|template| opened(&sealed.subject, &key, template)).collect()
        })
    }

    /// Calls `each` for every template of `model` of everybody whose time is not over, subject by subject. It must not use
    /// the gallery.
    ///
    /// # Errors
    /// When something was altered or the gallery cannot be read.
    pub fn each_reference(
        &self,
        model: &str,
        now: i64,
        mut each: impl FnMut(&Subject, &Reference),
    ) -> Result<(), GalleryError> {
        self.store.read(|rows| {
            self.each(rows, model, now, &mut |subject, reference| {
                each(subject, reference);
                Ok(())
            })
        })
    }

    /// As [`Gallery::each_reference`], until the first error.
    pub(crate) fn each(
        &self,
        rows: &mut dyn Rows,
        model: &str,
        now: i64,
        each: &mut dyn FnMut(&Subject, &Reference) -> Result<(), GalleryError>,
    ) -> Result<(), GalleryError> {
        let mut last: Option<([u8; 16], Key)> = None;
        rows.each_template(model, &mut |sealed, template| {
            let subject = &sealed.subject;
            let key = match last.take() {
                Some((id, key)) if id == subject.id => key,
                _ => subject_key(&self.master, sealed)?,
            };
            if !subject.details.expired(now) {
                each(subject, &opened(subject, &key, template)?)?;
            }
            last = Some((subject.id, key));
            Ok(())
        })
    }

    /// Writes a line into the log: `event` is [`Event::Verify`] or [`Event::Identify`]; `detail` must hold nothing biometric
    /// and no name.
    ///
    /// # Errors
    /// When the gallery cannot be written.
    pub fn record(
        &mut self,
        event: Event,
        subject: Option<&Subject>,
        detail: &str,
        now: i64,
    ) -> Result<(), GalleryError> {
        let log_key = &self.log_key;
        let subject = subject.map(|subject| subject.id);
        self.store.write(|rows| append(rows, log_key, now, event, subject, detail.to_owned()))
    }

    /// Destroys a subject's key and rows, and rewrites the gallery without them. The answer is whether that is done; where
    /// another process uses the gallery, the rest goes when it is opened next.
    ///
    /// # Errors
    /// When there is no such subject, or the gallery cannot be written.
    pub fn forget(&mut self, name: &SubjectName, now: i64) -> Result<(Subject, bool), GalleryError> {
        // With a hint at names like it where there is none.
        self.subject(name)?;
        let (master, log_key, salt) = (&self.master, &self.log_key, &self.salt);
        let found = self.store.write(|rows| {
            check_key(rows, salt)?;
            let Some(sealed) = rows.subjects(Which::Named(name))?.pop() else { return Ok(None) };
            // A name that somebody else wrote there must not erase anybody.
            subject_key(master, &sealed)?;
            rows.delete_subject(&sealed.subject.id)?;
            append(rows, log_key, now, Event::Forget, Some(sealed.subject.id), String::new())?;
            Ok(Some(sealed.subject))
        })?;
        let subject = match found {
            Some(subject) => subject,
            // Another process was faster.
            None => {
                return Err(GalleryError::NoSuchSubject { name: name.as_str().to_owned(), nearest: Vec::new() });
            }
        };
        Ok((subject, self.store.erase()))
    }

    /// Forgets everybody whose time is over.
    ///
    /// # Errors
    /// When the gallery cannot be written.
    pub fn purge(&mut self, now: i64) -> Result<(Vec<Subject>, bool), GalleryError> {
        let (master, log_key, salt) = (&self.master, &self.log_key, &self.salt);
        let expired = self.store.write(|rows| {
            check_key(rows, salt)?;
            let mut expired = Vec::new();
            for sealed in rows.subjects(Which::Expired(now))? {
                // A day that somebody else wrote there must not erase anybody.
                subject_key(master, &sealed)?;
                expired.push(sealed.subject);
            }
            for subject in &expired {
                rows.delete_subject(&subject.id)?;
                append(rows, log_key, now, Event::Purge, Some(subject.id), String::new())?;
            }
            Ok(expired)
        })?;
        let erased = expired.is_empty() || self.store.erase();
        Ok((expired, erased))
    }

    /// Gives the gallery another passphrase or key file, and every subject's key a new master key.
    ///
    /// # Errors
    /// When the new key is weak, something was altered, or the gallery cannot be written: then the old key stays.
    pub fn rekey(&mut self, unlock: &Unlock, now: i64) -> Result<bool, GalleryError> {
        unlock.check_strength()?;
        let (fresh, outer) = (Key::random()?, Outer::new(unlock)?);
        let (master, log_key, salt) = (&self.master, &self.log_key, &self.salt);
        self.store.write(|rows| {
            check_key(rows, salt)?;
            append(rows, log_key, now, Event::Rekey, None, String::new())?;
            let header = rows.header()?.ok_or(GalleryError::Rekeyed)?;
            let head = Head::open(log_key, &header.log_head)?;
            rows.put_header(&outer.header(header.created, &fresh, log_key, &head)?)?;
            for sealed in rows.subjects(Which::All)? {
                let key = subject_key(master, &sealed)?;
                put_subject(rows, &fresh, &sealed.subject, &key)?;
            }
            rows.mark_erasing()
        })?;
        (self.master, self.salt) = (fresh, outer.salt);
        Ok(self.store.erase())
    }

    /// The log, oldest first.
    ///
    /// # Errors
    /// [`GalleryError::Altered`] where an entry was changed, added or taken away.
    pub fn log(&self) -> Result<Vec<LogEntry>, GalleryError> {
        let altered = |what: String| GalleryError::Altered { what };
        let (head, lines, subjects) =
            self.store.read(|rows| Ok((Head::read(rows, &self.log_key)?, rows.log()?, self.all_subjects(rows)?)))?;
        let names: HashMap<_, _> = subjects.iter().map(|subject| (subject.id, &subject.name)).collect();
        let mut last = Head::default();
        let mut entries = Vec::new();
        for (mut entry, link) in lines {
            if entry.sequence != last.sequence + 1 || entry.link(&self.log_key, &last.link)[..] != link[..] {
                return Err(altered(format!("the log at entry {}", last.sequence + 1)));
            }
            last = Head { sequence: entry.sequence, link, ..last };
            entry.name = entry.subject.and_then(|id| names.get(&id)).map(ToString::to_string);
            entries.push(entry);
        }
        if (last.sequence, last.link) != (head.sequence, head.link) {
            return Err(altered(format!("the log behind entry {}", last.sequence)));
        }
        Ok(entries)
    }

    /// Keeps the record (any text) of the decision thresholds of a model.
    ///
    /// # Errors
    /// When the gallery cannot be written.
    pub fn set_calibration(&mut self, model: &str, record: &str, now: i64) -> Result<(), GalleryError> {
        let log_key = &self.log_key;
        self.store.write(|rows| {
            rows.put_calibration(model, record)?;
            let all = rows.calibrations()?;
            let head = Head { calibrations: digest(log_key, &all), ..Head::read(rows, log_key)? };
            rows.put_log_head(&head.seal(log_key)?)?;
            append(rows, log_key, now, Event::Calibrate, None, model.to_owned())
        })
    }

    /// The record of a model's thresholds, where there is one.
    ///
    /// # Errors
    /// When one was altered, added or taken away.
    pub fn calibration(&self, model: &str) -> Result<Option<String>, GalleryError> {
        let altered = || GalleryError::Altered { what: "the decision thresholds".to_owned() };
        let (head, all) = self.store.read(|rows| Ok((Head::read(rows, &self.log_key)?, rows.calibrations()?)))?;
        if head.calibrations != digest(&self.log_key, &all) {
            return Err(altered());
        }
        Ok(all.into_iter().find(|(of, _)| of == model).map(|(_, record)| record))
    }

    /// What the gallery holds.
    ///
    /// # Errors
    /// When the gallery cannot be read.
    pub fn stats(&self, now: i64) -> Result<Stats, GalleryError> {
        self.store.read(|rows| {
            let (subjects, models) = (self.all_subjects(rows)?, rows.models()?);
            Ok(Stats {
                expired: subjects.iter().filter(|subject| subject.details.expired(now)).count(),
                subjects: subjects.len(),
                templates: models.iter().map(|(_, count)| count).sum(),
                models,
                log_entries: rows.log_entries()?,
                created: rows.header()?.map_or(0, |header| header.created),
                bytes: rows.bytes()?,
            })
        })
    }
}

/// Refuses to seal anything with keys that the gallery has no more.
pub(crate) fn check_key(rows: &mut dyn Rows, salt: &[u8]) -> Result<(), GalleryError> {
    match rows.header()? {
        Some(header) if header.salt == salt => Ok(()),
        _ => Err(GalleryError::Rekeyed),
    }
}

pub(crate) fn random_id() -> Result<[u8; 16], GalleryError> {
    let mut id = [0; 16];
    random(&mut id)?;
    Ok(id)
}

fn new_subject(name: SubjectName, now: i64) -> Result<Subject, GalleryError> {
    Ok(Subject { id: random_id()?, name, details: Details::default(), enrolled: now, templates: 0 })
}
