//! Enrol, verify, identify: photographs on one side, the gallery's templates on the other.

mod enrol;
mod search;

pub use enrol::{EnrolRequest, EnrolResult, EnrolledPhoto, PhotoToRead, enrol};
pub use search::{Candidate, Decision, IdentifyResult, VerifyResult, identify, verify};

use eyebar_gallery::Gallery;

use crate::calibration::Calibration;
use crate::decision::Rule;
use crate::error::Error;
use crate::recogniser::{Recogniser, Seen};
use crate::scene::Photo;

/// The rule for decisions: the gallery's own calibration where it has one, else what comes with the model.
///
/// # Errors
/// When nobody has measured a threshold for this model or rate.
pub fn rule(gallery: &Gallery, recogniser: &Recogniser, fmr: Option<f64>) -> Result<Rule, Error> {
    match gallery.calibration(recogniser.model())? {
        Some(record) => {
            let calibration: Calibration =
                serde_json::from_str(&record).map_err(Error::serialise("the calibration"))?;
            Rule::of(&calibration, fmr)
        }
        None => Rule::bundled(recogniser.model(), fmr)?.ok_or_else(|| {
            Error::Usage(format!(
                "no threshold was ever measured for {}; hint: `eyebar gallery calibrate DATASET` measures one",
                recogniser.model()
            ))
        }),
    }
}

/// The face nearest to the middle, and how many there are.
fn seen(photo: &Photo, recogniser: &Recogniser) -> Result<(Seen, usize), Error> {
    let (face, faces) = recogniser.faces().among(photo)?;
    Ok((recogniser.embed(&photo.image, face)?, faces))
}
