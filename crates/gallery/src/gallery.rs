//! Enrol, find, forget.

use std::path::Path;

use rusqlite::Connection;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::GalleryError;
use crate::key::{KEY_BYTES, Key, Unlock, mac, random};
use crate::log::{Event, LogEntry};
use crate::seal::{Context, open, seal};
use crate::store::{self, Failure, Header, SealedTemplate, Store};
use crate::subject::{Details, Subject, SubjectName};

/// Most values of a template.
const LONGEST_TEMPLATE: usize = 1 << 16;

/// Names that are suggested for one that is not there, and how alike they must be.
const SUGGESTED: usize = 3;
const ALIKE: f64 = 0.7;

/// An open gallery.
pub struct Gallery {
    store: Store,
    /// Of the header that the keys were read from: another says that the gallery was given a new key.
    salt: Vec<u8>,
    master: Key,
    log_key: Key,
}

impl std::fmt::Debug for Gallery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gallery").field("path", &self.store.path()).finish_non_exhaustive()
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

/// A template in the clear.
pub struct Reference {
    /// Its number in the file.
    pub id: i64,
    /// Network that made it.
    pub model: String,
    /// When it was added; seconds since 1970.
    pub enrolled: i64,
    /// The values, of length 1.
    pub values: Zeroizing<Vec<f32>>,
}

impl std::fmt::Debug for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reference").field("id", &self.id).field("model", &self.model).finish_non_exhaustive()
    }
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
    /// Size of the file.
    pub bytes: u64,
}

impl Gallery {
    /// Opens the gallery at `path`.
    ///
    /// # Errors
    /// When there is none, it is something else, or the key is another.
    pub fn open(path: &Path, unlock: &Unlock) -> Result<Self, GalleryError> {
        let store = Store::open(path, false)?;
        let header = store
            .header()?
            .ok_or_else(|| GalleryError::Foreign { path: path.to_path_buf(), reason: "it is empty".to_owned() })?;
        Self::unlocked(store, &header, unlock)
    }

    /// Opens the gallery at `path`, or makes one.
    ///
    /// # Errors
    /// As [`Gallery::open`]; when the key is weak, or the file cannot be made.
    pub fn open_or_create(path: &Path, unlock: &Unlock, now: i64) -> Result<(Self, Created), GalleryError> {
        unlock.check_strength()?;
        let mut store = Store::open(path, true)?;
        if let Some(header) = store.header()? {
            return Ok((Self::unlocked(store, &header, unlock)?, Created::Existing));
        }
        let (master, log_key) = (Key::random()?, Key::random()?);
        let outer = Outer::new(unlock)?;
        let sealed = outer.header(now, &master, &log_key, &Head::default())?;
        let made = store.write(|transaction| {
            // Another process may have been faster.
            if store::header(transaction)?.is_some() {
                return Ok(false);
            }
            store::put_header(transaction, &sealed)?;
            append(transaction, &log_key, now, Event::Create, None, String::new())?;
            Ok(true)
        })?;
        if made {
            return Ok((Self { store, salt: sealed.salt, master, log_key }, Created::New));
        }
        drop(store);
        Ok((Self::open(path, unlock)?, Created::Existing))
    }

