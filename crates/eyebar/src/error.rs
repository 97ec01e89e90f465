//! One error type for everything a user may ask for, with the exit code it stands for.

use std::path::{Path, PathBuf};

use eyebar_audit::AuditError;
use eyebar_explain::ExplainError;
use eyebar_face::FaceError;
use eyebar_gallery::GalleryError;
use eyebar_imaging::ImageError;
use eyebar_network::NetworkError;

/// Why a task could not be done. The text says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model file, named.
    #[error("model {model}: {source}")]
    Model {
        /// Name or file of the model.
        model: String,
        /// What is wrong.
        source: Box<NetworkError>,
    },
    /// The network could not be built or run.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// An explanation could not be made.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// A picture or array could not be read or written.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A face could not be found, embedded or masked.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// There is no face in a photograph that needs one.
    #[error("{}: no face found; hint: use a photograph with a face of at least 20 pixels", path.display())]
    NoFace {
        /// The photograph.
        path: PathBuf,
    },
    /// An array holds what no network can be fed.
    #[error("{}: {reason}", path.display())]
    Array {
        /// The `.npy` file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        reason: String,
    },
    /// A dataset does not allow the measurement.
    #[error("{}: {source}", path.display())]
    Dataset {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: AuditError,
    },
    /// A result cannot be written as JSON.
    #[error("{what} cannot be written as JSON: {source}; hint: report this as a bug, with the command that you ran")]
    Serialise {
        /// What was to be written.
        what: &'static str,
        /// What is in the way.
        source: serde_json::Error,
    },
    /// The gallery could not do what was asked.
    #[error(transparent)]
    Gallery(#[from] GalleryError),
    /// The request makes sense, and is refused for what was found.
    #[error("{0}")]
    Refused(String),
    /// The request makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A folder or file could not be written.
    #[error("cannot write {}: {source}; hint: check that the folder exists and that you may write to it", path.display())]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}; hint: check the name and that you may read it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// Exit code of the command: 1 failed, 2 wrong usage, 3 no face found.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::Gallery(GalleryError::Name { .. } | GalleryError::WeakKey { .. } | GalleryError::Address { .. })
            | Self::Face(FaceError::UnknownMask { .. } | FaceError::Option { .. } | FaceError::NoFixedPlace { .. })
            | Self::Image(ImageError::InvalidInput(_))
            | Self::Explain(
                ExplainError::ClassOutOfRange { .. }
                | ExplainError::ChannelOutOfRange { .. }
                | ExplainError::Layer { .. }
                | ExplainError::Independent { .. }
                | ExplainError::Parameter(_)
                | ExplainError::Network(NetworkError::NoSuchLayer { .. }),
            )
            | Self::Network(NetworkError::NoSuchLayer { .. }) => 2,
            Self::Model { source, .. } if matches!(**source, NetworkError::NoSuchLayer { .. }) => 2,
            Self::NoFace { .. } | Self::Face(FaceError::NoFace) => 3,
            _ => 1,
        }
    }

    /// For `map_err`: `what` cannot be written as JSON.
    pub fn serialise(what: &'static str) -> impl Fn(serde_json::Error) -> Self {
        move |source| Self::Serialise { what, source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Write { path, source }
    }
}
