//! Copying people from one gallery into another.

use crate::error::GalleryError;
use crate::gallery::{Gallery, check_key, random_id};
use crate::head::append;
use crate::key::Key;
use crate::log::Event;
use crate::store::Which;
use crate::subject::{Subject, SubjectName, plural};
use crate::template::{check_template, opened, put_subject, put_template, subject_key};

impl Gallery {
    /// Copies everybody of this gallery whose name `to` does not have into it, with keys of their own. The names that it has
    /// already are left as they are, and returned.
    ///
    /// # Errors
    /// When something was altered, or `to` cannot be written: then it stays as it was. When the log of this gallery cannot be
    /// written, the copy is made all the same.
    pub fn copy_into(&mut self, to: &mut Self, now: i64) -> Result<(usize, Vec<SubjectName>), GalleryError> {
        let (master, log_key, salt) = (&to.master, &to.log_key, &to.salt);
        let (source_master, target) = (&self.master, &mut to.store);
        let (copied, known) = self.store.read(|from| {
            target.write(|into| {
                check_key(into, salt)?;
                let (mut copied, mut known) = (0, Vec::new());
                let mut models: Vec<(String, usize)> = Vec::new();
                for sealed in from.subjects(Which::All)? {
                    let subject = &sealed.subject;
                    // The other gallery is somebody else's.
                    if SubjectName::new(subject.name.as_str())? != subject.name {
                        let reason = "it is not in composed form";
                        return Err(GalleryError::Name { name: subject.name.to_string(), reason });
                    }
                    if !into.subjects(Which::Named(&subject.name))?.is_empty() {
                        known.push(subject.name.clone());
                        continue;
                    }
                    let old_key = subject_key(source_master, &sealed)?;
                    let (new, key) = (Subject { id: random_id()?, ..subject.clone() }, Key::random()?);
                    put_subject(into, master, &new, &key)?;
                    for template in from.templates(&subject.id)? {
                        let reference = opened(subject, &old_key, &template)?;
                        check_template(&reference.values)?;
                        put_template(into, &new, &key, &reference.model, reference.enrolled, &reference.values)?;
                        let model = (reference.model, reference.values.len());
                        if !models.contains(&model) {
                            models.push(model);
                        }
                    }
                    let detail = plural(new.templates, "template");
                    append(into, log_key, now, Event::Import, Some(new.id), detail)?;
                    copied += 1;
                }
                // Afterwards, as an index is made faster than it grows.
                for (model, dimension) in models {
                    into.prepare_search(&model, dimension)?;
                }
                Ok((copied, known))
            })
        })?;
        self.record(Event::Export, None, &plural(copied, "subject"), now)?;
        Ok((copied, known))
    }
}
