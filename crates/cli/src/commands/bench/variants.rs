//! `eyebar bench variants`.

use std::path::PathBuf;

use clap::Args;
use eyebar::tasks::variants::{Measure, variants};
use eyebar::{Error, Model};
use eyebar_imaging::InputSpec;

use crate::options::{Global, whole};
use crate::output::show;
use crate::progress::Bar;

/// Variants of a network: size, time, memory, and what they cost in accuracy and explanations
///
/// The first is what the others are compared with. Forward passes take turns, so that all meet the same noise. With
/// photographs, for embedders of faces: the cosine of embeddings, rank 1, and how alike Grad-CAM maps of a likeness are (rank
/// correlation); with LFW's list of pairs, its accuracy.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar bench variants vgg16 vgg16-f16.onnx
  eyebar quantize sface --kind int8 --calibrate photos/ --out int8.onnx
  eyebar bench variants sface int8.onnx --input 'rgb 112x112' --photos lfw/ --pairs pairs.txt")]
pub(crate) struct Variants {
    /// Models and files; the first is the original
    #[arg(required = true, num_args = 2.., value_name = "NAME|FILE.onnx")]
    models: Vec<String>,
    /// How photographs are fed to files
    #[arg(long, value_name = "SPEC")]
    input: Option<InputSpec>,
    /// (Embedders) a folder with a folder of photographs for each person
    #[arg(long, value_name = "DIR")]
    photos: Option<PathBuf>,
    /// People to look at, at most
    #[arg(long, default_value_t = 500, value_parser = whole::<2, 100_000>, allow_negative_numbers = true)]
    people: usize,
    /// LFW's list of pairs; the photographs are LFW's then
    #[arg(long, value_name = "FILE", requires = "photos")]
    pairs: Option<PathBuf>,
    /// Forward passes of each that the median is taken of
    #[arg(long, default_value_t = 31, value_parser = whole::<1, 10_000>, allow_negative_numbers = true)]
    runs: usize,
}

impl Variants {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let open = |name: &String| {
            let is_file = std::path::Path::new(name).is_file();
            Model::open(name, self.input.clone().filter(|_| is_file))
        };
        let models = self.models.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let measure =
            Measure { runs: self.runs, photos: self.photos.clone(), people: self.people, pairs: self.pairs.clone() };
        let result = {
            let bar = Bar::new("photographs");
            variants(&models, &measure, &|done, total| bar.update(done, total))?
        };
        show(global, &result, &[result.table()], &[])
    }
}
