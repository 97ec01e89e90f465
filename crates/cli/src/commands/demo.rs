//! `eyebar demo`.

use std::path::PathBuf;

use clap::Args;
use eyebar::Error;

use crate::options::Global;

/// The whole workshop on the bundled models and portrait
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Folder for figures, results and report
    #[arg(long, default_value = "workshop", value_name = "DIR")]
    out: PathBuf,
}

impl Demo {
    pub(crate) fn run(&self, _global: &Global) -> Result<(), Error> {
        Err(Error::Usage(format!("{}", self.out.display())))
    }
}
