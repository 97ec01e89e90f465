//! A mask that is dragged over a face.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use eyebar::Rule;
use eyebar::tasks::gallery;
use eyebar_explain::unwatched;
use eyebar_face::{Face, Template};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::faces::{landmarks, mask_of};
use crate::answer::{Answer, Wanted, array, picture};
use crate::auth::Role;
use crate::events::answer;
use crate::input::{Fields, Picture};
use crate::problem::Problem;
use crate::state::{App, now};
use crate::work::Place;

/// Last rank that is told.
const LAST_RANK: usize = 1000;

/// A face to drag masks over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenSession {
    image: Picture,
    /// Another photograph of the person [default: the photograph itself, without a mask]
    reference: Option<Picture>,
    /// Which face, in the order of /v1/faces [default: the one nearest to the middle]
    face: Option<usize>,
}

/// A mask at a place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutMask {
    /// none, eye-bar, …, or custom:LEFT,TOP,RIGHT,BOTTOM in eye distances from the middle between the eyes
    mask: String,
    /// Whether the heat map of what still gives the person away is made
    #[serde(default)]
    map: bool,
    /// Whether the masked face is shown
    #[serde(default)]
    show: bool,
}

/// Keeps a photograph for ten minutes after it was last used, so that masks can be tried on it quickly.
#[utoipa::path(post, path = "/v1/sessions", tag = "mask", request_body = OpenSession, responses(
    (status = 201, description = "The session, and where the face is"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    Extension(role): Extension<Role>,
    Fields(request): Fields<OpenSession>,
) -> Result<Response, Problem> {
    let answered = answer(app, place, Wanted::Json, move |app, _| {
        let recogniser = app.recogniser()?;
        let photo = request.image.open(app, "image")?;
        let face: Face = match request.face {
            None => recogniser.faces().among(&photo)?.0,
            Some(index) => {
                let faces = recogniser.faces().all(&photo.image)?;
                let text = || format!("there are {} faces; hint: count from 0", faces.len());
                *faces.get(index).ok_or_else(|| Problem::bad_request(&text()).at("face"))?
            }
        };
        let own = recogniser.embed(&photo.image, face)?.template;
        let reference = match &request.reference {
            Some(reference) => {
                let photo = reference.open(app, "reference")?;
                let (face, _) =
                    recogniser.faces().among(&photo).map_err(|error| Problem::from(error).at("reference"))?;
                recogniser.embed(&photo.image, face)?.template
            }
            None => own.clone(),
        };
        let known = match sees_gallery(app, role) {
            true => first(app, &own)?,
            false => Value::Null,
        };
        let subject = known["accepted"].as_bool().filter(|accepted| *accepted);
        let subject = subject.and_then(|_| known["subject"].as_str()).map(str::to_owned);
        let similarity = own.similarity(&reference)?;
        let session = app.live()?.open(&photo, &face, reference, subject)?;
        let frame = face.landmarks.frame()?;
        Answer::json(&json!({
            "session": session,
            "width": photo.image.width(),
            "height": photo.image.height(),
            "model": recogniser.model(),
            "landmarks": landmarks(&face.landmarks),
            "frame": {"origin": frame.centre, "right": frame.along, "down": frame.down(), "d": frame.d},
            "similarity": similarity,
            "threshold": threshold(app)?.map(|rule| rule.threshold),
            "gallery": known,
        }))
    });
    Ok((StatusCode::CREATED, answered.await?).into_response())
}

/// Who may identify is told whom the gallery takes the face for.
fn sees_gallery(app: &App, role: Role) -> bool {
    app.has_gallery() && role >= Role::Operator
}

/// The rule of the gallery, or that which comes with the network.
fn threshold(app: &App) -> Result<Option<Rule>, Problem> {
    let recogniser = app.recogniser()?;
    Ok(match app.has_gallery() {
        true => Some(gallery::rule(&*app.gallery()?, recogniser, None)?),
        false => Rule::bundled(recogniser.model(), None)?,
    })
}

