//! What a server says, and what to do.

use std::error::Error as _;

use ::postgres::Error;
use ::postgres::error::SqlState;

use crate::error::GalleryError;

/// For `map_err`: names the server.
pub(super) fn name(server: &str) -> impl Fn(Error) -> GalleryError {
    move |error| fail(server, reason(&error), remedy(&error))
}

pub(super) fn fail(server: &str, reason: impl Into<String>, remedy: &'static str) -> GalleryError {
    GalleryError::Server { server: server.to_owned(), reason: reason.into(), remedy }
}

/// The server's message alone: its details can hold what was to be stored.
pub(super) fn reason(error: &Error) -> String {
    if let Some(error) = error.as_db_error() {
        return error.message().to_owned();
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

fn remedy(error: &Error) -> &'static str {
    let Some(code) = error.code() else {
        return "the connection was lost or damaged; `eyebar gallery audit-log` says whether the last step was stored";
    };
    if [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT]
        .contains(code)
    {
        return "the server ended the connection; nothing of this step was stored, try again";
    }
    match code.code() {
        "28P01" | "28000" => "check the user, and the password in $PGPASSWORD or the address",
        "3D000" => "make the database on the server (createdb), or name another",
        "42501" => "the role must own the gallery's schema and tables, or may create them: GRANT CREATE ON DATABASE",
        "55P03" => "another process is writing to the gallery; try again",
        "25006" => "this server only reads; name the primary",
        "53300" | "57P03" => "the server is busy or starting; try again",
        "53100" => "the server's disk is full, make room; nothing of this step was stored",
        "54000" => "a server keeps templates of at most 16000 values; keep these in a file",
        "42P01" | "42703" | "42704" | "42883" | "XX001" | "XX002" => {
            "the gallery's tables are damaged or were changed; restore them from a backup"
        }
        _ => "report this as a bug, with the command that you ran",
    }
}
