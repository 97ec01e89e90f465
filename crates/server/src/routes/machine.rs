//! About the server.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::auth::role_of;
use crate::page_files::EXAMPLES;
use crate::problem::Problem;
use crate::state::App;

/// What the server is, and what the bearer of a token may do.
#[utoipa::path(get, path = "/v1/status", tag = "server", responses((status = 200, description = "Version, role, gallery")))]
pub(crate) async fn status(State(app): State<Arc<App>>, request: Request) -> Json<Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "role": role_of(&app, &request),
        "token_required": !app.tokens.tokens.is_empty(),
        "gallery": app.has_gallery(),
        "threads": std::thread::available_parallelism().map_or(1, usize::from),
        "masks": ["eye-bar", "eyes-nose", "face", "head", "blur", "pixelate", "noise"],
    }))
}

/// The models, and their layers.
#[utoipa::path(get, path = "/v1/models", tag = "server", responses((status = 200, description = "All models")))]
pub(crate) async fn models() -> Json<Value> {
    let models = eyebar::manifest::entries().iter().map(|entry| {
        json!({
            "name": entry.name,
            "title": entry.title,
            "task": entry.task,
            "licence": entry.licence,
            "attribution": entry.attribution,
            "size": entry.input.spec().size,
            "default_layer": entry.default_layer,
            "layers": entry.aliases().map(|(alias, _)| alias).collect::<Vec<_>>(),
        })
    });
    Json(json!({"models": models.collect::<Vec<_>>()}))
}

/// Photographs to try it with, and whom to name.
#[utoipa::path(get, path = "/v1/examples", tag = "server", responses((status = 200, description = "All of them")))]
pub(crate) async fn examples() -> Json<Value> {
    let examples = EXAMPLES.iter().map(|example| {
        let url = format!("/examples/{}", example.file.name);
        json!({"name": example.file.name, "title": example.title, "credit": example.credit, "url": url})
    });
    Json(json!({"examples": examples.collect::<Vec<_>>()}))
}

/// Whether the server lives.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, description = "It lives")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the server can work: its networks are loaded, and there is room in the queue.
#[utoipa::path(get, path = "/readyz", tag = "server", responses(
    (status = 200, description = "It can"),
    (status = 503, description = "Not yet, or not now", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    let (in_hand, _) = app.workers.load();
    if in_hand >= app.limits.workers + app.limits.queue {
        return Err(Problem::busy(1));
    }
    if !app.is_warm() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "networks are being loaded; hint: ask again in a second",
        ));
    }
    Ok("ok\n")
}

/// Requests, times and load, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "server", responses((status = 200, description = "OpenMetrics text")))]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], app.metrics.text(&app))
}
