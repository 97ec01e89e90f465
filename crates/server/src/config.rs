//! What a server is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use eyebar_gallery::Gallery;

use crate::auth::Tokens;

/// A server.
pub struct Config {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who may use it; everybody on this machine where there are none.
    pub tokens: Tokens,
    /// The gallery, where one is served.
    pub gallery: Option<Gallery>,
    /// Certificate and key (PEM), for HTTPS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// What it takes.
    pub limits: Limits,
}

/// What a server takes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests worked on at a time.
    pub workers: usize,
    /// Requests that wait beyond those; more are answered with 503.
    pub queue: usize,
    /// Bytes of a request.
    pub body: usize,
    /// Pixels of a photograph.
    pub pixels: u64,
    /// For a request to arrive.
    pub arrival: Duration,
    /// For a request to be worked on; jobs with progress are not limited, as their client may leave.
    pub work: Duration,
    /// For requests that are worked on when the server is told to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            queue: 64,
            body: 24 << 20,
            pixels: 40_000_000,
            arrival: Duration::from_secs(15),
            work: Duration::from_secs(60),
            grace: Duration::from_secs(30),
        }
    }
}
