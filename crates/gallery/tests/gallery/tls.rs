//! Encrypted connections, where there is a server with TLS and `openssl` to make a certificate.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use eyebar_gallery::{Address, Gallery, Location};
use eyebar_testkit::postgres::{Postgres, give, programs};

use crate::place::{NOW, key};

const CERTIFICATE: &str = "
    [req]
    distinguished_name = name
    x509_extensions = extensions
    prompt = no
    [name]
    CN = localhost
    [extensions]
    basicConstraints = critical, CA:FALSE
    subjectAltName = DNS:localhost
";

/// A certificate for `localhost` that no system trusts, and its key.
fn certificate(folder: &Path) -> bool {
    std::fs::write(folder.join("certificate.cnf"), CERTIFICATE).unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-config", "certificate.cnf"])
        .args(["-keyout", "server.key", "-out", "server.crt"])
        .current_dir(folder)
        .output();
    made.is_ok_and(|made| made.status.success())
}

fn with_tls() -> Option<std::path::PathBuf> {
    programs().into_iter().find(|folder| {
        let configured = Command::new(folder.join("pg_config")).arg("--configure").output();
        configured.is_ok_and(|about| String::from_utf8_lossy(&about.stdout).contains("openssl"))
    })
}

#[test]
fn certificates_are_verified() {
    let folder = tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir();
    let folder = folder.unwrap();
    let (Some(programs), true) = (with_tls(), certificate(folder.path())) else {
        eprintln!("skipped: no PostgreSQL with TLS, or no openssl");
        return;
    };
    give(&folder.path().join("server.key"));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let settings = [
        "listen_addresses=localhost".to_owned(),
        format!("port={port}"),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", file("server.crt")),
        format!("ssl_key_file={}", file("server.key")),
    ];
    let _server = Postgres::start(&programs, &settings.each_ref().map(String::as_str));
    let says = |host: &str, parameters: &str| {
        let address = Address::parse(&format!("postgres://tester@{host}:{port}/postgres?{parameters}")).unwrap();
        match Gallery::open_or_create(&Location::Server(Box::new(address)), &key(1), NOW) {
            Ok(_) => "connected".to_owned(),
            Err(error) => error.to_string(),
        }
    };
    let trusted = format!("sslmode=verify-full&sslrootcert={}", file("server.crt"));
    let connected = says("localhost", &trusted);
    assert!(connected == "connected" || connected.contains("pgvector"), "{connected}");
    for (host, parameters) in [("localhost", "sslmode=require"), ("127.0.0.1", &*trusted)] {
        let error = says(host, parameters);
        assert!(error.contains("PGSSLROOTCERT"), "{host} {parameters}: {error}");
    }
}
