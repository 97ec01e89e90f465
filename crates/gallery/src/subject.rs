//! Who is enrolled, and what for.

use std::fmt;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

use crate::error::GalleryError;
use crate::seal::Context;

/// Most characters of a name.
const LONGEST: usize = 200;

/// The name that somebody is enrolled under: any Unicode, in composed form (NFC), so that the same letters are the same
/// name however they were typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SubjectName(String);

impl SubjectName {
    /// Takes a name as it was typed; blanks around it do not count.
    ///
    /// # Errors
    /// When it is empty, too long or has control characters.
    pub fn new(name: &str) -> Result<Self, GalleryError> {
        let refuse = |reason| Err(GalleryError::Name { name: name.to_owned(), reason });
        let composed: String = name.trim().nfc().collect();
        if composed.is_empty() {
            return refuse("it is empty");
        }
        if composed.chars().count() > LONGEST {
            return refuse("it is too long");
        }
        if composed.chars().any(char::is_control) {
            return refuse("it has control characters");
        }
        Ok(Self(composed))
    }

    /// As it was checked when it was written.
    pub(crate) fn stored(name: String) -> Self {
        Self(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the law asks to be known of somebody's data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Details {
    /// What the templates are kept for.
    pub purpose: Option<String>,
    /// How the person agreed.
    pub consent: Option<String>,
    /// From when on the person must not be matched any more; seconds since 1970.
    pub keep_until: Option<i64>,
}

impl Details {
    /// Whether the time is over.
    pub fn expired(&self, now: i64) -> bool {
        self.keep_until.is_some_and(|until| until <= now)
    }

    /// These where they say something, `other` elsewhere.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            purpose: self.purpose.or(other.purpose),
            consent: self.consent.or(other.consent),
            keep_until: self.keep_until.or(other.keep_until),
        }
    }
}

/// Somebody who is enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// Number that stands for the person in the log: random, and of no meaning once the person is forgotten.
    #[serde(serialize_with = "hexadecimal")]
    pub id: [u8; 16],
    /// The name.
    pub name: SubjectName,
    /// What the data is for, and how long.
    #[serde(flatten)]
    pub details: Details,
    /// First enrolment; seconds since 1970.
    pub enrolled: i64,
    /// Number of templates.
    pub templates: usize,
}

impl Subject {
    /// What the subject's key is bound to: whoever changes any of it makes the key unreadable.
    pub(crate) fn context(&self) -> Context {
        let optional = |text: &Option<String>| match text {
            Some(text) => [b"+", text.as_bytes()].concat(),
            None => Vec::new(),
        };
        Context::new("eyebar subject key 1")
            .with(&self.id)
            .with(self.name.as_str().as_bytes())
            .with(&optional(&self.details.purpose))
            .with(&optional(&self.details.consent))
            .with(&self.details.keep_until.map(i64::to_le_bytes).map_or(Vec::new(), |bytes| bytes.to_vec()))
            .with(&self.enrolled.to_le_bytes())
    }
}

pub(crate) fn hexadecimal<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::SubjectName;

    #[test]
    fn names_are_compared_as_they_are_read() {
        let name = |text: &str| SubjectName::new(text).unwrap();
        assert_eq!(name("Zoe\u{308}"), name(" Zoë "));
        assert_ne!(name("Zoë"), name("Zoe"));
        for odd in ["O'Brien; DROP TABLE subject", "../../etc/passwd", "“x” \\ /", "李小龍", "👩‍👩‍👧", "%_*?"]
        {
            assert_eq!(name(odd).as_str(), odd);
        }
        for bad in ["", "   ", "a\nb", "a\0b", "\u{1b}[2J", &"x".repeat(201)] {
            assert!(SubjectName::new(bad).is_err(), "{bad:?}");
        }
    }
}
