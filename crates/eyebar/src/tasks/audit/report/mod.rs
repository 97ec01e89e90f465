//! The report in one HTML file.

mod attacks;
mod evidence;
mod examples;
mod thresholds;
mod usefulness;

use eyebar_report::{BarChart, KeyNumber, Line, LineChart, Page, Section, Series};

use super::condition::{Alignment, Shown};
use super::figures::{Row, worst};
use super::present::{percent, tables_of_rows};
use super::{AuditResult, Verdict};
use crate::error::Error;
use crate::matcher::Matcher;
use crate::scene::Photo;
use examples::examples;

const NONE: &str = "none";
/// Width of a chart that stands alone.
const WIDTH: u32 = 1600;
/// The same of one with lines, which is high.
const NARROW: u32 = 1200;
/// Most masks in one chart of lines, beside no mask.
const LINES: usize = 4;

/// A report about masks, with `example` behind each of them.
///
/// # Errors
/// When the example has no face, or a picture cannot be drawn.
pub(super) fn page(result: &AuditResult, example: &Photo) -> Result<String, Error> {
    let view = View { result };
    let page = Page::new("Is a mask enough?")
        .lead(format!(
            "An attacker has one ordinary photograph of each of {} people. **Behind a mask, how often is the right one the \
             first that is named?** By chance it would be {}.",
            result.people,
            percent(result.chance)
        ))
        .summary(view.summary())
        .section(view.worst_cases())
        .section(examples(result, example)?)
        .section(view.matchers())
        .section(view.attackers());
    let optional = [view.candidates(), view.thresholds(), view.strangers(), view.evidence(), view.groups()];
    let page = optional.into_iter().flatten().fold(page, Page::section);
    let page = page.section(view.usefulness());
    let page = view.smallest().into_iter().fold(page, Page::section);
    let mut numbers = Section::new("Every attack").anchor("every-attack");
    for table in tables_of_rows(&result.rows) {
        numbers = numbers.table(&table);
    }
    let page = page.section(numbers).section(view.dataset()).section(view.method());
    Ok(page
        .footer([
            ("Eyebar", env!("CARGO_PKG_VERSION")),
            ("Command", &result.command),
            ("Seed", &result.seed.to_string()),
            ("Models", &result.models.join(", ")),
        ])
        .render()?)
}

struct View<'a> {
    result: &'a AuditResult,
}

