//! What a CNN detects and where it looks, for any network and any [`Objective`].
//!
//! - [`activation`]: the picture that a filter responds to most (activation maximisation).
//! - [`attribution`]: what every number of the input contributes to a score (integrated gradients).
//! - [`cam`]: which cells of a layer speak for a score (Grad-CAM).
//! - [`perturbation`]: what a score loses when a part of the picture is hidden (occlusion).
//! - [`evaluate`]: which share of a map falls on which region.
//!
//! Maps are [`eyebar_tensor::Tensor`]s of shape `[H, W]` with the raw values, never scaled to a range.
#![forbid(unsafe_code)]

pub mod activation;
pub mod attribution;
pub mod cam;
mod error;
pub mod evaluate;
mod nodes;
pub mod objective;
pub mod perturbation;
mod plan;
mod progress;
mod trace;

pub use cam::{Cam, GradCam, add_grad_cam, grad_cam};
pub use error::ExplainError;
pub use objective::{ChannelMean, ClassScore, Objective, Similarity, SimilarityToInput, TopScore};
pub use progress::{Progress, unwatched};
pub use trace::{logits_of, pre_activation};
