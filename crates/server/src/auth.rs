//! Who may do what: bearer tokens with roles, of which only hashes are kept.

use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::middleware::Next;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use crate::input::discard;
use crate::problem::Problem;
use crate::state::App;

/// What somebody may do: each role what those before it may, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look at pictures: predict, explain, compare, mask.
    Viewer,
    /// Use the gallery: enrol, verify, identify.
    Operator,
    /// See who is in the gallery, and erase.
    Admin,
}

/// A token as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// What it is for; shown in logs.
    pub name: String,
    /// What its bearer may do.
    pub role: Role,
    /// SHA-256 of the token, hexadecimal: a token has 256 random bits, so its hash cannot be searched.
    pub sha256: String,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
}

/// All tokens.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// In the order in which they were made.
    pub tokens: Vec<Token>,
}

impl Tokens {
    /// Reads a file of tokens; none where there is no file.
    ///
    /// # Errors
    /// When it cannot be read, or is something else.
    pub fn read(path: &Path) -> Result<Self, eyebar::Error> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(eyebar::Error::Read { path: path.to_path_buf(), source }),
        };
        serde_json::from_slice(&text).map_err(|error| {
            eyebar::Error::Usage(format!(
                "{}: no file of tokens ({error}); hint: `eyebar token add` makes one",
                path.display()
            ))
        })
    }

    /// Adds a token of 256 random bits, and returns it: it is kept nowhere.
    ///
    /// # Errors
    /// When another has the name, or the system has no random numbers.
    pub fn add(&mut self, name: &str, role: Role, expires: Option<Timestamp>) -> Result<String, eyebar::Error> {
        if self.tokens.iter().any(|token| token.name == name) {
            let text = format!("a token is called {name:?} already; hint: revoke it first, or choose another name");
            return Err(eyebar::Error::Usage(text));
        }
        let secret = format!("eyebar_{}", random_hex::<32>()?);
        self.tokens.push(Token { name: name.to_owned(), role, sha256: hash(&secret), expires });
        Ok(secret)
    }

    /// The token that `secret` is, if it is one and not expired. Every hash is compared in full, whichever it is.
    fn bearer(&self, secret: &str, now: Timestamp) -> Option<&Token> {
        let hash = hash(secret);
        let mut found = None;
        for token in &self.tokens {
            if bool::from(token.sha256.as_bytes().ct_eq(hash.as_bytes())) {
                found = Some(token);
            }
        }
        found.filter(|token| token.expires.is_none_or(|expires| now < expires))
    }
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Random bytes, hexadecimal.
pub(crate) fn random_hex<const BYTES: usize>() -> Result<String, eyebar::Error> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        eyebar::Error::Refused(format!("the system has no random numbers: {error}; hint: try again"))
    })?;
    Ok(hex(&bytes))
}

/// The role that a request has; nothing where a token is wanted, and there is none or a wrong one. The log tells which token
/// it was, by its name.
pub(crate) fn role_of(app: &App, request: &Request) -> Option<Role> {
    if app.tokens.tokens.is_empty() {
        return Some(Role::Admin);
    }
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = header.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    let token = is_bearer.then(|| app.tokens.bearer(secret.trim(), Timestamp::now())).flatten()?;
    tracing::Span::current().record("token", token.name.as_str());
    Some(token.role)
}

/// Lets a request through that has at least the role `least`, and tells it which.
pub(crate) async fn require(least: Role, app: &App, mut request: Request, next: Next) -> Result<Response, Problem> {
    match role_of(app, &request) {
        Some(role) if role >= least => {
            request.extensions_mut().insert(role);
            Ok(next.run(request).await)
        }
        Some(_) => {
            discard(request).await;
            let least = format!("{least:?}").to_lowercase();
            let text = format!("this needs the role {least}; hint: use a token that has it");
            Err(Problem::new(StatusCode::FORBIDDEN, &text))
        }
        None => {
            discard(request).await;
            let text =
                "a valid token is needed; hint: send `Authorization: Bearer TOKEN`, with one that has not expired";
            Err(Problem::new(StatusCode::UNAUTHORIZED, text))
        }
    }
}

/// Refuses what another website has a browser send; and, where no token is asked for, names that another website may have
/// given this machine.
pub(crate) async fn same_origin(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    from_here(&app, &request)?;
    Ok(next.run(request).await)
}

fn from_here(app: &App, request: &Request) -> Result<(), Problem> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = text(HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    let refuse = |text: &str| Err(Problem::new(StatusCode::FORBIDDEN, text));
    if let Some(origin) = text(ORIGIN)
        && origin.split_once("://").map(|(_, authority)| authority) != host
    {
        return refuse("another website sent this; hint: use the workbench of this server, or a program");
    }
    if app.tokens.tokens.is_empty() && !host.is_some_and(is_loopback) {
        return refuse(
            "without tokens only this machine is served; hint: call it localhost, or start it with --tokens",
        );
    }
    Ok(())
}

/// Whether a host, with or without a port, is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, ToSpan};

    use super::{Role, Tokens, is_loopback};

    #[test]
    fn only_the_token_itself_opens_and_only_in_time() {
        let now = Timestamp::now();
        let mut tokens = Tokens::default();
        let door = tokens.add("door", Role::Operator, None).unwrap();
        let old = tokens.add("old", Role::Admin, Some(now.checked_sub(1.second()).unwrap())).unwrap();
        assert!(tokens.add("door", Role::Viewer, None).is_err(), "names are of one token");
        assert_eq!(tokens.bearer(&door, now).map(|token| token.role), Some(Role::Operator));
        for wrong in ["", "door", &door[1..], &format!("{door}0"), &old, &tokens.tokens[0].sha256] {
            assert!(tokens.bearer(wrong, now).is_none(), "{wrong}");
        }
        assert!(!serde_json::to_string(&tokens).unwrap().contains(&door), "only hashes are kept");
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "127.8.0.1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com", "10.0.0.1:80", "[::2]:80", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
