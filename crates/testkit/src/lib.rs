//! What the tests of the other crates share: named tolerances, the reference files of `fixtures/`, another runtime, and a database server.
//!
//! A dev-dependency only. It knows nothing of the other crates, so that an error of theirs cannot hide in here.
#![forbid(unsafe_code)]

mod archive;
mod compare;
pub mod onnxruntime;
pub mod postgres;

use std::path::PathBuf;

pub use archive::{Archive, ArchiveError, Array, Elements};
pub use compare::{Mismatch, Tolerance, compare};

/// The folder `fixtures/` at the root of the repository.
pub fn fixtures() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "fixtures"].iter().collect()
}
