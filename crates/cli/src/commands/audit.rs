//! `eyebar audit`.

use std::path::PathBuf;

use clap::Args;
use eyebar::tasks::audit::{Attacker, AuditRequest, audit, default_masks};
use eyebar::{Error, Matcher};
use eyebar_face::Mask;

use crate::gallery::rate;
use crate::options::{Global, whole};
use crate::output::show;
use crate::progress::Bar;

/// Is a mask enough? Given one photograph of each candidate, does an attacker find the right person behind it?
///
/// Everybody with enough photographs is looked for behind every mask, by every attacker and matcher, draw after draw; from
/// the others attackers learn.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar audit lfw/
  eyebar audit lfw/ --masks eye-bar,face,pixelate:8 --matchers sface --json
  eyebar audit photos.csv --photos 4 --attackers naive,masked-gallery

A dataset is a folder with a folder of photographs for each person, or a CSV file with the columns path and subject.")]
pub(crate) struct Audit {
    /// The people: DIR/PERSON/*.jpg, or a CSV list
    dataset: PathBuf,
    /// Masks, as `eyebar mask` takes them; a comma separates them
    #[arg(long, value_delimiter = ',', default_values_t = default_masks(), value_name = "MASK,…")]
    masks: Vec<Mask>,
    /// What attackers know: naive, masked-gallery, adapted
    #[arg(long, value_delimiter = ',', default_values_t = Attacker::ALL, value_name = "NAME,…")]
    attackers: Vec<Attacker>,
    /// What they tell faces apart by: sface, vgg16, vgg16-averaged, eigenfaces, pixels
    #[arg(long, value_delimiter = ',', default_values_t = Matcher::ALL, value_name = "NAME,…")]
    matchers: Vec<Matcher>,
    /// Most people who are looked for
    #[arg(long, default_value_t = 1000, value_parser = whole::<2, 100_000>, value_name = "N")]
    people: usize,
    /// Photographs of each
    #[arg(long, default_value_t = 20, value_parser = whole::<2, 10000>, value_name = "N")]
    photos: usize,
    /// Draws of who is enrolled with which photograph
    #[arg(long, default_value_t = 20, value_parser = whole::<1, 10000>, value_name = "N")]
    draws: usize,
    /// Share of probes of which at most the right person may come first
    #[arg(long, default_value_t = 0.05, value_parser = rate, value_name = "RATE")]
    target: f64,
}

impl Audit {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let (mut matchers, mut attackers, mut masks) = (self.matchers.clone(), self.attackers.clone(), Vec::new());
        matchers.sort_unstable();
        matchers.dedup();
        attackers.sort_unstable();
        attackers.dedup();
        for mask in &self.masks {
            if !masks.contains(mask) {
                masks.push(*mask);
            }
        }
        let request = AuditRequest {
            masks,
            attackers,
            matchers,
            people: self.people,
            photos: self.photos,
            draws: self.draws,
            target: self.target,
            seed: global.seed,
            ..AuditRequest::new(&self.dataset)
        };
        let result = {
            let bar = Bar::new("photographs");
            audit(&request, &|what| bar.name(what), &|done, total| bar.update(done, total))?
        };
        show(global, &result, &result.tables(), &[])
    }
}
