//! Numbers of Pillow, PyTorch, OpenCV, scikit-image and NumPy (`fixtures/reference/imaging/make.py`).

mod common;

use common::{array, fixtures, largest_difference, numbers, picture};
use eyebar_imaging::resize::{Filter, resize_map, resize_with};
use eyebar_imaging::ssim::ssim;
use eyebar_imaging::{Affine, Rect, blur, npy, warp};
use eyebar_tensor::Tensor;
use serde_json::Value;

/// Pictures agree but for rounding.
const ROUNDING: u8 = 1;
/// OpenCV interpolates between 32 positions a pixel, Eyebar continuously.
const FIXED_POINT: u8 = 2;

#[test]
fn pictures_are_resized_as_pillow_does() {
    let photo = picture("photo");
    for (width, height) in [(20, 11), (53, 80), (112, 112), (7, 37)] {
        let expected = picture(&format!("resize_bilinear_{width}x{height}"));
        let found = resize_with(&photo, width, height, Filter::Bilinear);
        assert!(largest_difference(&found, &expected) <= ROUNDING, "{width} × {height}");
    }
    let cubic = resize_with(&photo, 100, 60, Filter::Bicubic);
    assert!(largest_difference(&cubic, &picture("resize_bicubic_100x60")) <= ROUNDING);
    let nearest = resize_with(&photo, 106, 111, Filter::Nearest);
    assert_eq!(nearest, picture("resize_nearest_106x111"));
}

#[test]
fn maps_are_resized_as_pytorch_does() {
    let map = array("map");
    for (height, width) in [(11, 20), (3, 4), (5, 7), (1, 1)] {
        assert_close(&resize_map(&map, height, width), &array(&format!("map_{height}x{width}")), 1e-6);
    }
    let large = resize_map(&map, 224, 224);
    let sampled = Tensor::from_fn(&[14, 14], |i| large.data()[(i / 14) * 16 * 224 + (i % 14) * 16]);
    assert_close(&sampled, &array("map_224x224"), 1e-5);
}

fn assert_close(found: &Tensor, expected: &Tensor, tolerance: f32) {
    assert_eq!(found.shape(), expected.shape());
    let worst = found.data().iter().zip(expected.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "differs by {worst}");
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(value.clone()).expect("rows of numbers")
}

fn affine(value: &Value) -> Affine {
    let rows = rows(value);
    Affine(std::array::from_fn(|r| std::array::from_fn(|c| rows[r][c])))
}

#[test]
fn pictures_are_warped_as_opencv_does() {
    let (photo, numbers) = (picture("photo"), numbers());
    for (name, width, height) in [("warp_40x32", 40, 32), ("warp_90x70", 90, 70)] {
        let found = warp::warp_affine(&photo, &affine(&numbers[name]), width, height);
        assert!(largest_difference(&found, &picture(name)) <= FIXED_POINT, "{name}");
    }
}

#[test]
fn similarity_transforms_are_umeyamas() {
    let numbers = numbers();
    let points = |name: &str| rows(&numbers["umeyama"][name]).iter().map(|p| (p[0], p[1])).collect::<Vec<_>>();
    let found = Affine::similarity(&points("source"), &points("target")).expect("determined");
    let expected = affine(&numbers["umeyama"]["matrix"]);
    for (a, b) in found.0.as_flattened().iter().zip(expected.0.as_flattened()) {
        assert!((a - b).abs() < 1e-9, "{found:?} is not {expected:?}");
    }
    let (x, y) = found.inverse().expect("invertible").apply(found.apply((3.0, -4.0)));
    assert!((x - 3.0).abs() < 1e-9 && (y + 4.0).abs() < 1e-9);
    let (x, y) = found.then(&found.inverse().expect("invertible")).apply((3.0, -4.0));
    assert!((x - 3.0).abs() < 1e-9 && (y + 4.0).abs() < 1e-9);
    assert_eq!(Affine::similarity(&[(1.0, 1.0); 3], &[(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)]), None);
    assert_eq!(Affine::similarity(&[(1.0, 1.0)], &[(0.0, 0.0)]), None);
}

#[test]
fn blur_is_scikit_images() {
    let photo = picture("photo");
    for sigma in ["0.7", "2.0", "9.0"] {
        let found = blur::gaussian(&photo, sigma.parse().expect("a number"));
        assert!(largest_difference(&found, &picture(&format!("blur_{sigma}"))) <= ROUNDING, "sigma {sigma}");
    }
    let region = Rect::new(10, 5, 20, 12);
    let part = blur::gaussian_region(&photo, 2.0, region);
    assert_eq!(part, eyebar_imaging::resize::crop(&blur::gaussian(&photo, 2.0), region));
}

#[test]
fn structural_similarity_is_scikit_images() {
    let (photo, numbers) = (picture("photo"), numbers());
    for (name, other) in [("photo_other", "other"), ("photo_blur_2.0", "blur_2.0")] {
        let found = ssim(&photo, &picture(other)).expect("comparable");
        let expected = numbers["ssim"][name].as_f64().expect("a number");
        assert!((found - expected).abs() < 1e-9, "{name}: {found}, expected {expected}");
    }
    assert_eq!(ssim(&photo, &photo).expect("comparable"), 1.0);
    assert!(ssim(&photo, &picture("warp_40x32")).is_err());
}

#[test]
fn arrays_are_numpys() {
    let folder = fixtures().join("reference/imaging");
    let expected = array("array_f4");
    assert_eq!(expected.shape(), [2, 3, 4]);
    for name in ["array_f8", "array_big_endian", "array_v2"] {
        assert_eq!(array(name), expected, "{name}");
    }
    assert_eq!(npy::to_bytes(&expected), std::fs::read(folder.join("array_f4.npy")).expect("array"));
    for shape in [&[][..], &[5], &[0, 4], &[1, 2, 1, 3]] {
        let array = Tensor::from_fn(shape, |i| i as f32);
        assert_eq!(npy::from_bytes(&npy::to_bytes(&array)).expect("own file"), array);
    }
    for (name, part) in [("array_fortran", "Fortran"), ("array_int64", "'<f4'")] {
        let error = npy::read(&folder.join(format!("{name}.npy"))).expect_err(name).to_string();
        assert!(error.contains(part) && error.contains(name), "{error}");
    }
}
