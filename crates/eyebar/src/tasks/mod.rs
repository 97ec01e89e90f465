//! One function per user task.

pub mod audit;
pub mod cam;
pub mod compare;
pub mod export;
pub mod filters;
pub mod gallery;
pub mod inspect;
pub mod lfw;
pub mod mask;
pub mod occlude;
pub mod oneshot;
pub mod plan;
pub mod predict;
pub mod publication;
pub mod quantise;
mod regions;
pub mod speed;
pub mod variants;

pub use regions::RegionShare;