    /// Whether there is a gallery at `path`; a file that was begun and never finished is none.
    ///
    /// # Errors
    /// When the file is something else.
    pub fn exists(path: &Path) -> Result<bool, GalleryError> {
        let is_empty = std::fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() == 0);
        if !path.exists() || is_empty {
            return Ok(false);
        }
        Ok(Store::open(path, true)?.header()?.is_some())
    }

    fn unlocked(store: Store, header: &Header, unlock: &Unlock) -> Result<Self, GalleryError> {
        let outer = unlock.derive(&header.salt)?;
        let key =
            |key: &Key, context: &Context, sealed: &[u8]| open(key, context, sealed).and_then(|b| Key::from_bytes(&b));
        let master = key(&outer, &master_context(&header.salt), &header.master).ok_or(GalleryError::WrongKey)?;
        let log_key = key(&master, &log_key_context(), &header.log_key)
            .ok_or_else(|| GalleryError::Altered { what: "the key of the log".to_owned() })?;
        let mut gallery = Self { store, salt: header.salt.clone(), master, log_key };
        if gallery.store.is_erasing()? {
            // A process ended, or another had the file open, before the rest of somebody forgotten was wiped.
            gallery.store.erase();
        }
        Ok(gallery)
    }

    /// Adds templates of one network to a subject, who is made where there is none of that name. `details` replace those
    /// that were stated before where they say something.
    ///
    /// # Errors
    /// When a template is none, or the file cannot be written: then nothing is added.
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
        self.store.write(|transaction| {
            check_key(transaction, salt)?;
            let found = store::subject_named(transaction, name)?;
            let new = found.is_none();
            let (mut subject, key) = match found {
                Some((subject, sealed)) => {
                    let key = subject_key(master, &subject, &sealed)?;
                    (subject, key)
                }
                None => (new_subject(name.clone(), now)?, Key::random()?),
            };
            subject.details = details.or(subject.details);
            store::put_subject(transaction, &subject, &seal(master, &subject.context(), key.bytes())?)?;
            for template in templates {
                put_template(transaction, &subject, &key, model, now, template)?;
            }
            subject.templates += templates.len();
            let detail = format!("{} of {model}", plural(templates.len(), "template"));
            append(transaction, log_key, now, Event::Enrol, Some(subject.id), detail)?;
            Ok(Enrolled { subject, new, added: templates.len() })
        })
    }

    /// Everybody, in the order of names, expired or not.
    ///
    /// # Errors
    /// When something was altered or the file cannot be read.
    pub fn subjects(&self) -> Result<Vec<Subject>, GalleryError> {
        let all = self.store.subjects()?.into_iter();
        all.map(|(subject, sealed)| subject_key(&self.master, &subject, &sealed).map(|_| subject)).collect()
    }

    /// Somebody by name.
    ///
    /// # Errors
    /// [`GalleryError::NoSuchSubject`], with names like it.
    pub fn subject(&self, name: &SubjectName) -> Result<Subject, GalleryError> {
        Ok(self.sealed_subject(name)?.0)
    }

    fn sealed_subject(&self, name: &SubjectName) -> Result<(Subject, Vec<u8>), GalleryError> {
        match self.store.subject(name)? {
            Some(found) => Ok(found),
            None => Err(self.no_such(name)?),
        }
    }

    fn no_such(&self, name: &SubjectName) -> Result<GalleryError, GalleryError> {
        let wanted = name.as_str().to_lowercase();
        let likeness = |other: &str| strsim::jaro_winkler(&wanted, &other.to_lowercase());
        let mut near: Vec<(f64, String)> = self
            .subjects()?
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
        self.store.snapshot(|| {
            let (subject, sealed) = self.sealed_subject(name)?;
            let key = subject_key(&self.master, &subject, &sealed)?;
            self.store.templates(&subject.id)?.iter().map(|template| opened(&subject, &key, template)).collect()
        })
    }

    /// Calls `each` for every template of `model` of everybody whose time is not over, subject by subject.
    ///
    /// # Errors
    /// When something was altered or the file cannot be read.
    pub fn each_reference(
        &self,
        model: &str,
        now: i64,
        mut each: impl FnMut(&Subject, &Reference),
    ) -> Result<(), GalleryError> {
        self.store.snapshot(|| {
            let mut last: Option<(Subject, Key)> = None;
            self.store.each_template(model, |template, id| {
                if last.as_ref().is_none_or(|(subject, _)| subject.id != id) {
                    let nobody = || GalleryError::Altered { what: "the list of subjects".to_owned() };
                    let (subject, sealed) = self.store.subject_of(&id)?.ok_or_else(nobody)?;
                    let key = subject_key(&self.master, &subject, &sealed)?;
                    last = Some((subject, key));
                }
                if let Some((subject, key)) = last.as_ref().filter(|(subject, _)| !subject.details.expired(now)) {
                    each(subject, &opened(subject, key, &template)?);
                }
                Ok(())
            })
        })
    }

    /// Writes a line into the log: `event` is [`Event::Verify`] or [`Event::Identify`]; `detail` must hold nothing biometric
    /// and no name.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(
        &mut self,
        event: Event,
        subject: Option<&Subject>,
        detail: &str,
        now: i64,
    ) -> Result<(), GalleryError> {
        let log_key = &self.log_key;
        let subject = subject.map(|subject| subject.id);
        self.store.write(|transaction| append(transaction, log_key, now, event, subject, detail.to_owned()))
    }

    /// Destroys a subject's key and rows, and rewrites the file without them. The answer is whether that is done; where
    /// another process has the file open, the rest goes when the gallery is opened next.
    ///
    /// # Errors
    /// When there is no such subject, or the file cannot be written.
    pub fn forget(&mut self, name: &SubjectName, now: i64) -> Result<(Subject, bool), GalleryError> {
        let (subject, _) = self.sealed_subject(name)?;
        let log_key = &self.log_key;
        let id = subject.id;
        self.store.write(|transaction| {
            store::delete_subject(transaction, &id)?;
            append(transaction, log_key, now, Event::Forget, Some(id), String::new())?;
            Ok(())
        })?;
        Ok((subject, self.store.erase()))
    }

    /// Forgets everybody whose time is over.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn purge(&mut self, now: i64) -> Result<(Vec<Subject>, bool), GalleryError> {
        let (master, log_key, salt) = (&self.master, &self.log_key, &self.salt);
        let expired = self.store.write(|transaction| {
            check_key(transaction, salt)?;
            let mut expired = Vec::new();
            for (subject, sealed) in store::subjects(transaction, "WHERE keep_until <= ?1 ORDER BY name", [now])? {
                // A day that somebody else wrote there must not erase anybody.
                subject_key(master, &subject, &sealed)?;
                expired.push(subject);
            }
            for subject in &expired {
                store::delete_subject(transaction, &subject.id)?;
                append(transaction, log_key, now, Event::Purge, Some(subject.id), String::new())?;
            }
            Ok(expired)
        })?;
        let erased = expired.is_empty() || self.store.erase();
        Ok((expired, erased))
    }

    /// Gives the gallery another passphrase or key file, and every subject's key a new master key.
    ///
    /// # Errors
    /// When the new key is weak, something was altered, or the file cannot be written: then the old key stays.
    pub fn rekey(&mut self, unlock: &Unlock, now: i64) -> Result<bool, GalleryError> {
        unlock.check_strength()?;
        let (fresh, outer) = (Key::random()?, Outer::new(unlock)?);
        let (master, log_key, salt) = (&self.master, &self.log_key, &self.salt);
        self.store.write(|transaction| {
            check_key(transaction, salt)?;
            append(transaction, log_key, now, Event::Rekey, None, String::new())?;
            let header = store::header(transaction)?.ok_or(Failure::Store(rusqlite::Error::QueryReturnedNoRows))?;
            let head = Head::open(log_key, &header.log_head)?;
            store::put_header(transaction, &outer.header(header.created, &fresh, log_key, &head)?)?;
            for (subject, sealed) in store::subjects(transaction, "", [])? {
                let key = subject_key(master, &subject, &sealed)?;
                store::put_subject(transaction, &subject, &seal(&fresh, &subject.context(), key.bytes())?)?;
            }
            Ok(store::mark_erasing(transaction)?)
        })?;
        (self.master, self.salt) = (fresh, outer.salt);
        Ok(self.store.erase())
    }

    /// Copies everybody of this gallery whose name `to` does not have into it, with keys of their own. The names that it has
    /// already are left as they are, and returned.
    ///
    /// # Errors
    /// When something was altered, or `to` cannot be written: then it stays as it was.
    pub fn copy_into(&mut self, to: &mut Self, now: i64) -> Result<(usize, Vec<SubjectName>), GalleryError> {
        let (master, log_key, salt) = (&to.master, &to.log_key, &to.salt);
        let (mut copied, mut known) = (0, Vec::new());
        let (store, source_master, store_of_target) = (&self.store, &self.master, &mut to.store);
        let from: Vec<(Subject, Vec<u8>)> = store.subjects()?;
        store_of_target.write(|transaction| {
            check_key(transaction, salt)?;
            for (subject, sealed) in &from {
                // The other file is somebody else's.
                if SubjectName::new(subject.name.as_str())? != subject.name {
                    let reason = "it is not in composed form";
                    return Err(GalleryError::Name { name: subject.name.to_string(), reason }.into());
                }
                if store::subject_named(transaction, &subject.name)?.is_some() {
                    known.push(subject.name.clone());
                    continue;
                }
                let old_key = subject_key(source_master, subject, sealed)?;
                let (copy, key) = (Subject { id: random_id()?, ..subject.clone() }, Key::random()?);
                store::put_subject(transaction, &copy, &seal(master, &copy.context(), key.bytes())?)?;
                for template in store.templates(&subject.id)? {
                    let reference = opened(subject, &old_key, &template)?;
                    check_template(&reference.values)?;
                    put_template(transaction, &copy, &key, &reference.model, reference.enrolled, &reference.values)?;
                }
                append(transaction, log_key, now, Event::Import, Some(copy.id), plural(copy.templates, "template"))?;
                copied += 1;
            }
            Ok(())
        })?;
        let log_key = &self.log_key;
        self.store
            .write(|transaction| append(transaction, log_key, now, Event::Export, None, plural(copied, "subject")))?;
        Ok((copied, known))
    }

    /// The log, oldest first.
    ///
    /// # Errors
    /// [`GalleryError::Altered`] where an entry was changed, added or taken away.
    pub fn log(&self) -> Result<Vec<LogEntry>, GalleryError> {
        let altered = |what: String| GalleryError::Altered { what };
        let (head, lines, subjects) = self.store.snapshot(|| {
            let header = self.store.header()?.ok_or_else(|| altered("the gallery's header".to_owned()))?;
            Ok((Head::open(&self.log_key, &header.log_head)?, self.store.log()?, self.subjects()?))
        })?;
        let mut last = Head::default();
        let mut entries = Vec::new();
        for (mut entry, link) in lines {
            if entry.sequence != last.sequence + 1 || entry.link(&self.log_key, &last.link)[..] != link[..] {
                return Err(altered(format!("the log at entry {}", last.sequence + 1)));
            }
            last = Head { sequence: entry.sequence, link, ..last };
            let known = subjects.iter().find(|subject| Some(subject.id) == entry.subject);
            entry.name = known.map(|subject| subject.name.to_string());
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
    /// When the file cannot be written.
    pub fn set_calibration(&mut self, model: &str, record: &str, now: i64) -> Result<(), GalleryError> {
        let log_key = &self.log_key;
        self.store.write(|transaction| {
            store::put_calibration(transaction, model, record)?;
            let all = store::calibrations(transaction)?;
            let header = store::header(transaction)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            let head = Head { calibrations: digest(log_key, &all), ..Head::open(log_key, &header.log_head)? };
            store::put_log_head(transaction, &head.seal(log_key)?)?;
            append(transaction, log_key, now, Event::Calibrate, None, model.to_owned())
        })
    }

    /// The record of a model's thresholds, where there is one.
    ///
    /// # Errors
    /// When one was altered, added or taken away.
    pub fn calibration(&self, model: &str) -> Result<Option<String>, GalleryError> {
        let altered = || GalleryError::Altered { what: "the decision thresholds".to_owned() };
        let (head, all) = self.store.snapshot(|| {
            let header = self.store.header()?.ok_or_else(altered)?;
            Ok((Head::open(&self.log_key, &header.log_head)?, self.store.calibrations()?))
        })?;
        if head.calibrations != digest(&self.log_key, &all) {
            return Err(altered());
        }
        Ok(all.into_iter().find(|(of, _)| of == model).map(|(_, record)| record))
    }

    /// What the gallery holds.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stats(&self, now: i64) -> Result<Stats, GalleryError> {
        let subjects = self.subjects()?;
        let (models, log_entries) = self.store.run(|connection| {
            let mut statement =
                connection.prepare("SELECT model, count(*) FROM template GROUP BY model ORDER BY model")?;
            let count =
                |row: &rusqlite::Row<'_>, index| row.get::<_, i64>(index).map(|count| count.unsigned_abs() as usize);
            let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, count(row, 1)?)))?;
            let models = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok((models, connection.query_row("SELECT count(*) FROM log", [], |row| count(row, 0))?))
        })?;
        Ok(Stats {
            expired: subjects.iter().filter(|subject| subject.details.expired(now)).count(),
            subjects: subjects.len(),
            templates: models.iter().map(|(_, count)| count).sum(),
            models,
            log_entries,
            created: self.store.header()?.map_or(0, |header| header.created),
            bytes: std::fs::metadata(self.store.path()).map_or(0, |about| about.len()),
        })
    }
}

