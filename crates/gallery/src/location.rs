//! Where a gallery is.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use postgres::Config;
use postgres::config::{Host, SslMode};

use crate::error::GalleryError;

/// What addresses of servers begin with.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// The schema that a gallery's tables are in where none is named.
const SCHEMA: &str = "eyebar";

/// How an address is written.
const FORM: &str = "write postgres://USER@HOST:PORT/DATABASE, with letters such as @ / ? % of a name or password as %40 %2F \
                    %3F %25";

/// A file, or a schema of a PostgreSQL database.
#[derive(Debug, Clone)]
pub enum Location {
    /// An SQLite file.
    File(PathBuf),
    /// A database server.
    Server(Box<Address>),
}

/// How a database server is reached. A password is never shown.
#[derive(Clone)]
pub struct Address {
    pub(crate) config: Config,
    /// The schema of the tables.
    pub(crate) schema: String,
    /// File with the certificates that are trusted; those of the system where none is named.
    pub(crate) roots: Option<PathBuf>,
    /// Whether the connection is encrypted.
    pub(crate) encrypted: bool,
}

impl Location {
    /// Takes `postgres://…` and `postgresql://…` for a server, all else for a file.
    ///
    /// # Errors
    /// As [`Address::parse`]; for an address of another kind.
    pub fn parse(text: &Path) -> Result<Self, GalleryError> {
        match text.to_str() {
            Some(address) if SCHEMES.iter().any(|scheme| address.starts_with(scheme)) => {
                Address::parse(address).map(|address| Self::Server(Box::new(address)))
            }
            Some(address) if address.contains("://") => Err(refuse("is of an unknown kind", FORM)),
            _ => Ok(Self::File(text.to_path_buf())),
        }
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(address) => address.fmt(f),
        }
    }
}

