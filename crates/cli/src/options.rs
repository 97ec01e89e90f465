//! Options that several commands share.

use std::path::{Path, PathBuf};

use clap::Args;
use eyebar::{Error, Model, Target};
use eyebar_imaging::{Colormap, InputSpec};

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Threads to use [default: all cores]; results do not depend on it
    #[arg(long, global = true, value_parser = whole::<1, 1024>, allow_negative_numbers = true)]
    pub(crate) threads: Option<usize>,
    /// Seed of everything random
    #[arg(long, global = true, default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// A whole number within limits.
pub(crate) fn whole<const LEAST: usize, const MOST: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
    number.ok_or_else(|| format!("hint: give a whole number from {LEAST} to {MOST}"))
}

/// Which model, and how photographs are fed to it.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// A bundled model (see `eyebar models`) or an ONNX file
    #[arg(long, value_name = "NAME|FILE.onnx")]
    pub(crate) model: Option<String>,
    /// How photographs are fed to a file: 'rgb 224x224 mean=123.7,116.3,103.5 scale=0.0171,0.0175,0.0174'
    /// for (x - mean) * scale with x in 0..255; also bgr, grey, nhwc
    #[arg(long, value_name = "SPEC")]
    pub(crate) input: Option<InputSpec>,
    /// Direct sums in all convolutions: slower, with a tenth of the rounding of Winograd's algorithm
    #[arg(long)]
    pub(crate) strict: bool,
}

impl ModelArgs {
    /// Opens the model, `default` where none is named.
    pub(crate) fn open(&self, default: &str) -> Result<Model, Error> {
        let model = Model::open(self.model.as_deref().unwrap_or(default), self.input.clone())?;
        Ok(if self.strict { model.strict() } else { model })
    }

    /// The file, where one is named: it must not be written over.
    pub(crate) fn path(&self) -> &Path {
        Path::new(self.model.as_deref().unwrap_or_default())
    }
}

/// What is explained.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// What to explain: top, class:ID, class:NAME or similarity:PHOTO
    #[arg(long, default_value = "top", value_name = "TARGET")]
    pub(crate) target: Target,
}

impl TargetArgs {
    /// The other photograph, where one is named.
    pub(crate) fn path(&self) -> &Path {
        match &self.target {
            Target::Similarity(path) => path,
            Target::Top | Target::Class(_) => Path::new(""),
        }
    }
}

/// Where a map is written to.
#[derive(Debug, Args)]
pub(crate) struct MapOutputs {
    /// Figure for a slide; its raw map (.npy) and manifest (.json) go beside it
    /// [default: named after the picture and the command, in this folder]
    #[arg(long, value_name = "FILE.png")]
    pub(crate) out: Option<PathBuf>,
    /// Raw map, unscaled float32; without --out it is the only file written
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) raw: Option<PathBuf>,
    /// The overlay alone, in the size of the picture
    #[arg(long, value_name = "FILE.png")]
    pub(crate) overlay: Option<PathBuf>,
    /// Colours of the map: turbo, jet, viridis, grey
    #[arg(long, default_value_t = Colormap::Turbo)]
    pub(crate) colormap: Colormap,
}
