//! When a number is called a probability.

use eyebar::tasks::predict::{Prediction, predict_scene};
use eyebar::{Model, Scene, Source, Tensor};

const SCORES: [f32; 4] = [1.0, -2.0, 3.0, 0.5];

/// A field of a protobuf message: number, and bytes with their length before them.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

fn number(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

/// An ONNX file of one input `x` [1, 4] and the operators in a row; the last gives `y`.
fn chain(operators: &[&str]) -> Vec<u8> {
    let value = |name: &str| {
        let dims = [1, 4].map(|size| field(1, &number(1, size))).concat();
        let tensor = [number(1, 1), field(2, &dims)].concat();
        [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
    };
    let names: Vec<String> =
        (0..=operators.len()).map(|at| if at == operators.len() { "y".into() } else { format!("x{at}") }).collect();
    let nodes = operators.iter().zip(names.windows(2)).flat_map(|(operator, ends)| {
        let ends = [field(1, ends[0].as_bytes()), field(2, ends[1].as_bytes())].concat();
        field(1, &[ends, field(4, operator.as_bytes())].concat())
    });
    let graph = [nodes.collect(), field(2, b"g"), field(11, &value("x0")), field(12, &value("y"))].concat();
    [number(1, 8), field(8, &number(2, 17)), field(7, &graph)].concat()
}

fn predict(operators: &[&str]) -> Prediction {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    std::fs::write(&path, chain(operators)).unwrap();
    let model = Model::open(&path.display().to_string(), None).unwrap();
    let scene = Scene {
        input: Tensor::new(&[1, 4], SCORES.to_vec()).unwrap(),
        canvas: None,
        aligned: false,
        landmarks: None,
        on_photo: None,
        photo: None,
        source: Source { file: "x.npy".to_owned(), sha256: None },
    };
    predict_scene(&scene, &model, None, 4).unwrap()
}

#[test]
fn after_a_softmax_it_is_one() {
    let total: f32 = SCORES.iter().map(|v| v.exp()).sum();
    for operators in [&["Softmax"][..], &["LogSoftmax"], &["Softmax", "Identity"]] {
        let found = predict(operators);
        let classes: Vec<_> = found.classes.iter().map(|score| score.class).collect();
        assert_eq!(classes, [2, 0, 3, 1], "{operators:?}");
        for score in &found.classes {
            assert_eq!(score.logit, SCORES[score.class], "before the softmax");
            let probability = score.probability.unwrap();
            assert!((probability - SCORES[score.class].exp() / total).abs() < 1e-6, "{operators:?}: {probability}");
        }
        assert!(found.table().to_text().contains('%'));
    }
}

#[test]
fn otherwise_it_is_a_raw_value() {
    let sigmoid = |v: f32| 1.0 / (1.0 + (-v).exp());
    for (operators, expected) in [(["Sigmoid"], SCORES.map(sigmoid)), (["Identity"], SCORES)] {
        let found = predict(&operators);
        for score in &found.classes {
            assert!((score.logit - expected[score.class]).abs() < 1e-6, "{operators:?}: {score:?}");
            assert_eq!(score.probability, None, "{operators:?}");
        }
        assert_eq!(found.classes.len(), 4);
        let text = found.table().to_text();
        assert!(text.contains("no probabilities") && !text.contains('%'), "{text}");
        let json = serde_json::to_value(&found).unwrap();
        assert!(json["classes"][0]["probability"].is_null() && json["classes"][0]["logit"].is_number(), "{json}");
    }
}

#[test]
fn the_bundled_classifier_gives_them_and_the_embedder_names_no_class() {
    let photo = eyebar::Photo::portrait().unwrap();
    let model = Model::open("efficientnet-lite0", None).unwrap();
    let found = predict_scene(&Scene::placed(&photo, None, &model).unwrap(), &model, None, 1000).unwrap();
    let total: f32 = found.classes.iter().map(|score| score.probability.unwrap()).sum();
    assert!((total - 1.0).abs() < 1e-4, "{total}");
    let (model, faces) = (Model::open("sface", None).unwrap(), eyebar::Faces::new());
    let found = predict_scene(&Scene::of(&photo, &model, &faces).unwrap(), &model, None, 5).unwrap();
    assert!(found.classes.is_empty());
}
