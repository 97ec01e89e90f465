//! Eyebar over HTTP: what the command line does, for programs and for a page in the browser.
//!
//! Photographs are worked on in memory. Nothing of what a request says is logged, and nothing is stored but what somebody
//! enrols.
#![forbid(unsafe_code)]

mod answer;
mod auth;
mod config;
mod events;
mod input;
mod live;
mod metrics;
mod page_files;
mod problem;
mod routes;
mod state;
mod work;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use eyebar::Error;

pub use auth::{Role, Token, Tokens};
pub use config::{Config, Limits};

use crate::state::App;

/// How often photographs that nobody uses any more are looked for.
const CLEANING: Duration = Duration::from_secs(30);
/// Longest that a request's headers may take to arrive.
const HEADERS: Duration = Duration::from_secs(10);

/// Serves until the process is told to stop (SIGINT or SIGTERM), then finishes what runs. `ready` is told where it listens.
///
/// # Errors
/// When the address is not loopback and there are no tokens, cannot be listened on, or certificate or key cannot be read.
pub fn serve(config: Config, ready: impl FnOnce(SocketAddr) + Send + 'static) -> Result<(), Error> {
    if !config.address.ip().is_loopback() && config.tokens.tokens.is_empty() {
        return Err(Error::Usage(format!(
            "{} is open to other machines, and there are no tokens; hint: make one with `eyebar token add`, or listen on \
             127.0.0.1",
            config.address
        )));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Error::Refused(format!("no threads for the server: {error}; hint: try again")))?;
    runtime.block_on(run(config, ready))
}

async fn run(config: Config, ready: impl FnOnce(SocketAddr) + Send + 'static) -> Result<(), Error> {
    let (address, tls, grace) = (config.address, config.tls.clone(), config.limits.grace);
    let listen = |error: std::io::Error| {
        Error::Usage(format!("cannot listen on {address}: {error}; hint: another program may; choose another --bind"))
    };
    // Before anything is loaded: a second server on the same address is told at once.
    let listener = std::net::TcpListener::bind(address).map_err(listen)?;
    listener.set_nonblocking(true).map_err(listen)?;
    let app = Arc::new(App::new(config));
    let router = routes::router(Arc::clone(&app)).into_make_service();
    let cleaned = Arc::clone(&app);
    tokio::spawn(async move {
        let mut turns = tokio::time::interval(CLEANING);
        loop {
            turns.tick().await;
            cleaned.forget_old_sessions();
        }
    });
    tokio::task::spawn_blocking(move || app.warm());
    let handle = Handle::new();
    tokio::spawn(stop(handle.clone(), grace));
    let announced = handle.clone();
    tokio::spawn(async move {
        if let Some(address) = announced.listening().await {
            ready(address);
        }
    });
    let served = match tls {
        None => {
            let mut server = axum_server::from_tcp(listener).map_err(listen)?.handle(handle);
            patient(server.http_builder());
            server.serve(router).await
        }
        Some((certificate, key)) => {
            let tls = RustlsConfig::from_pem_file(&certificate, &key).await.map_err(|error| {
                Error::Usage(format!(
                    "{} and {} are no certificate and key: {error}; hint: both are PEM files, the chain and its private key",
                    certificate.display(),
                    key.display()
                ))
            })?;
            let mut server = axum_server::from_tcp_rustls(listener, tls).map_err(listen)?.handle(handle);
            patient(server.http_builder());
            server.serve(router).await
        }
    };
    served.map_err(listen)
}

/// Waits for headers, but not for ever.
fn patient(builder: &mut hyper_util::server::conn::auto::Builder<hyper_util::rt::TokioExecutor>) {
    builder.http1().timer(hyper_util::rt::TokioTimer::new()).header_read_timeout(HEADERS);
    builder.http2().timer(hyper_util::rt::TokioTimer::new()).keep_alive_interval(HEADERS);
}

/// Tells the server to stop as soon as the process is told.
async fn stop(handle: Handle<SocketAddr>, grace: Duration) {
    let interrupt = async {
        // Where signals cannot be had, only the process can be ended.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
    tracing::info!("stopping; what runs is finished");
    handle.graceful_shutdown(Some(grace));
}
