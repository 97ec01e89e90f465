//! `eyebar predict`.

use std::path::PathBuf;

use clap::Args;
use eyebar::{Error, Faces, tasks};
use eyebar_imaging::npy;

use crate::options::{Global, ModelArgs, whole};
use crate::output::{show, warn};
use crate::paths;

/// What a model says of a picture: the best classes, or the values of a layer
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar predict cat.jpg
  eyebar predict me.jpg --model sface --raw embedding.npy
  eyebar predict x.npy --model m.onnx --layer relu5 --raw y.npy

An embedding is biometric data: it is written only where --raw asks for it.")]
pub(crate) struct Predict {
    /// A photograph, or a .npy array in the model's own input layout (a batch of one, preprocessed)
    image: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// Layer whose values are wanted: an alias, a tensor or a node [default: the output]
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// Number of classes to name
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = whole::<1, 100_000>, allow_negative_numbers = true)]
    top: usize,
    /// Write the values, float32
    #[arg(long, value_name = "FILE.npy")]
    raw: Option<PathBuf>,
}

impl Predict {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        if let Some(raw) = &self.raw {
            paths::check(&[&self.image, self.model.path()], &[raw])?;
        }
        let model = self.model.open("efficientnet-lite0")?;
        let faces = Faces::new();
        let prediction = tasks::predict::predict(&self.image, &model, self.layer.as_deref(), self.top, &faces)?;
        if prediction.not_finite > 0 {
            let (bad, all) = (prediction.not_finite, prediction.values.len());
            warn(&format!(
                "warning: {bad} of {all} values are NaN or infinite; hint: check the model, and how it is fed (--input)"
            ));
        }
        let mut files = Vec::new();
        if let Some(raw) = &self.raw {
            npy::write(raw, &prediction.values)?;
            files.push(raw.clone());
        }
        show(global, &prediction, &[prediction.table()], &files)
    }
}
