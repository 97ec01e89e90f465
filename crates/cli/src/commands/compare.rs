//! `eyebar compare`.

use std::path::PathBuf;

use clap::Args;
use eyebar::Error;
use eyebar::tasks::compare::{CompareRequest, compare};
use eyebar_explain::perturbation::Occlusion;
use eyebar_imaging::{Colormap, encode};

use crate::gallery::rate;
use crate::options::{Global, ModelArgs, whole};
use crate::output::show;
use crate::paths;
use crate::progress::Bar;

/// Are these the same person, and which parts make them alike?
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar compare a.jpg b.jpg
  eyebar compare a.jpg b.jpg --fmr 1e-3 --out likeness.png --json")]
pub(crate) struct Compare {
    /// A photograph; of several faces the one nearest to the middle counts
    left: PathBuf,
    /// Another
    right: PathBuf,
    /// False match rate of the decision [default: 1e-4, or the lowest that was measured]
    #[arg(long, value_parser = rate, value_name = "RATE")]
    fmr: Option<f64>,
    /// Layer of the Grad-CAM maps [default: the model's]
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// Side of the patch that hides a part, in pixels of the aligned face
    #[arg(long, default_value_t = 16, value_parser = whole::<1, 112>, allow_negative_numbers = true)]
    patch: usize,
    /// Distance of two patches
    #[arg(long, default_value_t = 8, value_parser = whole::<1, 112>, allow_negative_numbers = true)]
    stride: usize,
    /// The figure [default: named after the pictures, in this folder]
    #[arg(long, value_name = "FILE.png")]
    out: Option<PathBuf>,
    /// Colours of the maps: turbo, jet, viridis, grey
    #[arg(long, default_value_t = Colormap::Turbo)]
    colormap: Colormap,
    #[command(flatten)]
    model: ModelArgs,
}

impl Compare {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let stem =
            |path: &PathBuf| path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let default = || format!("{}-{}-compare.png", stem(&self.left), stem(&self.right)).into();
        let out = self.out.clone().unwrap_or_else(default);
        paths::check_picture(&out)?;
        paths::check(&[&self.left, &self.right, self.model.path()], &[&out])?;
        let request = CompareRequest {
            photos: [self.left.clone(), self.right.clone()],
            layer: self.layer.clone(),
            occlusion: Occlusion { patch: self.patch, stride: self.stride, ..Occlusion::default() },
            fmr: self.fmr,
        };
        let model = self.model.open("sface")?;
        let result = {
            let bar = Bar::new("maps");
            let progress = |done, total| bar.update(done, total);
            compare(&request, &model, &progress)?
        };
        encode::save(&out, &result.figure(self.colormap))?;
        show(global, &result, &result.tables(), &[out])
    }
}
