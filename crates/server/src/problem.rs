//! Errors as `application/problem+json` (RFC 9457).

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use eyebar::Error;
use eyebar_gallery::GalleryError;
use eyebar_imaging::ImageError;
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was not done.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    pub(crate) status: u16,
    /// What was wrong.
    #[schema(value_type = String)]
    pub(crate) detail: Box<str>,
    /// The field of the request that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) field: Option<Box<str>>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    hint: Option<Box<str>>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem; what follows `hint:` in the text becomes its hint.
    pub(crate) fn new(status: StatusCode, text: &str) -> Self {
        let (detail, hint) = match text.split_once("; hint: ") {
            Some((detail, hint)) => (detail.into(), Some(hint.into())),
            None => (text.into(), None),
        };
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail,
            field: None,
            hint,
            retry_after: None,
        }
    }

    pub(crate) fn bad_request(text: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// Names the field at fault.
    pub(crate) fn at(mut self, field: &str) -> Self {
        self.field.get_or_insert_with(|| field.into());
        self
    }

    /// Too much to do: the client may come back in a while.
    pub(crate) fn busy(seconds: u64) -> Self {
        let text = "the server has as much to do as it takes; hint: try again in a while";
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }

    /// The server's own fault, whose reason is logged and not told.
    pub(crate) fn internal(reason: &str) -> Self {
        tracing::error!(reason, "a request failed");
        let text = "the server could not do it; hint: its log says why, under the request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let status = match &error {
            // A photograph has the name of its field.
            Error::NoFace { path } => {
                return Self::new(StatusCode::UNPROCESSABLE_ENTITY, &text).at(&path.to_string_lossy());
            }
            Error::Face(_) | Error::Explain(_) | Error::Array { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Image(ImageError::TooManyPixels { .. } | ImageError::FileTooLarge { .. }) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Error::Image(_) => return Self::new(StatusCode::UNPROCESSABLE_ENTITY, &text).at("image"),
            Error::Refused(_) | Error::Gallery(GalleryError::Rekeyed) => StatusCode::CONFLICT,
            Error::Gallery(GalleryError::NoSuchSubject { .. }) => {
                return Self::new(StatusCode::NOT_FOUND, &text).at("subject");
            }
            Error::Gallery(GalleryError::Name { .. }) => return Self::bad_request(&text).at("subject"),
            Error::Usage(_) | Error::Network(_) => StatusCode::BAD_REQUEST,
            Error::Model { .. } => StatusCode::BAD_REQUEST,
            // It names a person, and logs name nobody.
            Error::Gallery(GalleryError::Altered { .. }) => {
                return Self::internal(
                    "an entry of the gallery was changed or damaged, or has another key since `eyebar gallery rekey`; \
                     `eyebar gallery list` says which",
                );
            }
            // Files of the server are nobody's business.
            _ => return Self::internal(&text),
        };
        Self::new(status, &text)
    }
}

impl From<GalleryError> for Problem {
    fn from(error: GalleryError) -> Self {
        Error::from(error).into()
    }
}

impl From<eyebar_face::FaceError> for Problem {
    fn from(error: eyebar_face::FaceError) -> Self {
        Error::from(error).into()
    }
}

impl From<ImageError> for Problem {
    fn from(error: ImageError) -> Self {
        Error::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
