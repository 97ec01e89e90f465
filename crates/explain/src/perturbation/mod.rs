//! What a score loses when a part of the picture is changed.

mod occlusion;
mod scorer;

pub use occlusion::{Occlusion, OcclusionMap};
pub use scorer::Scorer;
