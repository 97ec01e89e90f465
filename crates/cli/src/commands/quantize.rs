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

/// Write a model with int8 weights in blocks, and measure what it saves and costs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
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
    /// Weights that share a scale
    #[arg(long, default_value_t = 64, value_parser = whole::<1, 65_536>, allow_negative_numbers = true)]
    block: usize,
    /// Tensors with fewer weights stay f32
    #[arg(long, default_value_t = 32_768, value_parser = whole::<0, 1_000_000_000>, allow_negative_numbers = true)]
    smallest: usize,
}

impl Quantize {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        paths::check(&[Path::new(&self.model)], &[&self.out])?;
        let model = Model::open(&self.model, self.input.clone())?;
        let options = WeightQuantisation { block: self.block, smallest: self.smallest };
        let result = tasks::quantise::quantise(&model, &self.out, options)?;
        let megabytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1e6);
        let mut table = Table::new(format!("{}, int8 weights in blocks of {}", model.name(), result.block));
        table = table.text("").number("", "");
        table = table.row(["Size before, MB".to_owned(), megabytes(result.bytes_before)]);
        table = table.row(["Size after, MB".to_owned(), megabytes(result.bytes_after)]);
        table = table.row(["Tensors in int8".to_owned(), result.tensors.to_string()]);
        table = table.row(["Weights in int8".to_owned(), result.weights.to_string()]);
        table = table.row(["Error of the weights, %".to_owned(), format!("{:.3}", 100.0 * result.weight_error)]);
        if let Some(drift) = &result.drift {
            table = table.row(["Cosine of the outputs".to_owned(), format!("{:.6}", drift.cosine)]);
            table = table.row(["Largest change, % of the largest".to_owned(), format!("{:.2}", 100.0 * drift.largest)]);
            table = table.row(["Same five highest".to_owned(), if drift.same_top5 { "yes" } else { "no" }.to_owned()]);
        }
        show(global, &result, &[table.note("Outputs compared on the test portrait.")], std::slice::from_ref(&self.out))
    }
}
