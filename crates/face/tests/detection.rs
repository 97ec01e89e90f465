//! Photographs of other sizes, and photographs without a face.

mod common;

use common::{detector, photo};
use eyebar_face::{DetectOptions, Face, FaceError, detect::nearest_centre};
use eyebar_imaging::resize::{crop, resize};
use eyebar_imaging::{Rect, Rgb, RgbImage};

fn faces(image: &RgbImage) -> Vec<Face> {
    detector().detect(image).expect("a detection")
}

/// Share of the eye distance by which the landmarks of `found` miss those of `expected`, moved by `place`.
fn miss(found: &Face, expected: &Face, place: impl Fn((f32, f32)) -> (f32, f32)) -> f32 {
    let expected = expected.landmarks.map(place);
    let pairs = found.landmarks.points().into_iter().zip(expected.points());
    pairs.map(|((x, y), (u, v))| (x - u).hypot(y - v)).fold(0.0, f32::max) / expected.eye_distance()
}

#[test]
fn one_face_at_many_scales() {
    let portrait = photo("macron-2025.jpg");
    let known = faces(&portrait)[0];
    // A face 26 pixels wide, and one 800 pixels wide in a photograph that is shrunk first.
    for (width, height) in [(64, 80), (180, 224), (361, 450), (1960, 2440)] {
        let found = faces(&resize(&portrait, width, height));
        assert_eq!(found.len(), 1, "{width}: {found:?}");
        let (across, down) = (width as f32 / 722.0, height as f32 / 899.0);
        let miss = miss(&found[0], &known, |(x, y)| ((x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5));
        println!("{width}: landmarks miss by {miss:.3} of the eye distance");
        assert!(miss < 0.2, "{width}: {miss} of the eye distance");
    }
}

#[test]
fn a_face_that_fills_a_large_photograph() {
    let close = resize(&crop(&photo("macron-2025.jpg"), Rect::new(212, 161, 295, 408)), 1446, 2000);
    let single = DetectOptions { more_scales: false, ..DetectOptions::default() };
    assert_eq!(detector().detect_with(&close, &single).expect("a detection"), [], "one scale is not enough");
    assert_eq!(faces(&close).len(), 1);
}

#[test]
fn several_faces_and_faces_cut_by_the_border() {
    let (left, right) = (photo("obama.jpg"), photo("sunak.jpg"));
    let both = RgbImage::from_fn(600, 450, |x, y| match x {
        0..300 => *left.get_pixel((2 * x).min(681), (y * 3 / 2).min(784)),
        _ => *right.get_pixel((2 * (x - 300)).min(746), 2 * y),
    });
    let found = faces(&both);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].score >= found[1].score);
    let middle = nearest_centre(&found, 600, 450).expect("two faces");
    assert!((middle.centre().0 - 300.0).abs() <= (found[0].centre().0 - 300.0).abs());

    // The left half of the face is gone.
    let portrait = photo("astronaut.png");
    let known = faces(&portrait)[0];
    let cut = faces(&crop(&portrait, Rect::new(190, 0, 322, 512)));
    assert_eq!(cut.len(), 1, "{cut:?}");
    assert!(miss(&cut[0], &known, |(x, y)| (x - 190.0, y)) < 0.25);
}

#[test]
fn no_face() {
    assert_eq!(faces(&photo("chelsea.png")), [], "a cat");
    assert_eq!(faces(&RgbImage::from_pixel(1, 1, Rgb([200, 150, 120]))), []);
    assert_eq!(faces(&RgbImage::from_pixel(3000, 1, Rgb([200, 150, 120]))), []);
    assert_eq!(faces(&RgbImage::from_fn(640, 480, |x, y| Rgb([(x * y) as u8, (x ^ y) as u8, (x + y) as u8]))), []);
    assert!(matches!(detector().detect(&RgbImage::new(0, 7)), Err(FaceError::EmptyImage)));
}

#[test]
fn same_input_same_faces() {
    let image = photo("ardern-2018.jpg");
    let first = faces(&image);
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..3).map(|_| scope.spawn(|| faces(&image))).collect();
        for other in others {
            assert_eq!(other.join().expect("no panic"), first);
        }
    });
}

#[test]
fn another_network_is_refused() {
    let path = [env!("CARGO_MANIFEST_DIR"), "..", "..", "models", "sface.onnx"].iter().collect::<std::path::PathBuf>();
    let graph = eyebar_network::onnx::read_file(&path).expect("SFace").graph;
    let error = eyebar_face::Detector::new(graph).expect_err("not a detector").to_string();
    assert!(error.contains("cls_8") && error.contains("hint"), "{error}");
}
