//! `eyebar bench lfw`.

use std::path::PathBuf;

use clap::Args;
use eyebar::{Error, tasks};

use crate::options::{Global, ModelArgs};
use crate::output::show;
use crate::progress::Bar;

/// How well faces are verified: View 2 of Labeled Faces in the Wild
///
/// Ten folds of mated and non-mated pairs; the threshold for each fold is the best on the other nine. The face nearest to
/// the middle of a photograph counts; pairs of a photograph without a face count as refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar bench lfw lfw/ --pairs pairs.txt
  eyebar bench lfw lfw/ --pairs pairs.txt --flip --json
  eyebar bench lfw lfw/ --pairs pairs.txt --model mine.onnx --input 'rgb 112x112 mean=127.5,127.5,127.5 scale=0.0078,0.0078,0.0078'

The photographs (deep-funneled ones are usual) and pairs.txt come from the authors of LFW, University of Massachusetts.")]
pub(crate) struct Lfw {
    /// Folder of photographs: PERSON/PERSON_0001.jpg
    folder: PathBuf,
    /// The list of pairs
    #[arg(long, value_name = "FILE")]
    pairs: PathBuf,
    /// Also with the mean of each face's template and its mirror image's, beside the plain figures
    #[arg(long)]
    flip: bool,
    #[command(flatten)]
    model: ModelArgs,
}

impl Lfw {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let model = self.model.open("sface")?;
        let result = {
            let bar = Bar::new("photographs");
            let progress = |done, total| bar.update(done, total);
            tasks::lfw::lfw(&self.folder, &self.pairs, &model, self.flip, &progress)?
        };
        show(global, &result, &result.tables(), &[])
    }
}
