//! The quantised models against their f32 originals, as ONNX Runtime runs them (`fixtures/reference/models/originals.py`).

use eyebar::tasks::predict::predict_scene;
use eyebar::{Model, Photo, Scene};
use eyebar_testkit::Archive;

const LEAST_COSINE: f64 = 0.9999;

fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What the original of `model` says of a photograph, and what the bundled model says of it.
fn both(model: &str, photo: &str) -> (Vec<f32>, Vec<f32>) {
    let archive = Archive::read(&root().join("fixtures/reference/models/originals.safetensors")).unwrap();
    let original = archive.get(&format!("{model}/{photo}")).and_then(|array| array.as_f32()).unwrap().to_vec();
    let model = Model::open(model, None).unwrap();
    let photo = Photo::open(&root().join(format!("fixtures/photos/{photo}.png"))).unwrap();
    let scene = Scene::placed(&photo, None, &model).unwrap();
    (original, predict_scene(&scene, &model, None, 0).unwrap().values.data().to_vec())
}

fn top5(values: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order.truncate(5);
    order
}

#[test]
fn features_of_the_portrait_keep_their_direction() {
    let (original, found) = both("vgg16", "astronaut");
    assert_eq!((original.len(), found.len()), (7 * 7 * 512, 7 * 7 * 512));
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let cosine = dot(&original, &found) / (dot(&original, &original) * dot(&found, &found)).sqrt();
    assert!((LEAST_COSINE..=1.0).contains(&cosine), "{cosine}");
}

#[test]
fn the_five_best_classes_keep_their_order() {
    for photo in ["astronaut", "chelsea"] {
        let (original, found) = both("efficientnet-lite0", photo);
        assert_eq!(top5(&found), top5(&original), "{photo}");
    }
}
