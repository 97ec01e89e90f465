//! Where the test data lies.
#![allow(dead_code)]

use std::path::PathBuf;

use eyebar_imaging::{RgbImage, npy};
use eyebar_tensor::Tensor;

pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// A file of `fixtures/images/formats`.
pub(crate) fn format_file(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join("images/formats").join(name)).expect(name)
}

/// An array of `fixtures/reference/imaging`.
pub(crate) fn array(name: &str) -> Tensor {
    npy::read(&fixtures().join(format!("reference/imaging/{name}.npy"))).expect(name)
}

/// A picture of `fixtures/reference/imaging`.
pub(crate) fn picture(name: &str) -> RgbImage {
    let array = array(name);
    let &[height, width, 3] = array.shape() else { panic!("{name} is no picture") };
    let bytes = array.data().iter().map(|&value| value as u8).collect();
    RgbImage::from_raw(width as u32, height as u32, bytes).expect("three bytes a pixel")
}

/// `numbers.json` of `fixtures/reference/imaging`.
pub(crate) fn numbers() -> serde_json::Value {
    let text = std::fs::read_to_string(fixtures().join("reference/imaging/numbers.json")).expect("numbers");
    serde_json::from_str(&text).expect("numbers are JSON")
}

/// The largest difference of two pictures of the same size, in grey levels.
pub(crate) fn largest_difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.as_raw().iter().zip(b.as_raw()).map(|(x, y)| x.abs_diff(*y)).max().unwrap_or(0)
}
