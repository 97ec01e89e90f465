//! Same person or not, at a stated false match rate.

use eyebar_audit::verification::CalibratedThreshold;
use serde::Serialize;

use crate::calibration::{Calibration, DEFAULT_FMR};
use crate::error::Error;
use crate::manifest::entries;

/// A small share for people: `1 in 10000`.
pub(crate) fn one_in(share: f64) -> String {
    format!("1 in {:.0}", 1.0 / share)
}

/// What decides, and how often it errs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// Least similarity that is accepted.
    pub threshold: f32,
    /// Share of pairs of different people that it accepts at most.
    pub fmr: f64,
    /// 95 % interval of that.
    pub fmr_interval: (f64, f64),
    /// Share of pairs of one person that it refused; nothing where that was not measured.
    pub fnmr: Option<f64>,
    /// What it was measured on.
    pub measured_on: String,
}

impl Rule {
    /// The threshold of `calibration` for a rate; where none is named for the usual one, or else the lowest measured.
    ///
    /// # Errors
    /// When none was measured for the rate.
    pub fn of(calibration: &Calibration, fmr: Option<f64>) -> Result<Self, Error> {
        let lowest = || calibration.thresholds.iter().map(|threshold| threshold.fmr).fold(f64::INFINITY, f64::min);
        let fmr = match fmr {
            Some(fmr) => fmr,
            None if calibration.at(DEFAULT_FMR).is_ok() => DEFAULT_FMR,
            None => lowest(),
        };
        let &CalibratedThreshold { threshold, fmr, fmr_low, fmr_high, fnmr, .. } = calibration.at(fmr)?;
        let measured_on = format!("{}, {} people", calibration.dataset, calibration.people);
        Ok(Self { threshold, fmr, fmr_interval: (fmr_low, fmr_high), fnmr, measured_on })
    }

    /// The threshold that comes with a bundled model, named by its identity; nothing for other models.
    ///
    /// # Errors
    /// When it was not measured for this rate.
    pub fn bundled(model: &str, fmr: Option<f64>) -> Result<Option<Self>, Error> {
        let mut known = entries().iter().filter_map(|entry| entry.calibration.as_ref());
        let calibration = known.find(|calibration| calibration.model == model);
        calibration.map(|calibration| Self::of(calibration, fmr)).transpose()
    }

    /// Whether two faces of this similarity are taken for one person.
    pub fn accepts(&self, similarity: f32) -> bool {
        similarity >= self.threshold
    }

    /// What it promises, for people.
    pub fn describe(&self) -> String {
        let missed =
            self.fnmr.map_or_else(String::new, |fnmr| format!(", and missed {:.1} % of true ones", 100.0 * fnmr));
        format!(
            "From a similarity of {:.3} on two faces are taken for one person: measured on {}, that was wrong for {} pairs \
             of different people{missed}.",
            self.threshold,
            self.measured_on,
            one_in(self.fmr)
        )
    }
}
