//! Who it is.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use eyebar::tasks::gallery::{self as task, EnrolRequest, PhotoToRead};
use eyebar_gallery::{Details, SubjectName};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::answer::{Answer, Wanted};
use crate::events::answer;
use crate::input::{Fields, Picture};
use crate::problem::Problem;
use crate::state::{App, now};
use crate::work::Place;

/// Most photographs of one request.
const MOST_PHOTOS: usize = 20;

/// Somebody to enrol.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrolPhotos {
    /// The name
    subject: String,
    /// Photographs, each of one face
    images: Vec<Picture>,
    /// What the template is kept for
    purpose: Option<String>,
    /// How the person agreed
    consent: Option<String>,
    /// Last day on which the person is matched, YYYY-MM-DD (UTC)
    keep_until: Option<String>,
    /// Enrol photographs that are not good enough, and faces that another subject has
    #[serde(default)]
    force: bool,
    /// False match rate at which a face is taken for another subject's
    fmr: Option<f64>,
}

/// A photograph and a name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyPhoto {
    /// The name
    subject: String,
    image: Picture,
    /// False match rate of the decision
    fmr: Option<f64>,
}

/// A photograph of somebody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentifyPhoto {
    image: Picture,
    /// Candidates to name [default: 5]
    #[schema(minimum = 1, maximum = 100)]
    top: Option<usize>,
    /// False match rate of the decision
    fmr: Option<f64>,
}

/// Somebody to forget.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForgetSubject {
    /// The name
    subject: String,
}

fn name(text: &str) -> Result<SubjectName, Problem> {
    SubjectName::new(text).map_err(|error| Problem::from(error).at("subject"))
}

/// A false match rate that makes sense.
pub(super) fn rate(fmr: Option<f64>) -> Result<Option<f64>, Problem> {
    match fmr {
        Some(rate) if !(rate > 0.0 && rate < 1.0) => {
            Err(Problem::bad_request("a rate lies between 0 and 1; hint: 1e-4 is usual").at("fmr"))
        }
        fmr => Ok(fmr),
    }
}

/// The end of a day.
fn end_of(day: &str) -> Result<i64, Problem> {
    let day = day.parse::<Date>().and_then(|day| day.tomorrow()).and_then(|day| day.to_zoned(TimeZone::UTC));
    let refuse = |_| Problem::bad_request("it is no day; hint: write YYYY-MM-DD").at("keep_until");
    Ok(day.map_err(refuse)?.timestamp().as_second())
}

/// Enrols somebody from photographs, which are not kept: their encrypted templates are. All are, or none.
#[utoipa::path(post, path = "/v1/enrol", tag = "gallery", request_body = EnrolPhotos, responses(
    (status = 200, description = "Who is enrolled from what; when it is answered, it is on disk"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn enrol(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    wanted: Wanted,
    Fields(request): Fields<EnrolPhotos>,
) -> Result<Response, Problem> {
    answer(app, place, wanted.words()?, move |app, report| {
        if request.images.is_empty() || request.images.len() > MOST_PHOTOS {
            let text = format!("{} photographs; hint: send 1 to {MOST_PHOTOS}", request.images.len());
            return Err(Problem::bad_request(&text).at("images"));
        }
        let photos = request
            .images
            .iter()
            .enumerate()
            .map(|(index, image)| image.open(app, &format!("images[{index}]")).map(PhotoToRead::Read));
        let details = Details {
            purpose: request.purpose.clone(),
            consent: request.consent.clone(),
            keep_until: request.keep_until.as_deref().map(end_of).transpose()?,
        };
        let enrolment = EnrolRequest {
            name: name(&request.subject)?,
            photos: photos.collect::<Result<_, _>>()?,
            details,
            force: request.force,
            fmr: rate(request.fmr)?,
        };
        let recogniser = app.recogniser()?;
        Answer::json(&task::enrol(&mut *app.gallery()?, recogniser, &enrolment, now(), report)?)
    })
    .await
}

/// Whether a photograph shows somebody (1:1).
#[utoipa::path(post, path = "/v1/verify", tag = "gallery", request_body = VerifyPhoto, responses(
    (status = 200, description = "The similarity and the decision"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    wanted: Wanted,
    Fields(request): Fields<VerifyPhoto>,
) -> Result<Response, Problem> {
    answer(app, place, wanted.words()?, move |app, _| {
        let (name, fmr) = (name(&request.subject)?, rate(request.fmr)?);
        let photo = request.image.open(app, "image")?;
        let recogniser = app.recogniser()?;
        Answer::json(&task::verify(&mut *app.gallery()?, recogniser, &name, &photo, fmr, now())?)
    })
    .await
}

/// Whom of the gallery a photograph shows, if anybody (1:N).
#[utoipa::path(post, path = "/v1/identify", tag = "gallery", request_body = IdentifyPhoto, responses(
    (status = 200, description = "The most similar, and the decision about the first"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn identify(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    wanted: Wanted,
    Fields(request): Fields<IdentifyPhoto>,
) -> Result<Response, Problem> {
    answer(app, place, wanted.words()?, move |app, report| {
        let (top, fmr) = (request.top.unwrap_or(5).clamp(1, 100), rate(request.fmr)?);
        let photo = request.image.open(app, "image")?;
        let recogniser = app.recogniser()?;
        Answer::json(&task::identify(&mut *app.gallery()?, recogniser, &photo, top, fmr, now(), report)?)
    })
    .await
}

/// Erases somebody: key, templates and name, without residue.
#[utoipa::path(post, path = "/v1/forget", tag = "gallery", request_body = ForgetSubject, responses(
    (status = 200, description = "Who was forgotten"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn forget(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    wanted: Wanted,
    Fields(request): Fields<ForgetSubject>,
) -> Result<Response, Problem> {
    answer(app, place, wanted.words()?, move |app, _| {
        let (subject, erased) = app.gallery()?.forget(&name(&request.subject)?, now())?;
        Answer::json(&json!({"subject": subject.name, "templates": subject.templates, "erased": erased}))
    })
    .await
}

/// Who is enrolled.
#[utoipa::path(get, path = "/v1/gallery", tag = "gallery", responses(
    (status = 200, description = "All subjects, and numbers of the gallery"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    wanted: Wanted,
) -> Result<Response, Problem> {
    answer(app, place, wanted.words()?, move |app, _| {
        let gallery = app.gallery()?;
        Answer::json(&json!({"subjects": gallery.subjects()?, "stats": gallery.stats(now())?}))
    })
    .await
}
