//! What a scene says of a photograph, and what the maps of it say of how they were made.

use eyebar::tasks::cam::{CamResult, cam, cam_scene};
use eyebar::tasks::occlude::{default_fill, occlude_scene};
use eyebar::{Error, Faces, Model, Photo, Scene, Target, similarity_to};
use eyebar_explain::perturbation::Occlusion;
use eyebar_explain::unwatched;
use sha2::{Digest, Sha256};

fn photo(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/photos").join(name)
}

fn open(name: &str) -> Model {
    Model::open(name, None).unwrap()
}

fn kinds(result: &CamResult) -> Vec<&str> {
    let mut kinds: Vec<_> = result.regions.iter().map(|row| row.kind).collect();
    kinds.dedup();
    kinds
}

#[test]
fn the_fixed_bands_are_those_of_whole_photographs() {
    let faces = Faces::new();
    let (portrait, mirrored) = (Photo::portrait().unwrap(), Photo::portrait().unwrap().mirrored());
    let classifier = open("efficientnet-lite0");
    let whole = Scene::of(&portrait, &classifier, &faces).unwrap().with_face(&faces).unwrap();
    let target = Target::Top.resolve(&classifier, &whole, &faces).unwrap();
    assert_eq!(kinds(&cam_scene(&whole, &classifier, None, &target).unwrap()), ["bands", "face"]);

    let embedder = open("sface");
    let face = Scene::of(&portrait, &embedder, &faces).unwrap();
    let mirrored = Scene::of(&mirrored, &embedder, &faces).unwrap();
    let target = similarity_to(&mirrored, "the mirror", &embedder).unwrap();
    let result = cam_scene(&face, &embedder, None, &target).unwrap();
    assert_eq!(kinds(&result), ["face"], "an aligned face has neither hair nor clothes at fixed heights");
    assert!(result.provenance.aligned);
}

#[test]
fn a_face_is_looked_for_only_where_somebody_needs_it() {
    let faces = Faces::new();
    let (portrait, classifier) = (Photo::portrait().unwrap(), open("efficientnet-lite0"));
    let scene = Scene::of(&portrait, &classifier, &faces).unwrap();
    Target::Top.resolve(&classifier, &scene, &faces).unwrap();
    Target::Similarity(photo("chelsea.png")).resolve(&classifier, &scene, &faces).unwrap();
    assert!(scene.landmarks.is_none() && !faces.is_loaded());
    let scene = scene.with_face(&faces).unwrap();
    assert!(scene.landmarks.is_some() && faces.is_loaded());
}

#[test]
fn pixels_of_a_photograph_are_shared() {
    let (portrait, classifier) = (Photo::portrait().unwrap(), open("efficientnet-lite0"));
    let scene = Scene::placed(&portrait, None, &classifier).unwrap();
    assert!(std::sync::Arc::ptr_eq(&portrait.image, &scene.photo.unwrap().image));
}

#[test]
fn the_gradient_of_likeness_to_the_same_picture_is_refused() {
    let faces = Faces::new();
    let (model, path) = (open("sface"), photo("obama.jpg"));
    let same = Target::Similarity(path.clone());
    let error = cam(&path, &model, None, &same, &faces).unwrap_err();
    assert!(matches!(&error, Error::Usage(text) if text.contains("cannot tell") && text.contains("hint:")), "{error}");
    assert_eq!(error.exit_code(), 2);
    // Hiding parts of it is another question, with an answer.
    let scene = Scene::open(&path, &model, &faces).unwrap();
    let target = same.resolve(&model, &scene, &faces).unwrap();
    let occlusion = Occlusion { patch: 56, stride: 56, fill: 128.0 };
    let map = occlude_scene(&scene, &model, &target, occlusion, &unwatched).unwrap();
    assert!(map.score > 0.9999 && map.max > 0.01, "{} {}", map.score, map.max);
}

#[test]
fn a_map_says_what_it_was_made_of() {
    let (faces, model) = (Faces::new(), open("sface"));
    let (path, other) = (photo("ardern-2018.jpg"), photo("ardern-2022.jpg"));
    let result = cam(&path, &model, None, &Target::Similarity(other.clone()), &faces).unwrap();
    let made = &result.provenance;
    let hash = |path: &std::path::Path| {
        let digest = Sha256::digest(std::fs::read(path).unwrap());
        Some(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    assert_eq!((made.input.sha256.clone(), made.input.file.clone()), (hash(&path), path.display().to_string()));
    let reference = made.reference.clone().unwrap();
    assert_eq!((reference.sha256, reference.file), (hash(&other), other.display().to_string()));
    assert_eq!(made.input_specification.as_deref(), Some("rgb 112x112 mean=0,0,0 scale=1,1,1"));
    assert_eq!(made.input_shape, [1, 3, 112, 112]);
    let found = faces.central(&Photo::open(&path).unwrap().image).unwrap().unwrap();
    assert_eq!(made.landmarks, Some(found.landmarks.points()), "in pixels of the photograph");
    let json = serde_json::to_value(&result).unwrap();
    assert!(json["input"]["sha256"].is_string() && json["reference"]["file"].is_string(), "{json}");
}

#[test]
fn a_patch_is_grey_where_grey_is_known_and_zero_otherwise() {
    assert_eq!(default_fill(&open("efficientnet-lite0")), 128.0);
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/reference/networks/vgg16.onnx");
    let file = file.display().to_string();
    assert_eq!(default_fill(&Model::open(&file, None).unwrap()), 0.0);
    assert_eq!(default_fill(&Model::open(&file, Some("rgb".parse().unwrap())).unwrap()), 128.0);
}

#[test]
fn a_photograph_is_padded_to_the_sizes_that_a_model_takes() {
    let (detector, portrait) = (open("yunet"), Photo::open(&photo("chelsea.png")).unwrap());
    let (width, height) = portrait.image.dimensions();
    assert!(width % 32 != 0 || height % 32 != 0, "{width} × {height}");
    let scene = Scene::placed(&portrait, None, &detector).unwrap();
    let sides = [height, width].map(|side| side.next_multiple_of(32) as usize);
    assert_eq!(scene.input.shape(), [1, 3, sides[0], sides[1]]);
    assert_eq!(scene.canvas.unwrap().dimensions(), (sides[1] as u32, sides[0] as u32));
}

#[test]
fn an_array_of_any_fitting_size_is_taken() {
    let (path, detector) = (std::path::Path::new("x.npy"), open("yunet"));
    let check = |shape: &[usize]| detector.check_array(path, &eyebar::Tensor::zeros(shape));
    for shape in [[1, 3, 640, 640], [1, 3, 320, 256], [1, 3, 32, 32]] {
        check(&shape).unwrap();
    }
    for shape in [[1, 3, 640, 650], [1, 3, 33, 32], [1, 1, 64, 64], [2, 3, 64, 64], [1, 3, 0, 32]] {
        let error = check(&shape).unwrap_err().to_string();
        assert!(error.contains("hint:") && error.contains("x.npy"), "{error}");
    }
    let error = check(&[1, 3, 33, 32]).unwrap_err().to_string();
    assert!(error.contains("multiples of 32"), "{error}");
}
