//! `eyebar identify`.

use std::path::PathBuf;

use clap::Args;
use eyebar::tasks::gallery::identify;
use eyebar::{Error, Photo, Recogniser};

use crate::gallery::{GalleryArgs, now, rate};
use crate::options::{Global, ModelArgs, whole};
use crate::output::show;
use crate::progress::Bar;

/// Who in the gallery is this, if anybody? (1:N)
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar identify door.jpg
  eyebar identify door.jpg --top 10 --fmr 1e-5 --json")]
pub(crate) struct Identify {
    /// A photograph; of several faces the one nearest to the middle counts
    photo: PathBuf,
    /// Number of candidates to name
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = whole::<1, 1000>, allow_negative_numbers = true)]
    top: usize,
    /// False match rate of the decision, for each person compared [default: 1e-4, or the lowest that was measured]
    #[arg(long, value_parser = rate, value_name = "RATE")]
    fmr: Option<f64>,
    #[command(flatten)]
    gallery: GalleryArgs,
    #[command(flatten)]
    model: ModelArgs,
}

impl Identify {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let recogniser = Recogniser::new(&self.model.open("sface")?)?;
        let mut gallery = self.gallery.open()?;
        let result = {
            let bar = Bar::new("templates");
            let progress = |done, total| bar.update(done, total);
            identify(&mut gallery, &recogniser, &Photo::open(&self.photo)?, self.top, self.fmr, now(), &progress)?
        };
        show(global, &result, &[result.table()], &[])
    }
}
