//! The developer's commands, run as `cargo xtask COMMAND`.
#![forbid(unsafe_code)]

mod browser;
mod check;
mod conformance;
mod onnxruntime;
mod packages;
mod postgres;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND

check [STEP]...            what a contributor runs before a pull request; `check list` names the steps
conformance DIR [FILTER]   run ONNX's own backend tests, as bench/conformance/generate.py writes them to DIR;
                           with FILTER those whose name contains it
browser                    install a browser and its driver, for the test of the workbench
onnxruntime                install ONNX Runtime in target/onnxruntime, for tests of exported models
postgres                   install PostgreSQL with pgvector in target/postgres, for tests of the gallery";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["check", "list"] => {
            check::list();
            Ok(true)
        }
        ["check", ref steps @ ..] => check::run(steps),
        ["postgres"] => check::root().map(|root| {
            postgres::install(&root);
            true
        }),
        ["browser"] => check::root().map(|root| {
            browser::install(&root);
            true
        }),
        ["onnxruntime"] => check::root().map(|root| {
            onnxruntime::install(&root);
            true
        }),
        ["conformance", folder] => conformance::run(folder.as_ref(), ""),
        ["conformance", folder, filter] => conformance::run(folder.as_ref(), filter),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
