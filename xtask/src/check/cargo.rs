//! Calls of cargo.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// The cargo that runs this program.
fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs cargo in `root`, with its output passed on, and says whether it succeeded.
pub(super) fn run(root: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Result<bool, String> {
    println!("$ {}", line(arguments, variables));
    let mut command = Command::new(program());
    command.args(arguments).envs(variables.iter().copied()).current_dir(root);
    let status = command.status().map_err(|error| format!("cargo cannot be run: {error}"))?;
    Ok(status.success())
}

/// Runs cargo in `root` and returns what it prints.
pub(super) fn output(root: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new(program()).args(arguments).current_dir(root).output();
    let output = output.map_err(|error| format!("cargo cannot be run: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("{} failed:\n{}", line(arguments, &[]), String::from_utf8_lossy(&output.stderr)))
    }
}

/// The call as one would type it.
fn line(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let variables = variables.iter().map(|(name, value)| {
        if value.contains(' ') { format!("{name}='{value}' ") } else { format!("{name}={value} ") }
    });
    variables.chain([format!("cargo {}", arguments.join(" "))]).collect()
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_call_reads_as_one_would_type_it() {
        assert_eq!(line(&["fmt", "--all"], &[]), "cargo fmt --all");
        assert_eq!(line(&["test"], &[("A", "b"), ("C", "-D e")]), "A=b C='-D e' cargo test");
    }
}
