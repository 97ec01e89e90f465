//! `cargo xtask browser`: a browser and what drives it, for the test of the workbench.

use std::path::Path;
use std::process::Command;

/// `crates/cli/tests/cli/page.rs` looks for it here.
const FOLDER: &str = "target/browser";
const DRIVER: &str = "playwright-core@1.65.1";
const WITHOUT: &str =
    "the test of the workbench is skipped; hint: it needs node with npm, and Debian's package chromium";

/// Installs both where they are not there yet: the browser as a package of the system, where that may be done.
pub(crate) fn install(root: &Path) {
    let folder = root.join(FOLDER);
    if !has("chromium") {
        let mut apt = Command::new("apt-get");
        apt.args(["install", "--yes", "--no-install-recommends", "chromium"]).env("DEBIAN_FRONTEND", "noninteractive");
        done(&mut apt, "chromium");
    }
    if folder.join("node_modules/playwright-core").is_dir() {
        println!("{FOLDER} is there");
        return;
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"]).arg(&folder).arg(DRIVER);
    done(&mut npm, DRIVER);
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn done(command: &mut Command, what: &str) {
    match command.output() {
        Ok(output) if output.status.success() => println!("installed {what}"),
        Ok(output) => println!("warning: {what} could not be installed ({}), so {WITHOUT}", output.status),
        Err(error) => println!("warning: {what} could not be installed ({error}), so {WITHOUT}"),
    }
}