impl Address {
    /// Takes `postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?PARAMETER=VALUE&…]` with the parameters of libpq that matter
    /// here; `search_path` names the schema of the tables, `eyebar` where there is none.
    ///
    /// Only connections to this machine may be without TLS.
    ///
    /// # Errors
    /// When it is something else, or would send templates through a network in the clear.
    pub fn parse(text: &str) -> Result<Self, GalleryError> {
        let (before, rest) = text.split_once('@').unwrap_or(("", text));
        let who = before.strip_prefix("postgres://").or(before.strip_prefix("postgresql://")).unwrap_or(before);
        let user = who.split(':').next().unwrap_or_default();
        if rest.contains('@') || user.contains(['/', '?', '=', '&']) {
            return Err(refuse("has an @ where none belongs", "write an @ of a password as %40"));
        }
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (mut mode, mut roots, mut schema) = (String::new(), None, SCHEMA.to_owned());
        let mut others = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let decoded = percent_decode_str(value).decode_utf8().map_err(|_| refuse("is not UTF-8", FORM))?;
            match name {
                "sslmode" => mode = decoded.into_owned(),
                "sslrootcert" if decoded == "system" => roots = None,
                "sslrootcert" => roots = Some(PathBuf::from(&*decoded)),
                "search_path" => schema = decoded.into_owned(),
                _ => others.push(parameter),
            }
        }
        let at = if before.is_empty() { "" } else { "@" };
        let plain = format!("{before}{at}{rest}?{}", others.join("&"));
        let config: Config = plain.parse().map_err(|_| refuse("cannot be read", FORM))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(refuse(
                "names no host",
                "for a server on this machine write postgres:///DATABASE?host=/run/postgresql",
            ));
        }
        // PostgreSQL takes `$user` for whoever connects, and cuts longer names.
        if schema.is_empty() || schema.len() > 63 || schema.contains([',', '\0', '$']) {
            return Err(refuse("has a search_path that is not one schema", "name one, such as search_path=eyebar"));
        }
        let local = is_local(&config);
        let encrypted = match mode.as_str() {
            "" | "allow" | "prefer" => !local,
            "require" | "verify-ca" | "verify-full" => true,
            "disable" if local => false,
            "disable" => {
                return Err(refuse(
                    "would send templates and password through the network in the clear",
                    "leave sslmode=disable out, or come through a tunnel (ssh -L) that ends at localhost",
                ));
            }
            _ => return Err(refuse("has an unknown sslmode", "take verify-full, or leave it out")),
        };
        let mut this = Self { config, schema, roots, encrypted };
        this.config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        Ok(this)
    }

    /// Takes `password` where the address has none.
    pub fn or_password(mut self, password: &str) -> Self {
        if self.config.get_password().is_none() {
            self.config.password(password);
        }
        self
    }

    /// Trusts the certificates of a PEM file where the address names none.
    pub fn or_root_certificates(mut self, file: PathBuf) -> Self {
        self.roots.get_or_insert(file);
        self
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |host: &Host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string().replace('/', "%2F"),
        };
        let mut hosts: Vec<String> = self.config.get_hosts().iter().map(host).collect();
        if hosts.is_empty() {
            hosts = self.config.get_hostaddrs().iter().map(ToString::to_string).collect();
        }
        f.write_str(SCHEMES[0])?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        f.write_str(&hosts.join(","))?;
        if let Some(port) = self.config.get_ports().first().filter(|port| **port != 5432) {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

fn refuse(reason: &str, remedy: &'static str) -> GalleryError {
    GalleryError::Address { reason: reason.to_owned(), remedy }
}

/// Whether no byte leaves the machine.
fn is_local(config: &Config) -> bool {
    let local = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(local) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Address, Location};

    fn parse(text: &str) -> Address {
        Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn files_and_servers() {
        for file in ["g.db", "/a/b c.db", "postgres", "postgres:x"] {
            assert!(matches!(Location::parse(Path::new(file)), Ok(Location::File(path)) if path == Path::new(file)));
        }
        for server in ["postgres://u@h/d", "postgresql://u@h/d"] {
            let location = Location::parse(Path::new(server)).unwrap();
            assert!(matches!(&location, Location::Server(_)));
            assert_eq!(location.to_string(), "postgres://u@h/d");
        }
        assert!(Location::parse(Path::new("mysql://u@h/d")).is_err());
    }

    #[test]
    fn a_password_is_never_shown() {
        let texts = [
            "postgres://u:secret@h/d",
            "postgres://u:secret@h:5433/d?search_path=faces",
            "postgres://u@h/d?password=secret",
            "postgres://u:a/secret@h/d",
            "postgres://u:a?secret@h/d",
        ];
        for text in texts {
            let address = parse(text);
            assert!(address.config.get_password().is_some_and(|password| password.ends_with(b"secret")));
            let shown = format!("{address} {address:?} {:?}", Location::Server(Box::new(address.clone())));
            assert!(!shown.contains("secret"), "{shown}");
        }
        for bad in [
            "postgres://u:a@secret@h/d",
            "postgres://u:secret@h:port/d",
            "postgres://u@h/d?secret=x",
            "postgres://:secret@",
            "postgres://h/d?user=u&password=secret@x",
        ] {
            let error = Address::parse(bad).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("secret") && shown.contains("hint"), "{shown}");
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        for local in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "%2Frun%2Fpostgresql"] {
            assert!(!parse(&format!("postgres://u@{local}/d")).encrypted, "{local}");
            assert!(!parse(&format!("postgres://u@{local}/d?sslmode=disable")).encrypted, "{local}");
            assert!(parse(&format!("postgres://u@{local}/d?sslmode=verify-full")).encrypted, "{local}");
        }
        for remote in ["h", "10.0.0.1", "localhost.example", "127.0.0.1,h", "h,127.0.0.1"] {
            for mode in ["", "?sslmode=prefer", "?sslmode=allow", "?sslmode=require"] {
                assert!(parse(&format!("postgres://u@{remote}/d{mode}")).encrypted, "{remote}{mode}");
            }
            let error = Address::parse(&format!("postgres://u@{remote}/d?sslmode=disable")).unwrap_err().to_string();
            assert!(error.contains("in the clear") && error.contains("hint"), "{error}");
        }
        assert!(parse("postgres://u@localhost/d?hostaddr=10.0.0.1").encrypted, "the address counts");
        assert!(Address::parse("postgres://u@h/d?sslmode=maybe").is_err());
        assert!(Address::parse("postgres:///d").is_err());
    }
}