/// Who in the gallery comes first for a template, and whether that is enough; nothing where nobody is in it.
fn first(app: &App, template: &Template) -> Result<Value, Problem> {
    ranked(app, template, None)
}

/// The place of `subject` in the gallery for a template, of whoever comes first where nobody is named.
fn ranked(app: &App, template: &Template, subject: Option<&str>) -> Result<Value, Problem> {
    let recogniser = app.recogniser()?;
    let gallery = app.gallery()?;
    let most = if subject.is_some() { LAST_RANK } else { 1 };
    let found = gallery.nearest(recogniser.model(), &[template.values()], most, now(), &unwatched)?;
    let rule = gallery::rule(&gallery, recogniser, None)?;
    let people = found.matches.into_iter().next().unwrap_or_default();
    let place = match subject {
        Some(subject) => people.iter().position(|person| person.subject.name.as_str() == subject),
        None => (!people.is_empty()).then_some(0),
    };
    Ok(match place {
        Some(place) => json!({
            "rank": place + 1,
            "subject": people[place].subject.name,
            "similarity": people[place].similarity,
            "subjects": found.subjects,
            "accepted": place == 0 && rule.accepts(people[place].similarity),
        }),
        None if subject.is_some() => {
            json!({"rank": null, "subject": subject, "similarity": null, "subjects": found.subjects, "accepted": false})
        }
        None => Value::Null,
    })
}

/// How alike the face is behind a mask, and what still gives it away.
#[utoipa::path(post, path = "/v1/sessions/{session}/mask", tag = "mask", request_body = PutMask,
    params(("session" = String, Path, description = "The session")), responses(
    (status = 200, description = "The similarity, the rank and, where asked for, face and map"),
    (status = 404, description = "No such session, or it was forgotten", body = Problem, content_type = "application/problem+json"),
    (status = "4XX", description = "What was wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn mask(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Place>,
    Extension(role): Extension<Role>,
    Path(session): Path<String>,
    Fields(request): Fields<PutMask>,
) -> Result<Response, Problem> {
    answer(app, place, Wanted::Json, move |app, _| {
        let start = Instant::now();
        let live = app.live()?;
        let session = live.get(&session).ok_or_else(gone)?;
        let mask = if request.mask == "none" { None } else { Some(mask_of(&request.mask)?) };
        let seen = live.look(&session, mask, request.map, app.recogniser()?)?;
        let rule = threshold(app)?;
        let known = match session.subject.as_deref().filter(|_| sees_gallery(app, role)) {
            Some(subject) => ranked(app, &seen.template, Some(subject))?,
            None => Value::Null,
        };
        let face = if request.show { picture(&seen.face)? } else { Value::Null };
        let map = match &seen.cam {
            Some(cam) => json!({"canvas": picture(&seen.face)?, "values": array(&cam.map), "zero": cam.zero}),
            None => Value::Null,
        };
        Answer::json(&json!({
            "mask": mask.map_or_else(|| "none".to_owned(), |mask| mask.to_string()),
            "similarity": seen.similarity,
            "threshold": rule.as_ref().map(|rule| rule.threshold),
            "same_person": rule.as_ref().map(|rule| rule.accepts(seen.similarity)),
            "gallery": known,
            "covered": seen.covered,
            "face": face,
            "map": map,
            "took_ms": (1e4 * start.elapsed().as_secs_f64()).round() / 10.0,
        }))
    })
    .await
}

/// Forgets a photograph at once.
#[utoipa::path(delete, path = "/v1/sessions/{session}", tag = "mask",
    params(("session" = String, Path, description = "The session")), responses(
    (status = 204, description = "It is forgotten"),
    (status = 404, description = "No such session", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn close(State(app): State<Arc<App>>, Path(session): Path<String>) -> Result<StatusCode, Problem> {
    let known = app.live().is_ok_and(|live| live.close(&session));
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(gone()) }
}

fn gone() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such session any more; hint: open the photograph again")
}
