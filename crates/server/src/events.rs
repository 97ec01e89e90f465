//! Long work: progress as server-sent events, given up when the client leaves.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::answer::{Answer, Wanted};
use crate::problem::Problem;
use crate::state::App;
use crate::work::{Cancel, Place};

/// At most so often.
const PACE: Duration = Duration::from_millis(100);

/// What work is told to report its progress by.
pub(crate) type Report<'a> = &'a (dyn Fn(usize, usize) -> ControlFlow<()> + Sync);

/// Does `work`, and answers in the form that is wanted: at once, or with progress first.
pub(crate) async fn answer(
    app: Arc<App>,
    place: Place,
    wanted: Wanted,
    work: impl FnOnce(&App, Report<'_>) -> Result<Answer, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let own = Arc::clone(&app);
    if wanted != Wanted::Events {
        let done = app.workers.run(move |cancel| work(&own, &|_, _| cancel.check())).await;
        return done?.into(wanted);
    }
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        let _place = place;
        let (cancel, told) = (Cancel::default(), sender.clone());
        let work = move |cancel: &Cancel| work(&own, &paced(&told, cancel));
        let done = tokio::select! {
            done = app.workers.run_unlimited(cancel, work) => done,
            // The client has left: dropping the other branch gives the work up.
            () = sender.closed() => return,
        };
        let _ = sender.send(match done {
            Ok(answer) => event("result", &answer.json),
            Err(problem) => event("problem", &serde_json::to_value(problem).unwrap_or_default()),
        });
    });
    Ok(Sse::new(UnboundedReceiverStream::new(receiver)).keep_alive(KeepAlive::default()).into_response())
}

/// Reports that are sent at [`PACE`], and the last.
fn paced<'a>(
    sender: &'a UnboundedSender<Result<Event, Infallible>>,
    cancel: &'a Cancel,
) -> impl Fn(usize, usize) -> ControlFlow<()> + Sync + 'a {
    let last = std::sync::Mutex::new(None::<Instant>);
    move |done, total| {
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if done == total || last.is_none_or(|last| last.elapsed() >= PACE) {
            *last = Some(Instant::now());
            let _ = sender.send(event("progress", &json!({"done": done, "total": total})));
        }
        cancel.check()
    }
}

fn event(name: &str, data: &Value) -> Result<Event, Infallible> {
    Ok(Event::default().event(name).data(data.to_string()))
}
