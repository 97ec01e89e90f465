//! `eyebar bench speed`.

use clap::Args;
use eyebar::{Error, tasks};

use crate::commands::inspect::parse_size;
use crate::options::{Global, ModelArgs, whole};
use crate::output::show;
use crate::progress::Bar;

/// Time of loading, a forward pass, a gradient, a Grad-CAM and an occlusion map of a model
///
/// Medians of warm runs on a picture of no meaning, in milliseconds. The gradient is that of the mean of a layer's channel 0
/// with respect to the input, forward pass included; the occlusion map has patches of 25 pixels, 14 apart.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar bench speed --model efficientnet-lite0
  eyebar bench speed --model m.onnx --layer NAME --runs 11
  eyebar bench speed --model resnet50.onnx --size 224 --threads 2 --json")]
pub(crate) struct Speed {
    #[command(flatten)]
    model: ModelArgs,
    /// Layer of the gradient and the Grad-CAM map [default: as for `eyebar cam`]
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// Size of the picture [default: the model's own]
    #[arg(long, value_name = "WxH", value_parser = parse_size, allow_negative_numbers = true)]
    size: Option<(usize, usize)>,
    /// Runs that medians are taken of, after one that is not counted
    #[arg(long, default_value_t = 5, value_parser = whole::<1, 1000>, allow_negative_numbers = true)]
    runs: usize,
}

impl Speed {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let speed = {
            let bar = Bar::new("speed");
            let progress = |done, total| bar.update(done, total);
            let open = || self.model.open("efficientnet-lite0");
            tasks::speed::speed(&open, self.size, self.layer.as_deref(), self.runs, &progress)?
        };
        show(global, &speed, &[speed.table()], &[])
    }
}