/// What the whole file must agree with: the end of the log, and the decision thresholds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Head {
    sequence: i64,
    link: Vec<u8>,
    /// Empty where there are none.
    calibrations: Vec<u8>,
}

impl Head {
    fn seal(&self, log_key: &Key) -> Result<Vec<u8>, GalleryError> {
        let parts = [&self.sequence.to_le_bytes()[..], &[self.link.len() as u8], &self.link, &self.calibrations];
        seal(log_key, &Context::new("eyebar head 1"), &parts.concat())
    }

    fn open(log_key: &Key, sealed: &[u8]) -> Result<Self, GalleryError> {
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
}

/// Of the thresholds of all models.
fn digest(log_key: &Key, calibrations: &[(String, String)]) -> Vec<u8> {
    if calibrations.is_empty() {
        return Vec::new();
    }
    let parts = calibrations.iter().flat_map(|(model, record)| [model.as_bytes(), record.as_bytes()]);
    let parts: Vec<&[u8]> = std::iter::once(&b"eyebar calibrations 1"[..]).chain(parts).collect();
    mac(log_key.bytes(), &parts).to_vec()
}

/// Refuses to seal anything with keys that the file has no more.
fn check_key(connection: &Connection, salt: &[u8]) -> Result<(), Failure> {
    match store::header(connection)? {
        Some(header) if header.salt == salt => Ok(()),
        _ => Err(GalleryError::Rekeyed.into()),
    }
}

/// Refuses what cannot be compared: similarities are cosines of vectors of length 1.
fn check_template(values: &[f32]) -> Result<(), GalleryError> {
    const ROUNDING: f64 = 1e-3;
    let length = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    match values.len() <= LONGEST_TEMPLATE && (length - 1.0).abs() <= ROUNDING {
        true => Ok(()),
        false => Err(GalleryError::Template { len: values.len() }),
    }
}

fn append(
    connection: &Connection,
    log_key: &Key,
    at: i64,
    event: Event,
    subject: Option<[u8; 16]>,
    detail: String,
) -> Result<(), Failure> {
    let header = store::header(connection)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let head = Head::open(log_key, &header.log_head)?;
    let entry = LogEntry { sequence: head.sequence + 1, at, event, subject, name: None, detail };
    let link = entry.link(log_key, &head.link);
    store::put_log(connection, &entry, &link)?;
    let head = Head { sequence: entry.sequence, link: link.to_vec(), ..head };
    Ok(store::put_log_head(connection, &head.seal(log_key)?)?)
}

/// The key that a passphrase or key file gives, and its salt. Deriving it takes a while, in which no other process should
/// wait.
struct Outer {
    key: Key,
    salt: Vec<u8>,
}

impl Outer {
    fn new(unlock: &Unlock) -> Result<Self, GalleryError> {
        let mut salt = vec![0; 16];
        random(&mut salt)?;
        Ok(Self { key: unlock.derive(&salt)?, salt })
    }

