//! `eyebar demo`.

use std::path::PathBuf;

use clap::Args;
use eyebar::Error;
use eyebar::demo::workshop;
use eyebar::tasks::filters;
use eyebar_report::Table;

use crate::options::Global;
use crate::output::show;
use crate::progress::Bar;

/// The whole workshop on the bundled models and portrait
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar demo
  eyebar demo --out lesson1 --seed 7")]
pub(crate) struct Demo {
    /// Folder for figures, results and report
    #[arg(long, default_value = "workshop", value_name = "DIR")]
    out: PathBuf,
}

impl Demo {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let command = format!("eyebar demo --out {} --seed {}", self.out.display(), global.seed);
        let results = {
            let bar = Bar::new("starting");
            let progress = |part: &str, done, total| {
                bar.name(part);
                bar.update(done, total)
            };
            workshop(&self.out, global.seed, &command, &progress)?
        };
        let files: Vec<_> = results.files.iter().map(|file| self.out.join(file)).collect();
        let masks = Table::new("What masks hide: one pair of photos, so an example and no proof").text("Mask");
        let masks = masks.text("Classifier's best class").number("Probability", "%");
        let masks = masks.number("Similarity", "cosine").text("Same person?");
        let masks = results.masks.masks.iter().fold(masks, |table, row| {
            let (percent, similarity) = (format!("{:.1}", 100.0 * row.probability), format!("{:.3}", row.similarity));
            let decision = if row.recognised { "yes" } else { "no" }.to_owned();
            table.row([row.mask.clone(), row.top1.clone(), percent, similarity, decision])
        });
        let note = format!("Open {} for the whole story.", self.out.join("report.html").display());
        show(global, &results, &[filters::table(&results.filters), masks.note(note)], &files)
    }
}
