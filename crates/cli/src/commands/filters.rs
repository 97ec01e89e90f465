//! `eyebar filters`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eyebar::{Error, tasks};
use eyebar_explain::activation::{Maximisation, Prior};
use eyebar_imaging::encode;
use serde::Serialize;

use super::inspect::parse_size;
use crate::options::{Global, ModelArgs, whole};
use crate::output::{json, show};
use crate::paths;
use crate::progress::Bar;

/// What filters detect: the pictures that excite them most
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar filters --layer block1_conv2 --layer block3_conv3 --layer block5_conv3 --filters 0..8
  eyebar filters --layer block5_conv3 --filters 3,17,42 --prior fourier --size 224
  eyebar filters --model efficientnet-lite0 --layer block9")]
pub(crate) struct Filters {
    #[command(flatten)]
    model: ModelArgs,
    /// Layer: an alias, a tensor or a node; may be repeated [default: the model's]
    #[arg(long, value_name = "NAME")]
    layer: Vec<String>,
    /// Filters: a range, or a list
    #[arg(long, default_value = "0..8", value_name = "A..B|A,B,C", value_parser = parse_channels, allow_negative_numbers = true)]
    filters: Channels,
    /// pixels: the workshop's plain ascent; fourier: smooth pictures in natural colours (Olah et al. 2017)
    #[arg(long, value_enum, default_value_t = PriorArg::Pixels)]
    prior: PriorArg,
    /// Steps of the ascent [default: 30, with the Fourier prior 48]
    #[arg(long, value_parser = whole::<1, 100_000>, allow_negative_numbers = true)]
    steps: Option<usize>,
    /// Length η of a step, in units of the 0-1 pixel range; pixels are not clipped during the climb. With the
    /// Fourier prior: Adam's step size [default: 10, with the Fourier prior 0.05]
    #[arg(long, allow_hyphen_values = true)]
    rate: Option<f32>,
    /// Side of the pictures, or WxH [default: 128; the model's own size where it takes no other]
    #[arg(long, value_parser = parse_size, allow_negative_numbers = true)]
    size: Option<(usize, usize)>,
    /// Grid of pictures; the measures go beside it as JSON
    #[arg(long, default_value = "filters.png", value_name = "FILE.png")]
    out: PathBuf,
    /// Also write each picture into this folder
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
}

#[derive(Debug, Clone)]
struct Channels(Vec<usize>);

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PriorArg {
    Pixels,
    Fourier,
}

fn parse_channels(text: &str) -> Result<Channels, String> {
    const MOST: usize = 4096;
    let help = || format!("hint: write a range such as 0..8, or a list such as 3,17,42 (at most {MOST})");
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| help());
    let channels = match text.split_once("..") {
        Some((from, to)) => {
            let (from, to) = (number(from)?, number(to)?);
            if to.saturating_sub(from) > MOST {
                return Err(help());
            }
            (from..to).collect()
        }
        None => text.split(',').map(number).collect::<Result<Vec<_>, _>>()?,
    };
    if channels.is_empty() || channels.len() > MOST { Err(help()) } else { Ok(Channels(channels)) }
}

#[derive(Serialize)]
struct Results<'a> {
    model: &'a str,
    model_sha256: &'a str,
    seed: u64,
    layers: &'a [tasks::filters::LayerFilters],
}

impl Filters {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let manifest = self.out.with_extension("json");
        paths::check_picture(&self.out)?;
        paths::check(&[self.model.path()], &[&self.out, &manifest])?;
        if let Some(folder) = &self.pictures {
            paths::check_folder(folder)?;
        }
        let model = self.model.open("vgg16")?;
        let layers = match self.layer.is_empty() {
            true => vec![tasks::filters::default_layer(&model, self.size)?],
            false => self.layer.clone(),
        };
        let prior = match (self.prior, Prior::PIXELS, Prior::FOURIER) {
            (PriorArg::Pixels, Prior::Pixels { steps, rate }, _) => {
                Prior::Pixels { steps: self.steps.unwrap_or(steps), rate: self.rate.unwrap_or(rate) }
            }
            (_, _, Prior::Fourier { steps, rate }) => {
                Prior::Fourier { steps: self.steps.unwrap_or(steps), rate: self.rate.unwrap_or(rate) }
            }
            (_, _, other) => other,
        };
        let options = Maximisation { prior, size: self.size, seed: global.seed, ..Maximisation::default() };
        let bar = Bar::new("filters");
        let mut found = Vec::new();
        for layer in &layers {
            bar.name(layer);
            let progress = |done, total| bar.update(done, total);
            found.push(tasks::filters::filters(&model, layer, &self.filters.0, &options, &progress)?);
        }
        drop(bar);
        encode::save(&self.out, &tasks::filters::figure(model.name(), &found))?;
        let mut files = vec![self.out.clone()];
        if let Some(folder) = &self.pictures {
            std::fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.clone(), source })?;
            for (layer, filter) in found.iter().flat_map(|layer| layer.filters.iter().map(move |f| (layer, f))) {
                if let Some(image) = &filter.image {
                    let name = layer.layer.replace(['/', '\\', ':'], "_");
                    let path = folder.join(format!("{name}-{}.png", filter.channel));
                    encode::save(&path, image)?;
                    files.push(path);
                }
            }
        }
        let results = Results { model: model.name(), model_sha256: model.sha256(), seed: global.seed, layers: &found };
        encode::write_atomic(&manifest, json(&results, &files)?.as_bytes())?;
        files.push(manifest);
        show(global, &results, &[tasks::filters::table(&found)], &files)
    }
}
