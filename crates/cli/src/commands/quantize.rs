//! `eyebar quantize`.

use std::path::{Path, PathBuf};

use clap::Args;
use eyebar::{Error, Model, tasks};
use eyebar_imaging::InputSpec;
use eyebar_network::WeightQuantisation;
use eyebar_report::Table;

use crate::options::{Global, whole};
use crate::output::show;
use crate::paths;
use crate::progress::Bar;

/// Write a smaller or faster model, and measure what it saves and costs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar quantize sface --kind int8 --calibrate lfw/ --out sface-int8.onnx
  eyebar quantize efficientnet-lite0 --kind f16 --out efficientnet-f16.onnx
  eyebar quantize vgg16.onnx --out vgg16-int8.onnx --input 'bgr 224x224 nhwc mean=103.939,116.779,123.68'")]
pub(crate) struct Quantize {
    /// An ONNX file (or a bundled model)
    model: String,
    /// The new ONNX file (opset 21: DequantizeLinear with block_size)
    #[arg(long, value_name = "FILE.onnx")]
    out: PathBuf,
    /// How photographs are fed, to measure the drift on the test portrait as the model will be used
    #[arg(long, value_name = "SPEC")]
    input: Option<InputSpec>,
    /// What weights, and activations, become
    #[arg(long, value_enum, default_value_t = Kind::Int8Block)]
    kind: Kind,
    /// Photographs such as the model will see, for int8: a folder of them, or a dataset (an embedder sees aligned faces)
    #[arg(long, value_name = "DIR", required_if_eq("kind", "int8"))]
    calibrate: Option<PathBuf>,
    /// Most photographs that ranges are measured on
    #[arg(long, default_value_t = 200, value_parser = whole::<1, 100_000>, allow_negative_numbers = true)]
    photos: usize,
    /// Weights that share a scale, for int8-block
    #[arg(long, default_value_t = 64, value_parser = whole::<1, 65_536>, allow_negative_numbers = true)]
    block: usize,
    /// Tensors with fewer weights stay f32, for int8-block and f16
    #[arg(long, default_value_t = 32_768, value_parser = whole::<0, 1_000_000_000>, allow_negative_numbers = true)]
    smallest: usize,
}

/// What weights, and activations, become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Weights as f16: half the size of f32, computed in f32
    F16,
    /// Weights, in blocks with a scale each: a smaller file, computed in f32
    Int8Block,
    /// Weights and activations: smaller and faster
    Int8,
}

impl Quantize {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let calibrate = self.calibrate.iter().map(PathBuf::as_path);
        let read: Vec<&Path> = std::iter::once(Path::new(&self.model)).chain(calibrate).collect();
        paths::check(&read, &[&self.out])?;
        let model = Model::open(&self.model, self.input.clone())?;
        let result = match (self.kind, &self.calibrate) {
            (Kind::Int8, Some(calibrate)) => {
                let bar = Bar::new("ranges of activations");
                let progress = |done, total| bar.update(done, total);
                tasks::quantise::quantise_layers(&model, &self.out, calibrate, self.photos, &progress)?
            }
            (Kind::F16, _) => tasks::quantise::halve(&model, &self.out, self.smallest)?,
            _ => {
                let options = WeightQuantisation { block: self.block, smallest: self.smallest };
                tasks::quantise::quantise(&model, &self.out, options)?
            }
        };
        let megabytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1e6);
        let how = match (result.block, result.calibrated_on) {
            (Some(block), _) => format!("int8 weights in blocks of {block}"),
            (None, Some(photos)) => format!("int8, calibrated on {photos} photographs"),
            (None, None) => "f16 weights".to_owned(),
        };
        let mut table = Table::new(format!("{}, {how}", model.name())).text("").number("", "");
        table = table.row(["Size before, MB".to_owned(), megabytes(result.bytes_before)]);
        table = table.row(["Size after, MB".to_owned(), megabytes(result.bytes_after)]);
        let what = if result.kind == "int8" { "Layers" } else { "Tensors" };
        table = table.row([format!("{what} in {}", result.kind), result.tensors.to_string()]);
        table = table.row([format!("Weights in {}", result.kind), result.weights.to_string()]);
        if let Some(error) = result.weight_error {
            table = table.row(["Error of the weights, %".to_owned(), format!("{:.3}", 100.0 * error)]);
        }
        if let Some(drift) = &result.drift {
            table = table.row(["Cosine of the outputs".to_owned(), format!("{:.6}", drift.cosine)]);
            table = table.row(["Largest change, % of the largest".to_owned(), format!("{:.2}", 100.0 * drift.largest)]);
            table = table.row(["Same five highest".to_owned(), if drift.same_top5 { "yes" } else { "no" }.to_owned()]);
        }
        show(global, &result, &[table.note("Outputs compared on the test portrait.")], std::slice::from_ref(&self.out))
    }
}
