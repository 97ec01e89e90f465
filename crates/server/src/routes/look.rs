//! What a network says.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use eyebar::Scene;
use eyebar::tasks::compare::{CompareRequest, compare_photos};
use eyebar::tasks::predict::predict_scene;
use eyebar_explain::perturbation::Occlusion;
use eyebar_imaging::{Colormap, encode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::explain::{CLASSIFIER, check_layer};
use super::gallery::rate;
use crate::answer::{Answer, Wanted, picture, value};
use crate::events::answer;
use crate::input::{Fields, Picture};
use crate::problem::Problem;
use crate::state::App;
use crate::work::Place;

/// A prediction.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PredictRequest {
    image: Picture,
    /// A bundled model [default: efficientnet-lite0]
    model: Option<String>,
    /// A layer [default: the output]
    layer: Option<String>,
    /// Classes to name [default: 5]
    #[schema(minimum = 1, maximum = 1000)]
    top: Option<usize>,
}

/// What a model says of a photograph, or what one of its layers holds. As NPY the values themselves.
#[utoipa::path(post, path = "/v1/predict", tag = "look", request_body = PredictRequest, responses(
    (status = 200, description = "The highest classes, and a summary of the values"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn predict(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    wanted: Wanted,
    Fields(request): Fields<PredictRequest>,
) -> Result<Response, Problem> {
    answer(app, place, wanted, move |app, _| {
        let model = app.model(request.model.as_deref().unwrap_or(CLASSIFIER))?;
        check_layer(&model, request.layer.as_deref())?;
        let scene = Scene::of(&request.image.open(app, "image")?, &model, app.recogniser()?.faces())?;
        let top = request.top.unwrap_or(5).clamp(1, 1000);
        let result = predict_scene(&scene, &model, request.layer.as_deref(), top)?;
        Ok(Answer { array: Some(result.values.clone()), ..Answer::json(&result)? })
    })
    .await
}

/// Two photographs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ComparePhotos {
    a: Picture,
    b: Picture,
    /// False match rate of the decision [default: the usual one]
    fmr: Option<f64>,
}

/// Two faces: how alike, the same person or not, and which parts make them so. As PNG the figure.
#[utoipa::path(post, path = "/v1/compare", tag = "look", request_body = ComparePhotos, responses(
    (status = 200, description = "The similarity, the decision, and what it comes from"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn compare(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    wanted: Wanted,
    Fields(request): Fields<ComparePhotos>,
) -> Result<Response, Problem> {
    answer(app, place, wanted, move |app, report| {
        let photos = [request.a.open(app, "a")?, request.b.open(app, "b")?];
        let how = CompareRequest {
            photos: [PathBuf::from("a"), PathBuf::from("b")],
            layer: None,
            occlusion: Occlusion::default(),
            fmr: rate(request.fmr)?,
        };
        let result = compare_photos(&photos, &how, &*app.embedder()?, app.recogniser()?, report)?;
        let figure = result.figure(Colormap::default());
        let mut json = value(&result)?;
        json["figure"] = picture(&figure)?;
        Ok(Answer { json, png: Some(encode::png(&figure)?), array: None })
    })
    .await
}
