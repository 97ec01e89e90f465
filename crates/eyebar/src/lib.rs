//! See what a CNN sees in a face, and measure what a mask really hides.
//!
//! The façade over Eyebar's crates: one function per user task, plain request and result structs. The command line and
//! the server are thin layers over it.
#![forbid(unsafe_code)]

mod bundle;
mod calibration;
mod dataset;
mod decision;
mod default_layer;
pub mod demo;
mod error;
mod forward;
mod hash;
pub mod hub;
mod instructions;
pub mod manifest;
mod matcher;
mod model;
mod provenance;
mod recogniser;
mod scene;
pub mod store;
mod target;
pub mod tasks;
mod variants;

pub use calibration::{Calibration, DEFAULT_FMR};
pub use dataset::{Dataset, Person, is_photograph};
pub use decision::Rule;
pub use error::Error;
pub use eyebar_tensor::Tensor;
pub use instructions::check_instruction_set;
pub use matcher::Matcher;
pub use model::Model;
pub use provenance::{Provenance, Source};
pub use recogniser::{Recogniser, Seen};
pub use scene::{Faces, Photo, Scene, is_array};
pub use target::{Resolved, Target, similarity_to};
