//! `eyebar occlude`.

use std::path::PathBuf;

use clap::Args;
use eyebar::{Error, Faces, tasks};
use eyebar_explain::perturbation::Occlusion;

use crate::options::{Global, MapOutputs, ModelArgs, TargetArgs, whole};
use crate::output::{MapFiles, show};
use crate::progress::Bar;

/// What hiding each part of a picture costs the score
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar occlude cat.jpg
  eyebar occlude me.jpg --model sface --target similarity:me-too.jpg --patch 16 --stride 8")]
pub(crate) struct Occlude {
    /// A photograph, or a .npy array in the model's own input layout (a batch of one, preprocessed)
    image: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    target: TargetArgs,
    /// Side of the patch, in pixels of the network's input
    #[arg(long, default_value_t = 25, value_parser = whole::<1, 65_535>, allow_negative_numbers = true)]
    patch: usize,
    /// Distance of two patches
    #[arg(long, default_value_t = 14, value_parser = whole::<1, 65_535>, allow_negative_numbers = true)]
    stride: usize,
    /// Grey value of the patch, 0 to 255 before the network's mean and scale [default: 128]; for a .npy array
    /// and a file without --input, whose grey values nobody knows, the value itself [default: 0]
    #[arg(long, allow_hyphen_values = true)]
    fill: Option<f32>,
    #[command(flatten)]
    outputs: MapOutputs,
}

impl Occlude {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let plan = self.outputs.plan(&self.image, "occlusion", &[self.model.path(), self.target.path()])?;
        let model = self.model.open("efficientnet-lite0")?;
        let faces = Faces::new();
        let fill = self.fill.unwrap_or_else(|| tasks::occlude::default_fill(&model));
        let occlusion = Occlusion { patch: self.patch, stride: self.stride, fill };
        let result = {
            let bar = Bar::new("occlusion");
            let progress = |done, total| bar.update(done, total);
            tasks::occlude::occlude(&self.image, &model, &self.target.target, occlusion, &faces, &progress)?
        };
        let files = MapFiles {
            map: &result.map,
            figure: &|| result.figure(self.outputs.colormap),
            overlay: result.overlay(self.outputs.colormap),
        };
        let files = plan.write(files, &result, self.outputs.colormap)?;
        let mut tables = vec![result.summary()];
        tables.extend(result.tables());
        show(global, &result, &tables, &files)
    }
}
