//! What is counted, for Prometheus.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tracing::Instrument;

use crate::auth::random_hex;
use crate::state::App;

/// Upper bounds of times, in seconds.
const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// The name of a request's id.
const REQUEST_ID: &str = "x-request-id";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// All of it.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram>,
    places: Gauge,
    running: Gauge,
    sessions: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("eyebar");
        let requests = Family::default();
        let seconds = Family::new_with_constructor((|| Histogram::new(BOUNDS)) as fn() -> Histogram);
        let (places, running, sessions) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("requests", "Requests answered", requests.clone());
        registry.register("request_seconds", "Time to answer", seconds.clone());
        registry.register("requests_in_hand", "Requests that work or wait", places.clone());
        registry.register("requests_worked_on", "Requests that work", running.clone());
        registry.register("sessions", "Photographs that masks are dragged over", sessions.clone());
        Self { registry, requests, seconds, places, running, sessions }
    }

    /// In OpenMetrics' text.
    pub(crate) fn text(&self, app: &App) -> String {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let (places, running) = app.workers.load();
        self.places.set(count(places));
        self.running.set(count(running));
        self.sessions.set(count(app.sessions()));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Gives each request an id, counts it, and logs its route, status and time: nothing of what it says.
pub(crate) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = random_hex::<8>().unwrap_or_default();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let start = Instant::now();
    let span = tracing::info_span!("request", id, token = tracing::field::Empty);
    let mut response = next.run(request).instrument(span.clone()).await;
    let (seconds, status) = (start.elapsed().as_secs_f64(), response.status().as_u16());
    app.metrics.requests.get_or_create(&Answered { route: route.clone(), status }).inc();
    app.metrics.seconds.get_or_create(&Route { route: route.clone() }).observe(seconds);
    span.in_scope(|| tracing::info!(%method, route, status, ms = (1e3 * seconds).round(), "answered"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
