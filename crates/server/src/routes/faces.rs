//! Faces, and masks on them.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use eyebar::tasks::mask::{Place as Where, mask_photo};
use eyebar_face::{Landmarks, Mask, MaskOptions};
use eyebar_imaging::encode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::answer::{Answer, Wanted, picture, value};
use crate::events::answer;
use crate::input::{Fields, Picture};
use crate::problem::Problem;
use crate::state::App;
use crate::work::Place;

/// A photograph.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FacesRequest {
    image: Picture,
}

/// Landmarks by name, in pixels; right and left are the person's.
pub(super) fn landmarks(landmarks: &Landmarks) -> Value {
    let [right_eye, left_eye, nose, right_mouth, left_mouth] = landmarks.points();
    json!({
        "right_eye": right_eye, "left_eye": left_eye, "nose": nose, "right_mouth": right_mouth, "left_mouth": left_mouth,
    })
}

/// The faces of a photograph, best first, with their landmarks.
#[utoipa::path(post, path = "/v1/faces", tag = "look", request_body = FacesRequest, responses(
    (status = 200, description = "Boxes (x, y, width, height), landmarks and confidence"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn faces(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    wanted: Wanted,
    Fields(request): Fields<FacesRequest>,
) -> Result<Response, Problem> {
    answer(app, place, wanted, move |app, _| {
        let photo = request.image.open(app, "image")?;
        let faces = app.recogniser()?.faces().all(&photo.image)?;
        let faces = faces
            .iter()
            .map(|face| json!({"box": face.bbox, "score": face.score, "landmarks": landmarks(&face.landmarks)}));
        let faces: Vec<_> = faces.collect();
        Answer::json(&json!({"width": photo.image.width(), "height": photo.image.height(), "faces": faces}))
    })
    .await
}

/// A photograph and what to put on its faces.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaskRequest {
    image: Picture,
    /// eye-bar, eyes-nose, face, head, blur:0.3, pixelate:8, noise, custom:-1.1,-0.35,1.1,0.35
    mask: String,
}

/// What a mask is called in a request.
pub(super) fn mask_of(text: &str) -> Result<Mask, Problem> {
    let mask = text.parse::<Mask>().and_then(|mask| mask.check().map(|()| mask));
    mask.map_err(|error| Problem::bad_request(&error.to_string()).at("mask"))
}

/// A mask on every face of a photograph. As PNG the masked photograph, without any metadata.
#[utoipa::path(post, path = "/v1/mask", tag = "mask", request_body = MaskRequest, responses(
    (status = 200, description = "The masked photograph, and what metadata was taken out"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn mask(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    wanted: Wanted,
    Fields(request): Fields<MaskRequest>,
) -> Result<Response, Problem> {
    answer(app, place, wanted, move |app, _| {
        let mask = mask_of(&request.mask)?;
        let photo = request.image.open(app, "image")?;
        let faces = app.recogniser()?.faces();
        let result = mask_photo(photo, mask, Where::Landmarks, &MaskOptions::default(), faces)?;
        let mut json = value(&result)?;
        json["image"] = picture(&result.masked.image)?;
        Ok(Answer { json, png: Some(encode::png(&result.masked.image)?), array: None })
    })
    .await
}
