//! Agreement with OpenCV 4.12 (`FaceDetectorYN`, `FaceRecognizerSF`) on the bundled portraits.

mod common;

use common::{PORTRAITS, detector, embedder, photo};
use eyebar_face::{Face, Landmarks, Template, aligned};
use eyebar_imaging::RgbImage;
use serde_json::Value;

fn reference() -> Value {
    let path = eyebar_testkit::fixtures().join("reference/face/opencv.json");
    serde_json::from_slice(&std::fs::read(path).expect("the reference")).expect("JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().expect("a number")],
    }
}

fn only_face(image: &RgbImage) -> Face {
    let faces = detector().detect(image).expect("a detection");
    assert_eq!(faces.len(), 1, "{faces:?}");
    faces[0]
}

/// JPEG decoders differ by up to 5 grey levels (colour planes are enlarged and rounded differently), which moves boxes
/// and similarities: fed with OpenCV's own pixels, the JPEG portraits agree as well as the PNG does.
fn is_exact(name: &str) -> bool {
    name.ends_with(".png")
}

#[test]
fn boxes_landmarks_and_scores() {
    let reference = reference();
    for name in PORTRAITS {
        let expected = &reference["photos"][name]["faces"][0];
        let face = only_face(&photo(name));
        let found: Vec<f64> = face.bbox.into_iter().map(f64::from).collect();
        let points = face.landmarks.points().into_iter().flat_map(|(x, y)| [f64::from(x), f64::from(y)]);
        let found: Vec<f64> = found.into_iter().chain(points).collect();
        let wanted = [numbers(&expected["box"]), numbers(&expected["landmarks"])].concat();
        let worst = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let score = (f64::from(face.score) - expected["score"].as_f64().expect("a score")).abs();
        println!("{name}: {worst:.4} pixels, score {score:.1e}");
        assert_eq!(found.len(), wanted.len());
        // The reference is rounded to 0.001 pixels.
        let allowed = if is_exact(name) { 1e-3 } else { 3e-3 * wanted[3] };
        assert!(worst <= allowed, "{name}: {worst} pixels: {found:?} for {wanted:?}");
        assert!(score <= if is_exact(name) { 2e-6 } else { 1e-3 }, "{name}: score {}", face.score);
    }
}

#[test]
fn similarities() {
    let reference = reference();
    let order: Vec<&str> = reference["order"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
    assert_eq!(order, PORTRAITS);
    let expected = numbers(&reference["similarity"]);
    let photos = PORTRAITS.map(photo);
    let crops: Vec<RgbImage> =
        photos.iter().map(|photo| aligned(photo, &only_face(photo).landmarks).expect("a crop")).collect();
    let templates = embedder().embed_batch(&crops).expect("templates");
    let mut worst = 0.0f64;
    for (index, &wanted) in expected.iter().enumerate() {
        let (a, b): (&Template, &Template) = (&templates[index / 7], &templates[index % 7]);
        worst = worst.max((f64::from(a.similarity(b).expect("one model")) - wanted).abs());
    }
    println!("similarities differ by at most {worst:.5}");
    assert!(worst <= 0.02, "{worst}");
    // A batch is no more than its members, one after the other.
    assert_eq!(embedder().embed(&crops[3]).expect("a template"), templates[3]);
}

#[test]
fn a_photograph_and_its_mirror_image() {
    // The only pair of photographs without JPEG in between. OpenCV's warp rounds to 1/32 pixel: 0.0035 of similarity.
    let expected = reference()["similarity_to_flipped"][0][0].as_f64().expect("a similarity");
    let image = photo(PORTRAITS[0]);
    let (width, height) = image.dimensions();
    let mirror = RgbImage::from_fn(width, height, |x, y| *image.get_pixel(width - 1 - x, y));
    let [a, b] =
        [&image, &mirror].map(|image| embedder().embed_face(image, &only_face(image).landmarks).expect("a template"));
    let similarity = f64::from(a.similarity(&b).expect("one model"));
    println!("{similarity:.6}, OpenCV {expected:.6}");
    assert!((similarity - expected).abs() <= 3.5e-3, "{similarity}");
}

/// Cosine of an embedding with OpenCV's of the same five points: its warp rounds to 1/32 pixel.
const SAME_EMBEDDING: f64 = 0.999;

#[test]
fn embeddings_point_the_same_way() {
    let reference = reference();
    let image = photo("chelsea.png");
    let all = reference["cat"].as_object().expect("embeddings");
    assert_eq!(all.len(), 4);
    for (name, expected) in all {
        let points = numbers(&expected["points"]);
        let point = |index: usize| (points[2 * index] as f32, points[2 * index + 1] as f32);
        let landmarks = Landmarks::from_points([0, 1, 2, 3, 4].map(point));
        let template = embedder().embed_face(&image, &landmarks).expect("a template");
        let wanted = numbers(&expected["embedding"]);
        assert_eq!(wanted.len(), template.values().len());
        let dot: f64 = template.values().iter().zip(&wanted).map(|(a, b)| f64::from(*a) * b).sum();
        let cosine = dot / wanted.iter().map(|value| value * value).sum::<f64>().sqrt();
        println!("{name}: {cosine:.6}");
        assert!(cosine >= SAME_EMBEDDING, "{name}: {cosine}");
    }
}

#[test]
fn crops_have_the_reference_colours() {
    let reference = reference();
    for name in PORTRAITS {
        let image = photo(name);
        let crop = aligned(&image, &only_face(&image).landmarks).expect("a crop");
        let expected = numbers(&reference["photos"][name]["aligned_mean_rgb"]);
        for (channel, wanted) in expected.into_iter().enumerate() {
            let sum: f64 = crop.pixels().map(|pixel| f64::from(pixel.0[channel])).sum();
            let allowed = if is_exact(name) { 0.02 } else { 0.5 };
            assert!((sum / f64::from(112 * 112) - wanted).abs() < allowed, "{name}, channel {channel}");
        }
    }
}
