//! Requests: JSON, or forms with files, read within limits.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eyebar::Photo;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tokio_stream::StreamExt;
use utoipa::{PartialSchema, ToSchema};

use crate::problem::Problem;
use crate::state::App;

/// Fields that are numbers or truth values; in a form everything is text.
const NOT_TEXT: [&str; 11] = ["face", "fill", "fmr", "force", "map", "patch", "show", "size", "steps", "stride", "top"];

/// Bytes of a refused request that are read, and for how long.
const DISCARDED: usize = 4 << 20;
const PATIENCE: Duration = Duration::from_secs(2);

/// A field of several files.
const SEVERAL: &str = "images";

/// The fields of a request.
pub(crate) struct Fields<T>(pub(crate) T);

/// A picture as it was sent: base64 of a PNG or JPEG, or a `data:` URL.
#[derive(Clone)]
pub(crate) struct Picture(Vec<u8>);

impl Picture {
    /// Decodes it, within the server's limits.
    pub(crate) fn open(&self, app: &App, field: &str) -> Result<Photo, Problem> {
        let limits = eyebar_imaging::Limits { max_pixels: app.limits.pixels, ..eyebar_imaging::Limits::default() };
        Photo::of_bytes(field, &self.0, &limits).map_err(|error| Problem::from(error).at(field))
    }
}

impl<'de> Deserialize<'de> for Picture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let encoded = match text.strip_prefix("data:") {
            Some(url) => url.split_once(";base64,").map_or("", |(_, encoded)| encoded),
            None => &text,
        };
        match STANDARD.decode(encoded.trim()) {
            Ok(bytes) if !bytes.is_empty() => Ok(Self(bytes)),
            _ => Err(D::Error::custom("a picture is wanted, PNG or JPEG in base64")),
        }
    }
}

impl PartialSchema for Picture {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .content_encoding("base64")
            .content_media_type("image/*")
            .description(Some("PNG or JPEG in base64, or a data: URL; in a form a file"))
            .into()
    }
}

impl ToSchema for Picture {}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Fields<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        let fields = tokio::time::timeout(app.limits.arrival, async {
            match kind.as_str() {
                "application/json" => json(&bytes(request, app).await?),
                "multipart/form-data" => {
                    serde_path_to_error::deserialize(form(request, app).await?).map_err(|error| wrong(&error))
                }
                _ => {
                    let text = format!("{kind:?} is not read here; hint: send application/json or multipart/form-data");
                    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, &text))
                }
            }
        });
        fields.await.map(|fields| fields.map(Self)).map_err(|_| {
            let text = format!(
                "the request did not arrive within {} s; hint: send it faster, or a smaller picture",
                app.limits.arrival.as_secs()
            );
            Problem::new(StatusCode::REQUEST_TIMEOUT, &text)
        })?
    }
}

/// What is wrong with which field.
fn wrong<E: std::fmt::Display>(error: &serde_path_to_error::Error<E>) -> Problem {
    let (path, text) = (error.path().to_string(), error.inner().to_string());
    let problem = Problem::bad_request(&format!("{text}; hint: /openapi.json describes every field"));
    // Of a field that is missing or unknown, only the text has the name.
    let named = text.split('`').nth(1).filter(|_| text.contains("field"));
    match (path.as_str(), named) {
        (_, Some(field)) => problem.at(field),
        ("." | "?" | "", None) => problem,
        (path, None) => problem.at(path),
    }
}

/// Reads on what comes of a request that is refused, within limits: a client that still sends would otherwise see a broken
/// connection instead of the answer.
pub(crate) async fn discard(request: Request) {
    let mut left = DISCARDED;
    let mut body = request.into_body().into_data_stream();
    let read = async {
        while let Some(Ok(bytes)) = body.next().await {
            left = left.saturating_sub(bytes.len());
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(PATIENCE, read).await;
}

async fn bytes(request: Request, app: &App) -> Result<Bytes, Problem> {
    let too_large = || {
        let text = format!("the request has more than {} bytes; hint: send a smaller picture", app.limits.body);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, &text)
    };
    axum::body::to_bytes(request.into_body(), app.limits.body).await.map_err(|error| {
        let source = std::error::Error::source(&error);
        let is_long = source.is_some_and(|source| source.to_string().contains("length limit"));
        if is_long { too_large() } else { Problem::bad_request("the request broke off; hint: send it again") }
    })
}

/// Straight into the fields: what is none of them takes no memory.
fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let broken = |error: &serde_json::Error| {
        Problem::bad_request(&format!("the request is no JSON: {error}; hint: check quotes, commas and brackets"))
    };
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::bad_request(
            "the request is no JSON object; hint: begin it with a bracket { and name fields",
        ));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let fields = serde_path_to_error::deserialize(&mut reader).map_err(|error| match error.inner().classify() {
        serde_json::error::Category::Data => wrong(&error),
        _ => broken(error.inner()),
    })?;
    reader.end().map_err(|error| broken(&error))?;
    Ok(fields)
}

async fn form(request: Request, app: &Arc<App>) -> Result<Value, Problem> {
    let (parts, body) = request.into_parts();
    let body = bytes(Request::from_parts(parts.clone(), body), app).await?;
    let request = Request::from_parts(parts, body.into());
    let broken = |text: String| Problem::bad_request(&format!("the form is broken: {text}; hint: send it again"));
    let mut form = Multipart::from_request(request, app).await.map_err(|error| broken(error.body_text()))?;
    let mut fields = Map::new();
    while let Some(field) = form.next_field().await.map_err(|error| broken(error.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        let is_file = field.file_name().is_some();
        let bytes = field.bytes().await.map_err(|error| broken(error.body_text()))?;
        let value = match is_file {
            true => Value::String(STANDARD.encode(&bytes)),
            false => {
                let text = String::from_utf8(bytes.to_vec())
                    .map_err(|_| Problem::bad_request("it is no UTF-8; hint: send text as UTF-8").at(&name))?;
                let number = NOT_TEXT.contains(&name.as_str()).then(|| serde_json::from_str(&text).ok()).flatten();
                number.unwrap_or(Value::String(text))
            }
        };
        if name == SEVERAL {
            let list = fields.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(value);
            }
        } else if fields.insert(name.clone(), value).is_some() {
            return Err(Problem::bad_request("the field is there twice; hint: send it once").at(&name));
        }
    }
    Ok(Value::Object(fields))
}
