//! From an address to a connection.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ::postgres::{Client, Error, NoTls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{fail, name, reason};
use crate::error::GalleryError;
use crate::location::Address;

/// How long a server is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// After how long without a word a connection is looked after.
const QUIET: Duration = Duration::from_secs(30);

/// Connects, with TLS where the address asks for it.
pub(super) fn connect(address: &Address) -> Result<Client, GalleryError> {
    let server = address.to_string();
    let mut config = address.config.clone();
    config.application_name("eyebar").connect_timeout(PATIENCE).keepalives_idle(QUIET);
    let hosts = config.get_hosts().len().max(config.get_hostaddrs().len()).max(1) as u32;
    let tls = if address.encrypted { Some(tls(address, &server)?) } else { None };
    // A server that accepts and then says nothing is not covered by the timeout of the socket.
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let connected = match tls {
            Some(tls) => config.connect(MakeRustlsConnect::new(tls)),
            None => config.connect(NoTls),
        };
        // Nobody receives it any more where it took too long.
        let _ = sender.send(connected);
    });
    match receiver.recv_timeout(PATIENCE * hosts + PATIENCE / 5) {
        Ok(connected) => connected.map_err(|error| refused(&server, error)),
        Err(_) => Err(fail(&server, "no answer", "check the address, and that it is a PostgreSQL server")),
    }
}

fn refused(server: &str, error: Error) -> GalleryError {
    if error.code().is_some() {
        return name(server)(error);
    }
    let reason = reason(&error);
    let remedy = if reason.contains("TLS") {
        "over a network the server must have TLS (ssl = on) with a certificate for this host; $PGSSLROOTCERT names the file \
         of the authority that signed it"
    } else if reason.contains("password") {
        "set $PGPASSWORD, or put the password into the address"
    } else {
        "check that the server runs, and its host and port"
    };
    fail(server, reason, remedy)
}

/// Certificates are always verified.
fn tls(address: &Address, server: &str) -> Result<ClientConfig, GalleryError> {
    let roots = match &address.roots {
        Some(file) => from_file(file, server)?,
        None => from_system(server)?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(server, error.to_string(), "report this as a bug"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn from_file(file: &Path, server: &str) -> Result<RootCertStore, GalleryError> {
    let bad = |reason: String| {
        let reason = format!("{}: {reason}", file.display());
        fail(server, reason, "$PGSSLROOTCERT or sslrootcert names a PEM file of certificates")
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| bad(error.to_string()))? {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bad("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}

fn from_system(server: &str) -> Result<RootCertStore, GalleryError> {
    let mut roots = RootCertStore::empty();
    // Those that cannot be read are passed over, as everybody does.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let remedy = "install them (Debian: ca-certificates), or name a file with $PGSSLROOTCERT";
        return Err(fail(server, "the system trusts no certificates", remedy));
    }
    Ok(roots)
}