impl View<'_> {
    /// Masks in their order, no mask first.
    fn masks(&self) -> Vec<&str> {
        self.result.verdicts.iter().map(|verdict| verdict.mask.as_str()).collect()
    }

    fn verdict(&self, mask: &str) -> Option<&Verdict> {
        self.result.verdicts.iter().find(|verdict| verdict.mask == mask)
    }

    /// The row with the largest rank-1 share of those that are picked.
    fn worst(&self, pick: impl Fn(&Row) -> bool) -> Option<&Row> {
        worst(self.result.rows.iter().filter(|row| pick(row)))
    }

    /// The matcher that finds most without a mask.
    fn strongest(&self) -> Option<Matcher> {
        self.worst(|row| row.mask == NONE).map(|row| row.matcher)
    }

    fn summary(&self) -> Section {
        let number = |mask: &str, label: &str| {
            let verdict = self.verdict(mask)?;
            let detail = format!("{} to {}", percent(verdict.rank1_low), percent(verdict.rank1_high));
            Some(KeyNumber::new(percent(verdict.rank1), label).detail(detail))
        };
        // Controls are no masks.
        let tried: Vec<String> =
            self.result.shown.iter().filter(|shown| matches!(shown, Shown::Masked(_))).map(Shown::to_string).collect();
        let masks = self.result.verdicts.iter().filter(|verdict| tried.contains(&verdict.mask));
        let best = masks.clone().min_by(|a, b| a.rank1.total_cmp(&b.rank1));
        let met = masks.clone().filter(|verdict| verdict.meets_target).count();
        let mut numbers: Vec<KeyNumber> = [
            number(NONE, "found without a mask"),
            number("eye-bar", "found behind the eye bar"),
            best.and_then(|verdict| number(&verdict.mask, &format!("found behind {}, the least of all", verdict.mask))),
        ]
        .into_iter()
        .flatten()
        .collect();
        let target = format!("masks keep below {}", percent(self.result.target));
        numbers
            .push(KeyNumber::new(format!("{met} of {}", masks.count()), target).detail("whole interval, every attack"));
        Section::default().numbers(numbers)
    }

    fn worst_cases(&self) -> Section {
        let mut section = Section::new("The worst case").anchor("worst-case").paragraph(
            "For each mask the attack that finds most, of all attackers, matchers and alignments that were tried. A mask is as \
             good as it is against the best of them.",
        );
        if let Some(verdict) = self.verdict("eye-bar") {
            section = section.finding(verdict.sentence.clone());
        }
        section.table(&self.result.worst_case_table()).list(
            self.result
                .verdicts
                .iter()
                .filter(|verdict| verdict.mask != NONE && verdict.mask != "eye-bar")
                .map(|verdict| verdict.sentence.clone()),
        )
    }

    /// Bars of the rank-1 share, a series for each key.
    fn bars<K: Copy>(
        &self,
        title: &str,
        keys: &[K],
        name: impl Fn(K) -> String,
        is: impl Fn(K, &Row) -> bool,
    ) -> BarChart {
        let masks = self.masks();
        let chart = BarChart::new(title, masks.iter().copied()).percent();
        let chart = keys.iter().fold(chart, |chart, &key| {
            let rows: Vec<Option<&Row>> =
                masks.iter().map(|mask| self.worst(|row| row.mask == *mask && is(key, row))).collect();
            let values = rows.iter().map(|row| row.map_or(f64::NAN, |row| row.rank1));
            let intervals =
                rows.iter().map(|row| row.map_or((f64::NAN, f64::NAN), |row| (row.rank1_low, row.rank1_high)));
            chart.series(Series::new(name(key), values).intervals(intervals))
        });
        chart.note(format!(
            "share of photographs whose person comes first; 95 % intervals over people; chance {}",
            percent(self.result.chance)
        ))
    }

    /// Charts of lines, a few masks each beside no mask.
    fn lines(
        &self,
        section: Section,
        (alt, caption): (&str, &str),
        chart: &dyn Fn() -> LineChart,
        line: &dyn Fn(&Row) -> Line,
    ) -> Section {
        let Some(strongest) = self.strongest() else { return section };
        let of = |mask: &str| self.worst(|row| row.mask == mask && row.matcher == strongest);
        let masks: Vec<&str> = self.masks().into_iter().filter(|&mask| mask != NONE).collect();
        // As many in each chart.
        let each = masks.len().div_ceil(masks.len().div_ceil(LINES).max(1)).max(1);
        masks.chunks(each).fold(section, |section, some| {
            let rows = std::iter::once(NONE).chain(some.iter().copied()).filter_map(of);
            let chart = rows.fold(chart(), |chart, row| chart.line(line(row)));
            section.figure(chart.render(NARROW), alt, caption)
        })
    }

    fn dataset(&self) -> Section {
        let result = self.result;
        let section = Section::new("Who took part").anchor("dataset").list([
            format!(
                "{} people were looked for, with {} photographs each, in {} draws.",
                result.people, result.photos, result.draws
            ),
            format!(
                "Attackers learnt from {} photographs of {} other people; {} others again were strangers.",
                result.learner_photos, result.learners, result.strangers
            ),
        ]);
        match result.findings_table() {
            Some(table) => section.table(&table),
            None => section.paragraph("Nothing was wrong with the photographs."),
        }
    }

    fn method(&self) -> Section {
        // A photograph without a face is missed, which is not chance.
        let found = self.result.rows.iter().filter(|row| row.alignment != Alignment::Redetected);
        let shuffled = found.map(|row| row.shuffled_rank1);
        let (low, high) = shuffled.fold((1.0f64, 0.0f64), |(low, high), share| (low.min(share), high.max(share)));
        Section::new("How it was measured, and what it does not say")
            .anchor("method")
            .list([
                "In each draw everybody is enrolled with one photograph, chosen at random, and looked for with all others; all \
                 masks and attackers share the draws."
                    .to_owned(),
                "Intervals resample people, not photographs (1000 times, 95 %). Those of verification leave the threshold \
                 where it is."
                    .to_owned(),
                format!(
                    "As a control, photographs were dealt out to people at random: then {} to {} came first, by chance {}.",
                    percent(low),
                    percent(high),
                    percent(self.result.chance)
                ),
                "Rates of 1 % and 0.1 % are given only where ten pairs or more were accepted wrongly.".to_owned(),
            ])
            .caution(
                "A better matcher, or one trained on such masks for longer, may find more. Clothes, places, tattoos and what \
                 is written beside a photograph were not looked at. A mask that fails here fails; one that holds here has \
                 held against these attacks.",
            )
    }
}