    fn header(&self, created: i64, master: &Key, log_key: &Key, head: &Head) -> Result<Header, GalleryError> {
        Ok(Header {
            created,
            salt: self.salt.clone(),
            master: seal(&self.key, &master_context(&self.salt), master.bytes())?,
            log_key: seal(master, &log_key_context(), log_key.bytes())?,
            log_head: head.seal(log_key)?,
        })
    }
}

fn master_context(salt: &[u8]) -> Context {
    Context::new("eyebar master key 1").with(salt)
}

fn log_key_context() -> Context {
    Context::new("eyebar log key 1")
}

fn template_context(subject: &Subject, model: &str, enrolled: i64) -> Context {
    Context::new("eyebar template 1").with(&subject.id).with(model.as_bytes()).with(&enrolled.to_le_bytes())
}

fn random_id() -> Result<[u8; 16], GalleryError> {
    let mut id = [0; 16];
    random(&mut id)?;
    Ok(id)
}

fn new_subject(name: SubjectName, now: i64) -> Result<Subject, GalleryError> {
    Ok(Subject { id: random_id()?, name, details: Details::default(), enrolled: now, templates: 0 })
}

fn subject_key(master: &Key, subject: &Subject, sealed: &[u8]) -> Result<Key, GalleryError> {
    let plain = open(master, &subject.context(), sealed).filter(|plain| plain.len() == KEY_BYTES);
    let key = plain.and_then(|plain| Key::from_bytes(&plain));
    key.ok_or_else(|| GalleryError::Altered { what: format!("the entry of {:?}", subject.name.as_str()) })
}

fn put_template(
    connection: &Connection,
    subject: &Subject,
    key: &Key,
    model: &str,
    enrolled: i64,
    values: &[f32],
) -> Result<(), Failure> {
    let plain: Zeroizing<Vec<u8>> = Zeroizing::new(values.iter().flat_map(|value| value.to_le_bytes()).collect());
    let sealed = seal(key, &template_context(subject, model, enrolled), &plain)?;
    Ok(store::put_template(connection, &subject.id, model, enrolled, &sealed)?)
}

fn opened(subject: &Subject, key: &Key, template: &SealedTemplate) -> Result<Reference, GalleryError> {
    let plain = open(key, &template_context(subject, &template.model, template.enrolled), &template.sealed);
    let altered = || GalleryError::Altered { what: format!("a template of {:?}", subject.name.as_str()) };
    let plain = plain.ok_or_else(altered)?;
    let values = plain.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let (model, enrolled) = (template.model.clone(), template.enrolled);
    Ok(Reference { id: template.id, model, enrolled, values: Zeroizing::new(values) })
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
