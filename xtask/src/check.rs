//! `cargo xtask check`: everything that must hold before a pull request, the quick steps first.

mod cargo;
mod fonts;
mod images;
mod licences;
mod models;
mod paths;
mod provenance;
mod sizes;
mod spdx;
#[cfg(test)]
mod testing;
mod tree;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tree::Tree;

use crate::{browser, onnxruntime, postgres};

struct Step {
    name: &'static str,
    what: &'static str,
    action: Action,
}

enum Action {
    /// Passes when cargo, called with these arguments and environment variables, does.
    Cargo { arguments: &'static [&'static str], variables: &'static [(&'static str, &'static str)] },
    /// Passes always: it makes ready what later steps can do without.
    Prepare(fn(&Path)),
    /// Passes when no fault is found; an error means that nobody could look.
    Look(fn(&Tree) -> Result<Vec<String>, String>),
}

const fn cargo(name: &'static str, what: &'static str, arguments: &'static [&'static str]) -> Step {
    Step { name, what, action: Action::Cargo { arguments, variables: &[] } }
}

const fn cargo_with(
    name: &'static str,
    what: &'static str,
    arguments: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
) -> Step {
    Step { name, what, action: Action::Cargo { arguments, variables } }
}

const fn look(name: &'static str, what: &'static str, look: fn(&Tree) -> Result<Vec<String>, String>) -> Step {
    Step { name, what, action: Action::Look(look) }
}

const STEPS: [Step; 15] = [
    cargo("format", "the sources are formatted", &["fmt", "--all", "--check"]),
    look("models", "every model is the one its manifest entry describes", models::faults),
    look("images", "every image and data file has a provenance", images::faults),
    look("fonts", "every font has its licence beside it", fonts::faults),
    look("sizes", "no large file without a provenance", sizes::faults),
    look("paths", "no path of somebody's machine in any file", paths::faults),
    look("licences", "every dependency has a permissive licence", licences::faults),
    cargo("clippy", "no warnings", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    Step {
        name: "postgres",
        what: "a database server for the tests is there, or they go without",
        action: Action::Prepare(postgres::install),
    },
    Step {
        name: "onnxruntime",
        what: "another runtime for the tests is there, or they go without",
        action: Action::Prepare(onnxruntime::install),
    },
    Step {
        name: "browser",
        what: "a browser for the test of the workbench is there, or it goes without",
        action: Action::Prepare(browser::install),
    },
    cargo("tests", "with the best instruction set of this processor", &["test", "--workspace"]),
    cargo_with("tests-scalar", "without vector instructions", &["test", "--workspace"], &[("EYEBAR_ISA", "scalar")]),
    cargo_with("tests-avx2", "kernels with AVX2", &["test", "-p", "eyebar-tensor"], &[("EYEBAR_ISA", "avx2")]),
    cargo_with(
        "docs",
        "the documentation builds without warnings",
        &["doc", "--workspace", "--no-deps"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    ),
];

/// Prints the steps.
pub(crate) fn list() {
    for step in &STEPS {
        println!("{:<14}{}", step.name, step.what);
    }
}

/// Runs the steps called `names` (all of them where there is none) up to the first that fails. Says whether all passed.
pub(crate) fn run(names: &[&str]) -> Result<bool, String> {
    let steps = select(names)?;
    let tree = Tree::open(&root()?)?;
    let mut results: Vec<(&Step, bool, Duration)> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("\n=== {}/{} {}: {} ===", index + 1, steps.len(), step.name, step.what);
        let start = Instant::now();
        let passed = perform(step, &tree)?;
        let time = start.elapsed();
        println!("--- {}: {}, {:.1} s", step.name, verdict(passed), time.as_secs_f64());
        results.push((step, passed, time));
        if !passed {
            break;
        }
    }
    println!("\n=== summary ===");
    for (step, passed, time) in &results {
        println!("{:<14}{:<8}{:>8.1} s", step.name, verdict(*passed), time.as_secs_f64());
    }
    for step in &steps[results.len()..] {
        println!("{:<14}not run", step.name);
    }
    Ok(results.iter().all(|(_, passed, _)| *passed))
}

fn select(names: &[&str]) -> Result<Vec<&'static Step>, String> {
    if names.is_empty() {
        return Ok(STEPS.iter().collect());
    }
    let find = |name: &&str| {
        let step = STEPS.iter().find(|step| step.name == *name);
        step.ok_or_else(|| format!("there is no step {name:?}; hint: `cargo xtask check list` names them"))
    };
    names.iter().map(find).collect()
}

fn perform(step: &Step, tree: &Tree) -> Result<bool, String> {
    match step.action {
        Action::Cargo { arguments, variables } => cargo::run(tree.root(), arguments, variables),
        Action::Prepare(prepare) => {
            prepare(tree.root());
            Ok(true)
        }
        Action::Look(look) => {
            let faults = look(tree)?;
            for fault in &faults {
                println!("{fault}");
            }
            Ok(faults.is_empty())
        }
    }
}

fn verdict(passed: bool) -> &'static str {
    if passed { "ok" } else { "FAILED" }
}

/// The root of the repository: the folder above the one that cargo says this crate lies in.
pub(crate) fn root() -> Result<PathBuf, String> {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("hint: run this as `cargo xtask check`")?;
    let folder = PathBuf::from(folder);
    folder.parent().map(PathBuf::from).ok_or_else(|| format!("{} has no parent", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::{STEPS, select};

    #[test]
    fn steps_are_chosen_by_name() {
        assert_eq!(select(&[]).unwrap().len(), STEPS.len());
        assert_eq!(select(&["docs", "format"]).unwrap()[0].name, "docs");
        assert!(select(&["doc"]).is_err_and(|error| error.contains("check list")));
    }
}
