//! Where a network looks.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use eyebar::tasks::cam::cam_scene;
use eyebar::tasks::occlude::{default_fill, occlude_scene};
use eyebar::{Model, Resolved, Scene, Target, Tensor, similarity_to};
use eyebar_explain::perturbation::Occlusion;
use eyebar_imaging::{Colormap, RgbImage};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::answer::{Answer, Wanted, array, picture, value};
use crate::events::answer;
use crate::input::{Fields, Picture};
use crate::problem::Problem;
use crate::state::App;
use crate::work::Place;

/// The model where none is named.
pub(super) const CLASSIFIER: &str = "efficientnet-lite0";

/// Most places of a patch in one request: each is a pass through the network.
const MOST_POSITIONS: usize = 4096;

/// A Grad-CAM map.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CamRequest {
    image: Picture,
    /// A bundled model [default: efficientnet-lite0]
    model: Option<String>,
    /// A layer [default: the model's own]
    layer: Option<String>,
    /// top, class:ID, class:NAME, or similarity (to `reference`) [default: top]
    target: Option<String>,
    /// The other picture, for the target similarity
    reference: Option<Picture>,
}

/// An occlusion map.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OcclusionRequest {
    image: Picture,
    /// A bundled model [default: efficientnet-lite0]
    model: Option<String>,
    /// top, class:ID, class:NAME, or similarity (to `reference`) [default: top]
    target: Option<String>,
    /// The other picture, for the target similarity
    reference: Option<Picture>,
    /// Side of the patch that hides, in pixels of the network's input [default: 25]
    #[schema(minimum = 1)]
    patch: Option<usize>,
    /// Distance of two patches [default: 14]
    #[schema(minimum = 1)]
    stride: Option<usize>,
    /// Grey value of the patch, 0 to 255 [default: 128]
    fill: Option<f32>,
}

/// Refuses a layer that the model does not have.
pub(super) fn check_layer(model: &Model, layer: Option<&str>) -> Result<(), Problem> {
    let found = layer.map(|layer| model.layer(layer)).transpose();
    found.map(|_| ()).map_err(|error| Problem::from(error).at("layer"))
}

/// A photograph with what is to be explained of it.
struct Subject {
    model: Arc<Model>,
    scene: Scene,
    target: Resolved,
}

impl Subject {
    fn new(
        app: &App,
        image: &Picture,
        model: Option<&str>,
        target: Option<&str>,
        reference: Option<&Picture>,
    ) -> Result<Self, Problem> {
        let model = app.model(model.unwrap_or(CLASSIFIER))?;
        let faces = app.recogniser()?.faces();
        let scene = Scene::of(&image.open(app, "image")?, &model, faces)?;
        let target = match (target.unwrap_or("top"), reference) {
            ("similarity", Some(reference)) => {
                let reference = Scene::of(&reference.open(app, "reference")?, &model, faces)?;
                similarity_to(&reference, "the reference", &model)?
            }
            ("similarity", None) => {
                let text = "no picture to compare with; hint: send one as `reference`";
                return Err(Problem::bad_request(text).at("reference"));
            }
            (text, _) => {
                let target = text.parse().map_err(|text: String| Problem::bad_request(&text).at("target"))?;
                if let Target::Similarity(_) = target {
                    let text = "files are not opened here; hint: write `similarity` and send a `reference`";
                    return Err(Problem::bad_request(text).at("target"));
                }
                target.resolve(&model, &scene, faces).map_err(|error| Problem::from(error).at("target"))?
            }
        };
        Ok(Self { scene: scene.with_face(faces)?, model, target })
    }
}

/// Adds to a result's JSON what is seen of it.
fn shown(
    result: &impl serde::Serialize,
    canvas: Option<&RgbImage>,
    map: &Tensor,
    figure: &RgbImage,
) -> Result<Value, Problem> {
    let mut json = value(result)?;
    if let Value::Object(fields) = &mut json {
        if let Some(canvas) = canvas {
            fields.insert("canvas".to_owned(), picture(canvas)?);
        }
        fields.insert("values".to_owned(), array(map));
        fields.insert("figure".to_owned(), picture(figure)?);
    }
    Ok(json)
}

fn overlay(overlay: Option<RgbImage>) -> Result<Option<Vec<u8>>, Problem> {
    Ok(overlay.map(|overlay| eyebar_imaging::encode::png(&overlay)).transpose()?)
}

/// Grad-CAM: which cells of a layer speak for a score. As PNG the map over its picture, as NPY the raw map.
#[utoipa::path(post, path = "/v1/cam", tag = "look", request_body = CamRequest, responses(
    (status = 200, description = "The map with its picture, figure and shares of regions"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn cam(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    wanted: Wanted,
    Fields(request): Fields<CamRequest>,
) -> Result<Response, Problem> {
    answer(app, place, wanted, move |app, _| {
        let CamRequest { image, model, layer, target, reference } = &request;
        let subject = Subject::new(app, image, model.as_deref(), target.as_deref(), reference.as_ref())?;
        check_layer(&subject.model, layer.as_deref())?;
        let result = cam_scene(&subject.scene, &subject.model, layer.as_deref(), &subject.target)?;
        let colormap = Colormap::default();
        Ok(Answer {
            json: shown(&result, result.canvas.as_ref(), &result.map, &result.figure(colormap))?,
            png: overlay(result.overlay(colormap))?,
            array: Some(result.map),
        })
    })
    .await
}

/// Occlusion: what a score loses where a part is hidden. Ask for events to see its progress. As PNG the map over its
/// picture, as NPY the raw map.
#[utoipa::path(post, path = "/v1/occlusion", tag = "look", request_body = OcclusionRequest, responses(
    (status = 200, description = "The map with its picture, figure and shares of regions"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn occlusion(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    wanted: Wanted,
    Fields(request): Fields<OcclusionRequest>,
) -> Result<Response, Problem> {
    answer(app, place, wanted, move |app, report| {
        let OcclusionRequest { image, model, target, reference, patch, stride, fill } = &request;
        let subject = Subject::new(app, image, model.as_deref(), target.as_deref(), reference.as_ref())?;
        for (field, pixels) in [("patch", patch), ("stride", stride)] {
            if *pixels == Some(0) {
                return Err(Problem::bad_request("0 pixels hide nothing; hint: choose 1 or more").at(field));
            }
        }
        let usual = Occlusion::default();
        let positions = {
            let (width, height) = subject.model.spec()?.size.unwrap_or((224, 224));
            let stride = stride.unwrap_or(usual.stride);
            width.div_ceil(stride) * height.div_ceil(stride)
        };
        if positions > MOST_POSITIONS {
            let text = format!("{positions} positions are more than {MOST_POSITIONS}; hint: choose a larger stride");
            return Err(Problem::bad_request(&text).at("stride"));
        }
        let occlusion = Occlusion {
            patch: patch.unwrap_or(usual.patch),
            stride: stride.unwrap_or(usual.stride),
            fill: fill.unwrap_or_else(|| default_fill(&subject.model)),
        };
        let result = occlude_scene(&subject.scene, &subject.model, &subject.target, occlusion, report)?;
        let colormap = Colormap::default();
        Ok(Answer {
            json: shown(&result, result.canvas.as_ref(), &result.map, &result.figure(colormap))?,
            png: overlay(result.overlay(colormap))?,
            array: Some(result.map),
        })
    })
    .await
}
