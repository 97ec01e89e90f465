//! Work off the threads that answer: a bounded queue, and a way to give up.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;
use crate::input::discard;
use crate::problem::Problem;
use crate::state::App;

/// Seconds after which a client may come back.
const COME_BACK: u64 = 2;

/// Who works, and who waits.
pub(crate) struct Workers {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
    limits: Limits,
}

/// A request's place in the queue, kept until it is answered.
#[derive(Clone)]
pub(crate) struct Place(#[expect(dead_code, reason = "held, not read")] Arc<OwnedSemaphorePermit>);

/// Whether somebody still waits for a result.
#[derive(Clone, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// For progress callbacks.
    pub(crate) fn check(&self) -> ControlFlow<()> {
        if self.0.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Gives up when it is dropped.
pub(crate) struct Waiting(Cancel);

impl Waiting {
    pub(crate) fn new(cancel: &Cancel) -> Self {
        Self(cancel.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Workers {
    pub(crate) fn new(limits: Limits) -> Self {
        let permits = |count: usize| Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS)));
        Self { places: permits(limits.workers + limits.queue), running: permits(limits.workers), limits }
    }

    /// Requests that work or wait, and those that work.
    pub(crate) fn load(&self) -> (usize, usize) {
        let all = self.limits.workers + self.limits.queue;
        (all - self.places.available_permits(), self.limits.workers - self.running.available_permits())
    }

    /// Works on a thread of its own as soon as there is one. When the caller is dropped, `work` is told.
    ///
    /// # Errors
    /// Those of `work`; when it takes too long.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cancel) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        match tokio::time::timeout(self.limits.work, self.run_unlimited(Cancel::default(), work)).await {
            Ok(result) => result,
            Err(_) => {
                let text = format!(
                    "it took longer than {} s, and was given up; hint: send a smaller picture, or ask for events, which \
                     may take as long as they need",
                    self.limits.work.as_secs()
                );
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, &text))
            }
        }
    }

    /// As [`Workers::run`], however long it takes.
    pub(crate) async fn run_unlimited<T: Send + 'static>(
        &self,
        cancel: Cancel,
        work: impl FnOnce(&Cancel) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let _waiting = Waiting::new(&cancel);
        let running = Arc::clone(&self.running).acquire_owned().await;
        let running = running.map_err(|_| Problem::busy(COME_BACK))?;
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            // What it logs stands under the request's id.
            let _span = span.enter();
            // Until the work is over, not until nobody waits for it.
            let _running = running;
            if cancel.check().is_break() {
                return Err(Problem::busy(COME_BACK));
            }
            work(&cancel)
        });
        done.await.unwrap_or_else(|error| Err(Problem::internal(&error.to_string())))
    }
}

/// Gives a request its place, before its body is read.
pub(crate) async fn admit(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Result<Response, Problem> {
    let Ok(place) = Arc::clone(&app.workers.places).try_acquire_owned() else {
        discard(request).await;
        return Err(Problem::busy(COME_BACK));
    };
    request.extensions_mut().insert(Place(Arc::new(place)));
    let place = request.extensions().get::<Place>().cloned();
    let response = next.run(request).await;
    drop(place);
    Ok(response)
}
