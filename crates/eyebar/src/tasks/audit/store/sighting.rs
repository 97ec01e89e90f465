//! What was seen of a photograph, as a row of a table.

use std::sync::Arc;

use super::super::look::View;

/// What was seen of a photograph as it is shown in one way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sighting {
    /// Of the photograph's bytes.
    pub(crate) sha256: String,
    /// Whom it shows.
    pub(crate) subject: String,
    /// The file.
    pub(crate) photograph: String,
    /// What is shown of it.
    pub(crate) mask: String,
    /// Hash of the photograph that it was compared with to see what makes them alike.
    pub(crate) reference: Option<String>,
    /// What was seen, or why nothing was: then there is one sighting, without a mask.
    pub(crate) view: Result<Arc<View>, String>,
}
