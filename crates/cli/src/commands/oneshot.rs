//! `eyebar oneshot`.

use std::path::PathBuf;

use clap::Args;
use eyebar::tasks::oneshot::{OneShotRequest, oneshot};
use eyebar::{Error, Matcher};
use eyebar_audit::oneshot::{DEFAULT_PENALTY, Method};
use eyebar_imaging::encode;

use crate::gallery::rate;
use crate::options::{Global, whole};
use crate::output::show;
use crate::paths;
use crate::progress::Bar;

/// Nearest neighbour or a trained head, with few photographs of each person?
///
/// Everybody with enough photographs is enrolled with some of them and looked for with the rest, draw after draw; whoever has
/// too few is a stranger and must be refused, at thresholds that other strangers set.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar oneshot lfw/
  eyebar oneshot lfw/ --matchers sface --draws 100 --json
  eyebar oneshot photos.csv --photos 6 --shots 1,2,3 --strangers 0

A dataset is a folder with a folder of photographs for each person, or a CSV file with the columns path and subject.")]
pub(crate) struct OneShot {
    /// The people: DIR/PERSON/*.jpg, or a CSV list
    dataset: PathBuf,
    /// What faces are told apart by: sface, vgg16, vgg16-averaged, eigenfaces, pixels
    #[arg(long, value_delimiter = ',', default_values_t = Matcher::ALL, value_name = "NAME,…")]
    matchers: Vec<Matcher>,
    /// Methods: nearest, three-nearest, mean, softmax, hidden
    #[arg(long, value_delimiter = ',', default_values_t = Method::ALL, value_name = "NAME,…")]
    methods: Vec<Method>,
    /// Photographs that everybody is enrolled with
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3, 5, 10], value_parser = whole::<1, 1000>, value_name = "N,…")]
    shots: Vec<usize>,
    /// Photographs of each enrolled person: what is not enrolled is looked for
    #[arg(long, default_value_t = 20, value_parser = whole::<2, 10000>, value_name = "N")]
    photos: usize,
    /// Most people who are enrolled
    #[arg(long, default_value_t = 1000, value_parser = whole::<2, 100_000>, value_name = "N")]
    people: usize,
    /// Most people who are never enrolled; 0 for none
    #[arg(long, default_value_t = 500, value_parser = whole::<0, 100_000>, value_name = "N")]
    strangers: usize,
    /// Draws of who is enrolled with which photographs
    #[arg(long, default_value_t = 20, value_parser = whole::<1, 10000>, value_name = "N")]
    draws: usize,
    /// Share of strangers' photographs that thresholds let in
    #[arg(long, default_value_t = 0.01, value_parser = rate, value_name = "RATE")]
    fpir: f64,
    /// Without enrolling variants of the photographs (mirrored, warped, brighter, darker), too
    #[arg(long)]
    no_variants: bool,
    /// Weight of the squares of a head's weights (L2), for vectors of length 1
    #[arg(long, default_value_t = DEFAULT_PENALTY, value_name = "WEIGHT")]
    penalty: f64,
    /// The figure
    #[arg(long, default_value = "oneshot.png", value_name = "FILE.png")]
    out: PathBuf,
}

impl OneShot {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        paths::check_picture(&self.out)?;
        paths::check(&[&self.dataset], &[&self.out])?;
        let (mut matchers, mut methods, mut shots) = (self.matchers.clone(), self.methods.clone(), self.shots.clone());
        matchers.sort_unstable();
        matchers.dedup();
        shots.sort_unstable();
        shots.dedup();
        methods.sort_by_key(|method| Method::ALL.iter().position(|other| other == method));
        methods.dedup();
        let request = OneShotRequest {
            matchers,
            methods,
            shots,
            photos: self.photos,
            people: self.people,
            strangers: self.strangers,
            draws: self.draws,
            fpir: self.fpir,
            augmented: !self.no_variants,
            penalty: self.penalty,
            seed: global.seed,
            ..OneShotRequest::new(&self.dataset)
        };
        let result = {
            let bar = Bar::new("photographs");
            oneshot(&request, &|what| bar.name(what), &|done, total| bar.update(done, total))?
        };
        encode::save(&self.out, &result.figure())?;
        show(global, &result, &result.tables(), std::slice::from_ref(&self.out))
    }
}
