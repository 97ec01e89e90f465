//! The ascent's parameters, as results and figures state them.

use eyebar::Model;
use eyebar::tasks::filters::{default_layer, filters};
use eyebar_explain::activation::{Maximisation, Prior};
use eyebar_explain::unwatched;

const SHORT: Maximisation = Maximisation {
    prior: Prior::Pixels { steps: 2, rate: 10.0 },
    size: None,
    border: 2,
    seed: 0,
    memory_limit: 1 << 30,
};

#[test]
fn a_model_of_one_size_is_drawn_in_that() {
    let model = Model::open("sface", None).unwrap();
    let found = filters(&model, "conv_2", &[0], &SHORT, &unwatched).unwrap();
    assert_eq!(found.size, (112, 112));
    let image = found.filters[0].image.as_ref().map(|image| image.dimensions());
    assert!(image.is_none_or(|size| size == (112, 112)), "{image:?}");
    assert_eq!(default_layer(&model, None).unwrap(), "conv_8_relu");
}

#[test]
fn results_say_what_the_rate_counts_in() {
    let model = Model::open("vgg16", None).unwrap();
    let options = Maximisation { size: Some((32, 32)), ..SHORT };
    let found = filters(&model, "block1_conv2", &[0], &options, &unwatched).unwrap();
    assert_eq!((found.steps, found.rate, found.size), (2, 10.0, (32, 32)));
    let json = serde_json::to_value(&found).unwrap();
    assert!(json["rate_unit"].as_str().is_some_and(|unit| unit.contains("pixels of 0 to 1")), "{json}");
    assert!(json["pixel_range"].as_str().is_some_and(|range| range.contains("not clipped")), "{json}");
    assert_eq!(eyebar::tasks::filters::size(&model), (128, 128), "where others are taken too");
}
