//! What filters detect.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use eyebar::tasks::filters as task;
use eyebar_explain::activation::{Maximisation, Prior};
use eyebar_imaging::encode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::explain::check_layer;
use crate::answer::{Answer, Wanted, picture, value};
use crate::events::answer;
use crate::input::Fields;
use crate::problem::Problem;
use crate::state::App;
use crate::work::Place;

/// Most filters, steps and pixels a side of one request.
const MOST: (usize, usize, usize) = (64, 512, 256);

/// Filters to draw.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FiltersRequest {
    /// A bundled model [default: vgg16]
    model: Option<String>,
    /// A layer [default: the model's own]
    layer: Option<String>,
    /// A range `0..8` or a list `3,7,12` [default: 0..8]
    filters: Option<String>,
    /// Steps of the climb [default: 30]
    #[schema(minimum = 1, maximum = 512)]
    steps: Option<usize>,
    /// Side of the pictures [default: 128, or the model's own]
    #[schema(minimum = 32, maximum = 256)]
    size: Option<usize>,
}

/// Activation maximisation: the picture that each filter responds to most. Ask for events to see its progress. As PNG the
/// figure.
#[utoipa::path(post, path = "/v1/filters", tag = "look", request_body = FiltersRequest, responses(
    (status = 200, description = "A picture for each filter, and the figure"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn filters(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    wanted: Wanted,
    Fields(request): Fields<FiltersRequest>,
) -> Result<Response, Problem> {
    answer(app, place, wanted, move |app, report| {
        let model = app.model(request.model.as_deref().unwrap_or("vgg16"))?;
        check_layer(&model, request.layer.as_deref())?;
        let channels = channels(request.filters.as_deref().unwrap_or("0..8"))?;
        let size = request.size.map(|side| (side, side));
        let within = |value: Option<usize>, least: usize, most: usize, field: &str| match value {
            Some(value) if !(least..=most).contains(&value) => {
                Err(Problem::bad_request(&format!("{value} is not from {least} to {most}; hint: choose another"))
                    .at(field))
            }
            _ => Ok(()),
        };
        within(request.steps, 1, MOST.1, "steps")?;
        within(request.size, 32, MOST.2, "size")?;
        let usual = Maximisation::default();
        let prior = match (usual.prior, request.steps) {
            (Prior::Pixels { rate, .. }, Some(steps)) => Prior::Pixels { steps, rate },
            (Prior::Fourier { rate, .. }, Some(steps)) => Prior::Fourier { steps, rate },
            (prior, None) => prior,
        };
        let layer = match &request.layer {
            Some(layer) => layer.clone(),
            None => task::default_layer(&model, size)?,
        };
        let options = Maximisation { size, prior, ..usual };
        let result = task::filters(&model, &layer, &channels, &options, report);
        let result = result.map_err(|error| Problem::from(error).at("filters"))?;
        let figure = task::figure(model.name(), std::slice::from_ref(&result));
        let mut json = value(&result)?;
        for (index, filter) in result.filters.iter().enumerate() {
            json["filters"][index]["image"] = match &filter.image {
                Some(image) => picture(image)?,
                None => Value::Null,
            };
        }
        json["figure"] = picture(&figure)?;
        Ok(Answer { json, png: Some(encode::png(&figure)?), array: None })
    })
    .await
}

/// `0..8`, or `3,7,12`.
fn channels(text: &str) -> Result<Vec<usize>, Problem> {
    let refuse = || {
        let text = format!("{text:?} names no filters; hint: write 0..8 or 3,7,12, at most {}", MOST.0);
        Problem::bad_request(&text).at("filters")
    };
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| refuse());
    let channels = match text.split_once("..") {
        Some((first, end)) => {
            let (first, end) = (number(first)?, number(end)?);
            if end.saturating_sub(first) > MOST.0 {
                return Err(refuse());
            }
            (first..end).collect()
        }
        None => text.split(',').map(number).collect::<Result<Vec<_>, _>>()?,
    };
    if channels.is_empty() || channels.len() > MOST.0 { Err(refuse()) } else { Ok(channels) }
}

#[cfg(test)]
mod tests {
    use super::channels;

    #[test]
    fn filters_are_a_range_or_a_list() {
        assert_eq!(channels("2..4").ok(), Some(vec![2, 3]));
        assert_eq!(channels("7, 1").ok(), Some(vec![7, 1]));
        for bad in ["", "4..2", "0..65", "a", "1..", "0..18446744073709551615"] {
            assert!(channels(bad).is_err(), "{bad}");
        }
    }
}
