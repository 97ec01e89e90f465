//! `eyebar cam`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eyebar::{Error, Faces, tasks};

use crate::options::{Global, MapOutputs, ModelArgs, TargetArgs};
use crate::output::{MapFiles, show, warn};

/// Where a network looks: a class activation map with its shares per region
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar cam cat.jpg
  eyebar cam cat.jpg --target 'class:tabby' --layer block12 --out tabby.png
  eyebar cam me.jpg --model sface --target similarity:me-too.jpg
  eyebar cam x.npy --model m.onnx --layer NAME --target class:7 --raw map.npy")]
pub(crate) struct Cam {
    /// A photograph, or a .npy array in the model's own input layout (a batch of one, preprocessed)
    image: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// Layer to explain: an alias, a tensor or a node [default: the bundled model's; of a file the last layer
    /// [N, C, H, W] before global pooling or flattening, after its activation function]
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// How the map is made
    #[arg(long, value_enum, default_value_t = Method::GradCam)]
    method: Method,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    outputs: MapOutputs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Method {
    /// Selvaraju et al. 2017
    GradCam,
}

impl Cam {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let plan = self.outputs.plan(&self.image, "cam", &[self.model.path(), self.target.path()])?;
        let model = self.model.open("efficientnet-lite0")?;
        let faces = Faces::new();
        let cam = match self.method {
            Method::GradCam => {
                tasks::cam::cam(&self.image, &model, self.layer.as_deref(), &self.target.target, &faces)?
            }
        };
        if cam.zero {
            warn(&format!("warning: the map is zero everywhere: nothing in {} speaks for {}", cam.layer, cam.target));
        }
        let files = MapFiles {
            map: &cam.map,
            figure: &|| cam.figure(self.outputs.colormap),
            overlay: cam.overlay(self.outputs.colormap),
        };
        let files = plan.write(files, &cam, self.outputs.colormap)?;
        let mut tables = vec![cam.summary()];
        tables.extend(cam.tables());
        show(global, &cam, &tables, &files)
    }
}
