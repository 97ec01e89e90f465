//! Errors: what was wrong, and what to do.

use eyebar_network::NetworkError;

/// Why a face could not be found, aligned, embedded or masked.
#[derive(Debug, thiserror::Error)]
pub enum FaceError {
    /// The network could not be built or run.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The network is not of the kind that is needed.
    #[error("the {role} model does not fit: {reason}")]
    Model {
        /// What the model was to be used for.
        role: &'static str,
        /// What does not fit, and what would.
        reason: String,
    },
    /// An option is out of range.
    #[error("{name} is {value}; hint: {remedy}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        remedy: &'static str,
    },
    /// The photograph has no pixels.
    #[error("the picture has no pixels; hint: give a photograph of at least one pixel")]
    EmptyImage,
    /// There is no face to work on.
    #[error("no face to place the mask by; hint: give a photograph with a face, or place the mask with --place fixed")]
    NoFace,
    /// The landmarks do not determine a face.
    #[error("the landmarks do not form a face ({reason}); hint: detect the face again, or leave it out")]
    Landmarks {
        /// What is wrong with them.
        reason: String,
    },
    /// The network's output is no embedding.
    #[error("the embedding has no direction ({reason}); hint: check that the model fits its input specification")]
    Embedding {
        /// What is wrong with it.
        reason: String,
    },
    /// Templates of different models were compared.
    #[error(
        "templates of different models cannot be compared ({left} and {right}); hint: enrol again with one of them"
    )]
    DifferentModels {
        /// Model of the first.
        left: String,
        /// Model of the second.
        right: String,
    },
    /// A mask's name or strength is not understood.
    #[error("{text:?} is no mask: {reason}; hint: {}", crate::mask::SYNTAX)]
    UnknownMask {
        /// What was written.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A mask that would hide nothing on this photograph.
    #[error("{mask} hides nothing here: {reason}")]
    NothingHidden {
        /// The mask.
        mask: String,
        /// Why, and what would.
        reason: String,
    },
    /// A mask that has no fixed place.
    #[error("{mask} has no fixed place; hint: place it by landmarks, or write custom:0.1,0.15,0.9,0.8 (fractions)")]
    NoFixedPlace {
        /// The mask.
        mask: String,
    },
}
