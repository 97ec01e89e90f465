//! The workbench, and what it is made of.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::page_files::{ASSETS, EXAMPLES, File};
use crate::problem::Problem;

/// The description of all requests.
pub(crate) async fn json(description: Arc<String>) -> Response {
    ([(CONTENT_TYPE, "application/json")], description.as_bytes().to_vec()).into_response()
}

pub(crate) async fn workbench() -> Result<Response, Problem> {
    found(ASSETS.iter(), "index.html")
}

pub(crate) async fn docs() -> Result<Response, Problem> {
    found(ASSETS.iter(), "docs.html")
}

/// A part of the page, by its name in a list: no path is ever opened.
pub(crate) async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    found(ASSETS.iter(), &name)
}

/// A photograph to try it with.
pub(crate) async fn example(Path(name): Path<String>) -> Result<Response, Problem> {
    found(EXAMPLES.iter().map(|example| &example.file), &name)
}

fn found<'a>(mut files: impl Iterator<Item = &'a File>, name: &str) -> Result<Response, Problem> {
    let file = files
        .find(|file| file.name == name)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such file; hint: the page is at /"))?;
    let mut response = ([(CONTENT_TYPE, file.kind)], file.bytes).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}
