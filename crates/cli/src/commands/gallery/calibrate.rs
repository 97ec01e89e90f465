//! `eyebar gallery calibrate`.

use std::path::PathBuf;

use clap::Args;
use eyebar::{Calibration, DEFAULT_FMR, Dataset, Error};

use crate::gallery::{GalleryArgs, now, rate};
use crate::options::{Global, ModelArgs};
use crate::output::show;
use crate::progress::Bar;

/// Measure from which similarity on two faces are taken for one person
///
/// Compares a photograph of everybody in a dataset with one of everybody else, and two of those who have two. A threshold
/// that would rest on fewer than ten false matches is refused. The gallery decides by it from then on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar gallery calibrate lfw/ --fmr 1e-4
  eyebar gallery calibrate staff.csv --fmr 1e-2 --fmr 1e-3
  eyebar gallery calibrate lfw/ --fmr 1e-5 --dry-run --json

A dataset is a folder with a folder of photographs for each person, or a CSV file with the columns path and subject. Use
people like those who will stand before the camera: error rates differ between groups and kinds of photographs.")]
pub(crate) struct Calibrate {
    /// The dataset
    dataset: PathBuf,
    /// False match rates to find thresholds for
    #[arg(long, value_parser = rate, value_name = "RATE", default_values_t = [DEFAULT_FMR])]
    fmr: Vec<f64>,
    /// Print the thresholds and keep none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    gallery: GalleryArgs,
    #[command(flatten)]
    model: ModelArgs,
}

impl Calibrate {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let model = self.model.open("sface")?;
        // Before a gallery is made for it.
        Dataset::open(&self.dataset)?;
        let gallery = match self.dry_run {
            true => None,
            false => Some(self.gallery.open_or_create()?),
        };
        let calibration = {
            let bar = Bar::new("photographs");
            let progress = |done, total| bar.update(done, total);
            Calibration::measure(&self.dataset, &model, &self.fmr, global.seed, &progress)?
        };
        if let Some(mut gallery) = gallery {
            let record = serde_json::to_string(&calibration).map_err(Error::serialise("the calibration"))?;
            gallery.set_calibration(&calibration.model, &record, now())?;
        }
        show(global, &calibration, &[calibration.table()], &[])
    }
}
