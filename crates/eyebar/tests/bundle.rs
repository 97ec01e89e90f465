//! The bundled models and photographs: what the manifest says of them holds.

use eyebar::manifest::entries;
use eyebar::tasks::predict::predict_scene;
use eyebar::{Faces, Model, Photo, Scene};
use sha2::{Digest, Sha256};

const MOST_BYTES: u64 = 35_000_000;

#[test]
fn files_are_those_of_the_manifest() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    for entry in entries() {
        let data = std::fs::read(folder.join(&entry.file)).unwrap();
        let hash: String = Sha256::digest(&data).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((data.len() as u64, hash), (entry.bytes, entry.sha256.clone()), "{}", entry.name);
    }
    assert!(entries().iter().map(|entry| entry.bytes).sum::<u64>() <= MOST_BYTES);
}

#[test]
fn every_alias_and_default_layer_exists() {
    for entry in entries() {
        let model = Model::open(&entry.name, None).unwrap();
        for (alias, _) in entry.aliases() {
            model.layer(alias).unwrap_or_else(|error| panic!("{}: {error}", entry.name));
        }
        let default = model.layer_name(model.default_layer(&[]).unwrap());
        assert!(entry.aliases().any(|(alias, _)| alias == default), "{}", entry.name);
        assert!(model.spec().is_ok() && model.output().is_ok(), "{}", entry.name);
    }
    let missing = Model::open("vgg16", None).unwrap().layer("block5_conv_3").unwrap_err();
    assert!(missing.to_string().contains("block5_conv3"), "{missing}");
    assert_eq!(missing.exit_code(), 2);
}

/// `models/README.md` states what the f32 original says of the same pictures.
#[test]
fn the_classifier_names_the_cat_and_the_portrait_as_its_original_does() {
    let model = Model::open("efficientnet-lite0", None).unwrap();
    let cat = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/photos/chelsea.png");
    let cases: [(_, &[usize]); 2] =
        [(Photo::open(&cat).unwrap(), &[285, 282, 281, 287]), (Photo::portrait().unwrap(), &[450, 560, 573])];
    for (photo, expected) in cases {
        let scene = Scene::placed(&photo, None, &model).unwrap();
        let found = predict_scene(&scene, &model, None, 5).unwrap();
        let classes: Vec<_> = found.classes.iter().map(|score| score.class).collect();
        assert_eq!(&classes[..expected.len()], expected, "{}: {classes:?}", photo.path.display());
        let total: f32 = found.classes.iter().map(|score| score.probability.unwrap()).sum();
        assert!(total > 0.0 && total <= 1.0);
    }
}

#[test]
fn the_detector_finds_the_face_of_each_bundled_portrait() {
    let faces = Faces::new();
    for file in ["astronaut.png", "ardern-2018.jpg", "ardern-2022.jpg"] {
        let photo = Photo::bundled(file).unwrap();
        let face = faces.central(&photo.image).unwrap().unwrap_or_else(|| panic!("no face in {file}"));
        assert!(face.score > 0.8, "{file}: {}", face.score);
    }
    assert!(Photo::bundled("nobody.png").is_err());
}
