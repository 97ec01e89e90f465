//! The files of an audit.

use std::path::{Path, PathBuf};

use eyebar_imaging::encode::write_atomic;
use serde::Serialize;

use super::condition::{Alignment, Attacker};
use super::groups::GroupFigures;
use super::{AuditResult, Row, Verdict, csv, report, store};
use crate::error::Error;
use crate::matcher::Matcher;
use crate::scene::Photo;

/// A group's figures, with the attack that they are of.
#[derive(Serialize)]
struct GroupLine<'a> {
    matcher: Matcher,
    attacker: Attacker,
    alignment: Alignment,
    mask: &'a str,
    #[serde(flatten)]
    figures: &'a GroupFigures,
}

/// A mask that was tried, with its family.
#[derive(Serialize)]
struct TriedLine<'a> {
    family: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// Everything, with the version that made it.
#[derive(Serialize)]
struct Results<'a> {
    eyebar: &'static str,
    #[serde(flatten)]
    result: &'a AuditResult,
}

impl AuditResult {
    /// Writes `report.html`, `results.json`, the same numbers as CSV, and as Parquet what every attack found of every
    /// photograph, to `folder`, which must be there; the report shows
    /// the masks on `example`. Answers the files' names.
    ///
    /// # Errors
    /// When a file cannot be written, or the example shows no face.
    pub fn write(&self, folder: &Path, example: &Photo) -> Result<Vec<PathBuf>, Error> {
        let results = Results { eyebar: env!("CARGO_PKG_VERSION"), result: self };
        let json = serde_json::to_string_pretty(&results).map_err(Error::serialise("the results"))? + "\n";
        let rows: Vec<Row> = self.rows.iter().map(|row| Row { groups: Vec::new(), ..row.clone() }).collect();
        let groups = self.rows.iter().flat_map(|row| {
            let Row { matcher, attacker, alignment, ref mask, .. } = *row;
            row.groups.iter().map(move |figures| GroupLine { matcher, attacker, alignment, mask, figures })
        });
        let groups: Vec<GroupLine<'_>> = groups.collect();
        let tried = self
            .smallest
            .iter()
            .flatten()
            .flat_map(|found| found.tried.iter().map(|verdict| TriedLine { family: found.family, verdict }));
        let tried: Vec<TriedLine<'_>> = tried.collect();
        let mut files = vec![
            ("report.html", report::page(self, example)?),
            ("results.json", json),
            ("rows.csv", csv::table(&rows)?),
            ("verdicts.csv", csv::table(&self.verdicts)?),
        ];
        for (name, has_rows, text) in [
            ("groups.csv", !groups.is_empty(), csv::table(&groups)?),
            ("evidence.csv", !self.evidence.is_empty(), csv::table(&self.evidence)?),
            ("smallest.csv", !tried.is_empty(), csv::table(&tried)?),
        ] {
            if has_rows {
                files.push((name, text));
            }
        }
        let write = |(name, text): (&str, String)| {
            let path = folder.join(name);
            write_atomic(&path, text.as_bytes())?;
            Ok(path)
        };
        let mut written = files.into_iter().map(write).collect::<Result<Vec<_>, Error>>()?;
        let scores = folder.join("scores.parquet");
        store::write_scores(&scores, &self.rows, &self.subjects, &self.scores)?;
        written.push(scores);
        Ok(written)
    }
}
