//! One file per kind of request.

mod explain;
mod faces;
mod filters;
mod gallery;
mod look;
mod machine;
mod page;
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Role, require, same_origin};
use crate::metrics::observe;
use crate::problem::Problem;
use crate::state::App;
use crate::work::admit;

/// What the page may load: itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src blob:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Eyebar",
        description = "See what a CNN sees in a face, and measure what a mask really hides. Photographs are worked on in \
                       memory and never stored; of a face that is enrolled an encrypted template is."
    ),
    tags(
        (name = "look", description = "What networks see. Role: viewer."),
        (name = "mask", description = "What masks hide. Role: viewer."),
        (name = "gallery", description = "Who it is. Role: operator; to list and forget: admin."),
        (name = "server", description = "About the server.")
    )
)]
struct Description;

async fn viewer(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Problem> {
    require(Role::Viewer, &app, request, next).await
}

async fn operator(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Problem> {
    require(Role::Operator, &app, request, next).await
}

async fn admin(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Problem> {
    require(Role::Admin, &app, request, next).await
}

/// Every route of a server.
pub(crate) fn router(app: Arc<App>) -> Router {
    let viewers = OpenApiRouter::new()
        .routes(routes!(look::predict))
        .routes(routes!(look::compare))
        .routes(routes!(explain::cam))
        .routes(routes!(explain::occlusion))
        .routes(routes!(filters::filters))
        .routes(routes!(faces::faces))
        .routes(routes!(faces::mask))
        .routes(routes!(sessions::open))
        .routes(routes!(sessions::mask))
        .routes(routes!(sessions::close))
        .route_layer(from_fn_with_state(Arc::clone(&app), admit))
        .route_layer(from_fn_with_state(Arc::clone(&app), viewer));
    let operators = OpenApiRouter::new()
        .routes(routes!(gallery::enrol))
        .routes(routes!(gallery::verify))
        .routes(routes!(gallery::identify))
        .route_layer(from_fn_with_state(Arc::clone(&app), admit))
        .route_layer(from_fn_with_state(Arc::clone(&app), operator));
    let admins = OpenApiRouter::new()
        .routes(routes!(gallery::forget))
        .routes(routes!(gallery::list))
        .route_layer(from_fn_with_state(Arc::clone(&app), admit))
        .route_layer(from_fn_with_state(Arc::clone(&app), admin));
    let machine = OpenApiRouter::new()
        .routes(routes!(machine::metrics))
        .route_layer(from_fn_with_state(Arc::clone(&app), viewer));
    let (router, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(machine::status))
        .routes(routes!(machine::models))
        .routes(routes!(machine::examples))
        .routes(routes!(machine::healthz))
        .routes(routes!(machine::readyz))
        .merge(viewers)
        .merge(operators)
        .merge(admins)
        .merge(machine)
        .split_for_parts();
    let description = Arc::new(description.to_json().unwrap_or_default());
    router
        .route("/openapi.json", get(move || page::json(Arc::clone(&description))))
        .route("/", get(page::workbench))
        .route("/docs", get(page::docs))
        .route("/assets/{name}", get(page::asset))
        .route("/examples/{name}", get(page::example))
        .fallback(async || {
            Problem::new(
                StatusCode::NOT_FOUND,
                "there is nothing of that name; hint: /openapi.json lists what there is",
            )
        })
        .method_not_allowed_fallback(async || {
            let text = "it is not done so; hint: /openapi.json says with which method";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, text)
        })
        // Requests are bounded where they are read, as the configuration says.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(&app), same_origin))
        .layer(map_response(guarded))
        .layer(from_fn_with_state(Arc::clone(&app), observe))
        .with_state(app)
}

/// Headers that keep a browser from doing more than it is meant to.
async fn guarded(mut response: Response) -> Response {
    let permissions = HeaderName::from_static("permissions-policy");
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (permissions, "camera=(self), microphone=(), geolocation=()"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
