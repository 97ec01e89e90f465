//! `eyebar token`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use eyebar::Error;
use eyebar_imaging::encode::write_atomic;
use eyebar_report::Table;
use eyebar_server::{Role, Tokens};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::options::{Global, whole};
use crate::output::show;

/// Tokens for `eyebar serve`: who may do what, and how long
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar token add door --role operator --days 90 --tokens tokens.json
  eyebar token list --tokens tokens.json
  eyebar token revoke door --tokens tokens.json

A token is shown once, when it is made: the file holds its hash. A server reads the file when it starts.")]
pub(crate) struct TokenCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token, and show it
    Add {
        /// What it is for
        name: String,
        /// viewer: look at pictures; operator: also enrol, verify, identify; admin: also list and forget
        #[arg(long, value_enum)]
        role: RoleArg,
        /// Days after which it is refused [default: never]
        #[arg(long, value_parser = whole::<1, 36_500>, allow_negative_numbers = true)]
        days: Option<usize>,
        /// The file of tokens
        #[arg(long, value_name = "FILE")]
        tokens: PathBuf,
    },
    /// The tokens, without what opens
    List {
        /// The file of tokens
        #[arg(long, value_name = "FILE")]
        tokens: PathBuf,
    },
    /// Take a token away
    Revoke {
        /// What it was for
        name: String,
        /// The file of tokens
        #[arg(long, value_name = "FILE")]
        tokens: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleArg {
    Viewer,
    Operator,
    Admin,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Viewer => Self::Viewer,
            RoleArg::Operator => Self::Operator,
            RoleArg::Admin => Self::Admin,
        }
    }
}

#[derive(Serialize)]
struct Added<'a> {
    name: &'a str,
    token: &'a str,
}

impl TokenCommand {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        match &self.action {
            Action::Add { name, role, days, tokens: file } => {
                let mut tokens = Tokens::read(file)?;
                let end = |days: usize| Timestamp::now().checked_add(SignedDuration::from_hours(24 * days as i64));
                let end = days.map(end).transpose();
                let end = end.map_err(|error| Error::Usage(format!("{error}; hint: choose fewer --days")))?;
                let token = tokens.add(name, (*role).into(), end)?;
                write(file, &tokens)?;
                let table = Table::new(format!("Token {name}")).text("").row([token.clone()]);
                let table = table.note("It is shown this once: the file holds its hash.");
                show(global, &Added { name, token: &token }, &[table], std::slice::from_ref(file))
            }
            Action::List { tokens: file } => {
                let tokens = Tokens::read(file)?;
                let table = Table::new("Tokens").text("Name").text("Role").text("Until");
                let table = tokens.tokens.iter().fold(table, |table, token| {
                    let until = token.expires.map_or_else(|| "it is revoked".to_owned(), |end| end.to_string());
                    table.row([token.name.clone(), format!("{:?}", token.role).to_lowercase(), until])
                });
                show(global, &tokens, &[table], &[])
            }
            Action::Revoke { name, tokens: file } => {
                let mut tokens = Tokens::read(file)?;
                let before = tokens.tokens.len();
                tokens.tokens.retain(|token| token.name != *name);
                if tokens.tokens.len() == before {
                    let text = format!("there is no token {name:?}; hint: `eyebar token list` names them");
                    return Err(Error::Usage(text));
                }
                write(file, &tokens)?;
                let table = Table::new(format!("Revoked: {name}")).note("A server that runs must be started again.");
                show(global, &tokens, &[table], std::slice::from_ref(file))
            }
        }
    }
}

fn write(file: &std::path::Path, tokens: &Tokens) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(tokens).map_err(Error::serialise("the tokens"))?;
    Ok(write_atomic(file, &text)?)
}
