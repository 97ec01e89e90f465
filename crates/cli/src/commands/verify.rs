//! `eyebar verify`.

use std::path::PathBuf;

use clap::Args;
use eyebar::tasks::gallery::verify;
use eyebar::{Error, Photo, Recogniser};
use eyebar_gallery::SubjectName;

use crate::gallery::{GalleryArgs, now, rate};
use crate::options::{Global, ModelArgs};
use crate::output::show;

/// Is this photograph of that subject? (1:1)
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar verify 'Ada Lovelace' door.jpg
  eyebar verify 'Ada Lovelace' door.jpg --fmr 1e-3 --json")]
pub(crate) struct Verify {
    /// The name that the person is enrolled under
    subject: String,
    /// A photograph; of several faces the one nearest to the middle counts
    photo: PathBuf,
    /// False match rate of the decision [default: 1e-4, or the lowest that was measured]
    #[arg(long, value_parser = rate, value_name = "RATE")]
    fmr: Option<f64>,
    #[command(flatten)]
    gallery: GalleryArgs,
    #[command(flatten)]
    model: ModelArgs,
}

impl Verify {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let name = SubjectName::new(&self.subject)?;
        let recogniser = Recogniser::new(&self.model.open("sface")?)?;
        let mut gallery = self.gallery.open()?;
        let result = verify(&mut gallery, &recogniser, &name, &Photo::open(&self.photo)?, self.fmr, now())?;
        show(global, &result, &[result.table()], &[])
    }
}
