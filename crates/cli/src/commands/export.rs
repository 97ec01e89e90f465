//! `eyebar export`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use eyebar::tasks::export::{self, ExplainedTarget, ExportRequest, Format};
use eyebar::{Error, Model, Target};
use eyebar_imaging::InputSpec;

use crate::commands::inspect::parse_size;
use crate::options::Global;
use crate::output::show;
use crate::paths;

/// Write a model to take away: cut at a layer, with its preprocessing, or with an explanation inside
///
/// A manifest with everything that is needed to use it (input, outputs, labels, licence, hash) is written beside it. With
/// an explanation inside, any runtime that reads ONNX returns the prediction and its heat map, without Eyebar.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar export vgg16 --layer block4_pool --out features.onnx
  eyebar export efficientnet-lite0 --with-preprocessing --out classifier.onnx
  eyebar export efficientnet-lite0 --with-preprocessing --with-explanation grad-cam --out explained.onnx
  eyebar export sface --with-explanation grad-cam --out alike.onnx      (takes a second input: the embedding to compare with)
  eyebar export vgg16 --out weights.safetensors")]
pub(crate) struct Export {
    /// A bundled model or an ONNX file
    model: String,
    /// The new file, FILE.onnx or FILE.safetensors; its manifest is FILE.json
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Layer to cut the model at or, with an explanation, to explain [default: the output, or the model's own]
    #[arg(long)]
    layer: Option<String>,
    /// Let the input be the picture as it is: red, green and blue from 0 to 255, [N, H, W, 3]
    #[arg(long)]
    with_preprocessing: bool,
    /// Return a heat map beside the prediction
    #[arg(long, value_name = "METHOD", value_enum)]
    with_explanation: Option<Method>,
    /// What the map explains: top (for an embedder: the likeness to an embedding that is fed too), class:ID or class:NAME
    #[arg(long, default_value = "top", requires = "with_explanation")]
    target: Target,
    /// Width and height of pictures, for a model that takes several
    #[arg(long, value_name = "SIDE|WxH", value_parser = parse_size)]
    size: Option<(usize, usize)>,
    /// How photographs are fed to a file
    #[arg(long, value_name = "SPEC")]
    input: Option<InputSpec>,
}

/// A method whose map comes out of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Grad-CAM
    GradCam,
}

impl Export {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let format = match self.out.extension().and_then(|extension| extension.to_str()) {
            Some("onnx") => Format::Onnx,
            Some("safetensors") => Format::Safetensors,
            _ => {
                let out = self.out.display();
                return Err(Error::Usage(format!("{out}: no such format; hint: name it .onnx or .safetensors")));
            }
        };
        if format == Format::Safetensors && self.with_explanation.is_some() {
            let reason = "safetensors holds weights alone, and no explanation; hint: name the file .onnx";
            return Err(Error::Usage(reason.to_owned()));
        }
        let manifest = export::manifest_of(&self.out);
        paths::check(&[Path::new(&self.model)], &[&self.out, &manifest])?;
        let target = match &self.target {
            Target::Top => ExplainedTarget::Top,
            Target::Class(class) => ExplainedTarget::Class(class.clone()),
            Target::Similarity(_) => {
                let reason = "a face's template would stand in the file; hint: `--target top` on an embedder takes the \
                              embedding to compare with as a second input";
                return Err(Error::Usage(reason.to_owned()));
            }
        };
        let request = ExportRequest {
            layer: self.layer.clone(),
            preprocessing: self.with_preprocessing,
            explanation: self.with_explanation.map(|Method::GradCam| target),
            size: self.size,
            format,
        };
        let model = Model::open(&self.model, self.input.clone())?;
        let result = export::export(&model, &self.out, &request)?;
        show(global, &result, &[result.table()], &[self.out.clone(), manifest])
    }
}
