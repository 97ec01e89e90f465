//! What all requests share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use eyebar::{Model, Recogniser};
use eyebar_gallery::Gallery;

use crate::auth::Tokens;
use crate::config::{Config, Limits};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::work::Workers;

/// The network that compares faces.
const EMBEDDER: &str = "sface";

/// The state of a server.
pub(crate) struct App {
    pub(crate) tokens: Tokens,
    pub(crate) limits: Limits,
    pub(crate) workers: Workers,
    pub(crate) metrics: Metrics,
    gallery: Option<Mutex<Gallery>>,
    models: Mutex<HashMap<String, Arc<Model>>>,
    recogniser: OnceLock<Recogniser>,
    live: OnceLock<Live>,
}

impl App {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            tokens: config.tokens,
            limits: config.limits,
            workers: Workers::new(config.limits),
            metrics: Metrics::new(),
            gallery: config.gallery.map(Mutex::new),
            models: Mutex::default(),
            recogniser: OnceLock::new(),
            live: OnceLock::new(),
        }
    }

    /// A bundled model, read once. Files are not opened for clients: a name is no path.
    pub(crate) fn model(&self, name: &str) -> Result<Arc<Model>, Problem> {
        if let Some(model) = held(&self.models).get(name) {
            return Ok(Arc::clone(model));
        }
        if !eyebar::manifest::entries().iter().any(|entry| entry.name == name) {
            let all: Vec<_> = eyebar::manifest::entries().iter().map(|entry| entry.name.as_str()).collect();
            let text = format!("there is no model {name:?}; hint: there are {}", all.join(", "));
            return Err(Problem::bad_request(&text).at("model"));
        }
        let model = Arc::new(Model::open(name, None)?);
        Ok(Arc::clone(held(&self.models).entry(name.to_owned()).or_insert(model)))
    }

    /// Finds and embeds faces.
    pub(crate) fn recogniser(&self) -> Result<&Recogniser, Problem> {
        if let Some(recogniser) = self.recogniser.get() {
            return Ok(recogniser);
        }
        let recogniser = Recogniser::new(&*self.embedder()?)?;
        Ok(self.recogniser.get_or_init(|| recogniser))
    }

    /// The network of [`App::recogniser`].
    pub(crate) fn embedder(&self) -> Result<Arc<Model>, Problem> {
        self.model(EMBEDDER)
    }

    /// Masks that are dragged.
    pub(crate) fn live(&self) -> Result<&Live, Problem> {
        if let Some(live) = self.live.get() {
            return Ok(live);
        }
        let live = Live::new(&self.embedder()?)?;
        Ok(self.live.get_or_init(|| live))
    }

    /// Loads the networks that most requests need, so that the first is not slow.
    pub(crate) fn warm(&self) {
        let loaded = self.recogniser().and_then(|recogniser| {
            // A picture without a face is enough to load the detector.
            let empty = eyebar_imaging::RgbImage::new(64, 64);
            recogniser.faces().all(&empty)?;
            self.live().map(|_| ())
        });
        if let Err(problem) = loaded {
            tracing::error!(problem.detail, "the networks could not be loaded");
        }
    }

    /// Whether [`App::warm`] is done.
    pub(crate) fn is_warm(&self) -> bool {
        self.live.get().is_some()
    }

    /// Forgets photographs that nobody used for long.
    pub(crate) fn forget_old_sessions(&self) {
        if let Some(live) = self.live.get() {
            live.forget_old();
        }
    }

    /// Sessions that are kept.
    pub(crate) fn sessions(&self) -> usize {
        self.live.get().map_or(0, Live::len)
    }

    /// Whether a gallery is served.
    pub(crate) fn has_gallery(&self) -> bool {
        self.gallery.is_some()
    }

    /// The gallery, for one at a time.
    pub(crate) fn gallery(&self) -> Result<MutexGuard<'_, Gallery>, Problem> {
        let missing = || {
            let text = "no gallery is served; hint: start the server with --gallery";
            Problem::new(axum::http::StatusCode::NOT_FOUND, text)
        };
        self.gallery.as_ref().map(held).ok_or_else(missing)
    }
}

/// What a thread that panicked left is whole: everything in there is changed at once, or by transactions.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
