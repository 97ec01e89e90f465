//! `eyebar enrol`.

use std::path::PathBuf;

use clap::Args;
use eyebar::tasks::gallery::{EnrolRequest, PhotoToRead, enrol};
use eyebar::{Error, Recogniser};
use eyebar_gallery::{Details, SubjectName};

use crate::gallery::{GalleryArgs, end_of_day, now, rate};
use crate::options::{Global, ModelArgs};
use crate::output::show;
use crate::progress::Bar;

/// Enrol somebody in the gallery: encrypted templates are kept, photographs are not
///
/// All photographs are looked at before anything is stored. One that is too small, blurred or turned, that shows several
/// faces, or whose face is enrolled under another name is refused with the reason.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar enrol 'Ada Lovelace' ada.jpg
  eyebar enrol 'Ada Lovelace' ada-2.jpg ada-3.jpg --consent 'form 12' --keep-until 2099-12-31
  eyebar enrol ada ada.jpg --gallery staff.db --key-file staff.key

Templates are biometric data (GDPR, Article 9): ask before you enrol somebody, and forget them when they ask.")]
pub(crate) struct Enrol {
    /// The name to enrol under
    subject: String,
    /// Photographs of that person
    #[arg(required = true)]
    photos: Vec<PathBuf>,
    /// What the templates are kept for
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// How the person agreed
    #[arg(long, value_name = "TEXT")]
    consent: Option<String>,
    /// Last day on which the person may be matched
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = end_of_day)]
    keep_until: Option<i64>,
    /// Enrol it all the same: photographs that are not good enough, faces that another name has
    #[arg(long)]
    force: bool,
    /// False match rate at which a face counts as another subject's [default: 1e-4, or the lowest that was measured]
    #[arg(long, value_parser = rate, value_name = "RATE")]
    fmr: Option<f64>,
    #[command(flatten)]
    gallery: GalleryArgs,
    #[command(flatten)]
    model: ModelArgs,
}

impl Enrol {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let name = SubjectName::new(&self.subject)?;
        let recogniser = Recogniser::new(&self.model.open("sface")?)?;
        let details =
            Details { purpose: self.purpose.clone(), consent: self.consent.clone(), keep_until: self.keep_until };
        let request = EnrolRequest {
            name,
            photos: self.photos.iter().cloned().map(PhotoToRead::File).collect(),
            details,
            force: self.force,
            fmr: self.fmr,
        };
        if let Some(missing) = self.photos.iter().find(|photo| !photo.exists()) {
            let source = std::io::ErrorKind::NotFound.into();
            return Err(Error::Read { path: missing.clone(), source });
        }
        let mut gallery = self.gallery.open_or_create()?;
        let result = {
            let bar = Bar::new("templates");
            enrol(&mut gallery, &recogniser, &request, now(), &|done, total| bar.update(done, total))?
        };
        show(global, &result, &[result.table()], &[])
    }
}
