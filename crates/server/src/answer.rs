//! Answers: JSON, a picture or an array, as the client asks.

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eyebar::Tensor;
use eyebar_imaging::{RgbImage, encode, npy};
use serde_json::{Value, json};

use crate::problem::Problem;

/// What a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Json,
    Png,
    Npy,
    /// Progress, then the result as JSON.
    Events,
}

impl Wanted {
    /// For what is neither a picture nor an array: refused before anything is done.
    pub(crate) fn words(self) -> Result<Self, Problem> {
        match self {
            Self::Json | Self::Events => Ok(self),
            Self::Png | Self::Npy => {
                let text = "there is no picture or array of this; hint: accept application/json";
                Err(Problem::new(StatusCode::NOT_ACCEPTABLE, text))
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Wanted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let accept = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
        let mut kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or("").trim());
        kinds
            .find_map(|kind| match kind {
                "" | "*/*" | "application/*" | "application/json" => Some(Self::Json),
                "image/png" | "image/*" => Some(Self::Png),
                "application/x-npy" => Some(Self::Npy),
                "text/event-stream" => Some(Self::Events),
                _ => None,
            })
            .ok_or_else(|| {
                let text = format!(
                    "{accept:?} is not made here; hint: accept application/json, image/png, application/x-npy or \
                     text/event-stream"
                );
                Problem::new(StatusCode::NOT_ACCEPTABLE, &text)
            })
    }
}

/// A result in every form that it has.
pub(crate) struct Answer {
    pub(crate) json: Value,
    pub(crate) png: Option<Vec<u8>>,
    pub(crate) array: Option<Tensor>,
}

impl Answer {
    /// One that is JSON alone.
    pub(crate) fn json(result: &impl serde::Serialize) -> Result<Self, Problem> {
        Ok(Self { json: value(result)?, png: None, array: None })
    }

    /// The form that is wanted.
    pub(crate) fn into(self, wanted: Wanted) -> Result<Response, Problem> {
        let typed = |kind, bytes: Vec<u8>| ([(CONTENT_TYPE, HeaderValue::from_static(kind))], bytes).into_response();
        let refuse = |kind: &str| {
            let text = format!("there is no {kind} of this; hint: accept application/json");
            Problem::new(StatusCode::NOT_ACCEPTABLE, &text)
        };
        match wanted {
            Wanted::Json | Wanted::Events => Ok(axum::Json(self.json).into_response()),
            Wanted::Png => Ok(typed("image/png", self.png.ok_or_else(|| refuse("picture"))?)),
            Wanted::Npy => {
                let array = self.array.ok_or_else(|| refuse("array"))?;
                Ok(typed("application/x-npy", npy::to_bytes(&array)))
            }
        }
    }
}

pub(crate) fn value(result: &impl serde::Serialize) -> Result<Value, Problem> {
    serde_json::to_value(result).map_err(|error| Problem::internal(&error.to_string()))
}

/// A picture as PNG in base64.
pub(crate) fn picture(image: &RgbImage) -> Result<Value, Problem> {
    Ok(Value::String(STANDARD.encode(encode::png(image)?)))
}

/// An array: its shape, and its values as little-endian f32 in base64.
pub(crate) fn array(tensor: &Tensor) -> Value {
    let bytes: Vec<u8> = tensor.data().iter().flat_map(|value| value.to_le_bytes()).collect();
    json!({"shape": tensor.shape(), "f32": STANDARD.encode(bytes)})
}
