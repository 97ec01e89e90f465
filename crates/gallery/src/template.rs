//! Subjects' keys and templates, sealed and in the clear.

use zeroize::Zeroizing;

use crate::error::GalleryError;
use crate::key::{KEY_BYTES, Key};
use crate::seal::{Context, open, seal};
use crate::store::{Rows, SealedSubject, SealedTemplate};
use crate::subject::Subject;

/// Most values of a template.
const LONGEST: usize = 1 << 16;

/// A template in the clear.
pub struct Reference {
    /// Network that made it.
    pub model: String,
    /// When it was added; seconds since 1970.
    pub enrolled: i64,
    /// The values, of length 1.
    pub values: Zeroizing<Vec<f32>>,
}

impl std::fmt::Debug for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reference").field("model", &self.model).finish_non_exhaustive()
    }
}

/// Refuses what cannot be compared: similarities are cosines of vectors of length 1.
pub(crate) fn check_template(values: &[f32]) -> Result<(), GalleryError> {
    const ROUNDING: f64 = 1e-3;
    let length = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    match values.len() <= LONGEST && (length - 1.0).abs() <= ROUNDING {
        true => Ok(()),
        false => Err(GalleryError::Template { len: values.len() }),
    }
}

/// The key of a subject, which opens only if nothing of the subject was changed.
pub(crate) fn subject_key(master: &Key, sealed: &SealedSubject) -> Result<Key, GalleryError> {
    let plain = open(master, &sealed.subject.context(), &sealed.key).filter(|plain| plain.len() == KEY_BYTES);
    let key = plain.and_then(|plain| Key::from_bytes(&plain));
    key.ok_or_else(|| GalleryError::Altered { what: format!("the entry of {:?}", sealed.subject.name.as_str()) })
}

/// Writes a subject, and its key sealed with `master`.
pub(crate) fn put_subject(rows: &mut dyn Rows, master: &Key, subject: &Subject, key: &Key) -> Result<(), GalleryError> {
    rows.put_subject(subject, &seal(master, &subject.context(), key.bytes())?)
}

/// Writes a template, sealed with its subject's key.
pub(crate) fn put_template(
    rows: &mut dyn Rows,
    subject: &Subject,
    key: &Key,
    model: &str,
    enrolled: i64,
    values: &[f32],
) -> Result<(), GalleryError> {
    let plain: Zeroizing<Vec<u8>> = Zeroizing::new(values.iter().flat_map(|value| value.to_le_bytes()).collect());
    let sealed = seal(key, &context(subject, model, enrolled), &plain)?;
    rows.put_template(&subject.id, &SealedTemplate { model: model.to_owned(), enrolled, sealed }, values)
}

pub(crate) fn opened(subject: &Subject, key: &Key, template: &SealedTemplate) -> Result<Reference, GalleryError> {
    let plain = open(key, &context(subject, &template.model, template.enrolled), &template.sealed);
    let altered = || GalleryError::Altered { what: format!("a template of {:?}", subject.name.as_str()) };
    let plain = plain.ok_or_else(altered)?;
    let values = plain.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    Ok(Reference { model: template.model.clone(), enrolled: template.enrolled, values: Zeroizing::new(values) })
}

fn context(subject: &Subject, model: &str, enrolled: i64) -> Context {
    Context::new("eyebar template 1").with(&subject.id).with(model.as_bytes()).with(&enrolled.to_le_bytes())
}
