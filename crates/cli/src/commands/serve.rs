//! `eyebar serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use eyebar::Error;
use eyebar_server::{Config, Limits, Tokens, serve};
use tracing_subscriber::EnvFilter;

use crate::gallery::GalleryArgs;
use crate::options::{Global, whole};
use crate::output::warn;

/// Serve the workbench and the HTTP interface
///
/// Open the address in a browser for the workbench; /docs lists every request and lets you try it. Photographs are worked
/// on in memory and never stored. Without tokens only this machine is served. SIGINT or SIGTERM stop the server once what
/// runs is finished.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar serve                                         the workbench on http://127.0.0.1:8080
  eyebar serve --gallery people.db                     with enrol, verify, identify and forget
  eyebar token add door --role operator --tokens tokens.json
  eyebar serve --bind 0.0.0.0:8443 --tokens tokens.json --tls-cert chain.pem --tls-key key.pem")]
pub(crate) struct Serve {
    /// Where to listen; other than this machine's own address only with --tokens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
    /// The file of tokens (see `eyebar token`)
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// Certificate chain (PEM), for HTTPS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Requests worked on at a time [default: one for each core]
    #[arg(long, value_parser = whole::<1, 1024>, allow_negative_numbers = true)]
    workers: Option<usize>,
    /// Requests that wait beyond those; more are answered with 503
    #[arg(long, default_value_t = 64, value_parser = whole::<0, 100_000>, allow_negative_numbers = true)]
    queue: usize,
    /// Largest request, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 24, value_parser = whole::<1, 1024>, allow_negative_numbers = true)]
    max_body: usize,
    /// Largest photograph, in millions of pixels
    #[arg(long, value_name = "MP", default_value_t = 40, value_parser = whole::<1, 100>, allow_negative_numbers = true)]
    max_pixels: usize,
    /// Seconds that a request may be worked on, where no progress is asked for
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = whole::<1, 3600>, allow_negative_numbers = true)]
    max_time: usize,
    /// Log as text instead of JSON; $RUST_LOG says how much
    #[arg(long)]
    log_text: bool,
    #[command(flatten)]
    gallery: GalleryArgs,
}

impl Serve {
    pub(crate) fn run(&self, _: &Global) -> Result<(), Error> {
        self.log();
        let tokens = match &self.tokens {
            Some(file) => {
                let tokens = Tokens::read(file)?;
                if tokens.tokens.is_empty() {
                    return Err(Error::Usage(format!(
                        "{}: there are no tokens in it; hint: make one with `eyebar token add NAME --role viewer --tokens {}`",
                        file.display(),
                        file.display()
                    )));
                }
                tokens
            }
            None => Tokens::default(),
        };
        let usual = Limits::default();
        let limits = Limits {
            workers: self.workers.unwrap_or(usual.workers),
            queue: self.queue,
            body: self.max_body << 20,
            pixels: self.max_pixels as u64 * 1_000_000,
            work: Duration::from_secs(self.max_time as u64),
            ..usual
        };
        let gallery = match &self.gallery.gallery {
            Some(_) => Some(self.gallery.open_or_create()?),
            None => None,
        };
        let tls = self.tls_cert.clone().zip(self.tls_key.clone());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let config = Config { address: self.bind, tokens, gallery, tls, limits };
        serve(config, move |address| warn(&format!("listening on {scheme}://{address}/ — stop with Ctrl-C")))
    }

    fn log(&self) {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        // A second subscriber is no reason to stop.
        let _ = match self.log_text {
            true => builder.try_init(),
            false => builder.json().flatten_event(true).try_init(),
        };
    }
}
