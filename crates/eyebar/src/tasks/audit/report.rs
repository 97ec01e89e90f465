//! The report in one HTML file.

use std::collections::BTreeSet;

use eyebar_audit::{Interval, OpenSet};
use eyebar_face::{MaskOptions, Placement};
use eyebar_report::{BarChart, Cell, Figure, KeyNumber, Line, LineChart, Page, Row as Cells, Section, Series, Table};

use super::condition::{Alignment, Attacker, Shown};
use super::figures::{Row, STRANGER_RATE, worst};
use super::present::{evidence_table, groups_table, maybe, percent, tables_of_rows};
use super::{AuditResult, Verdict};
use crate::error::Error;
use crate::matcher::Matcher;
use crate::scene::{Faces, Photo};

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

    fn matchers(&self) -> Section {
        let matchers: BTreeSet<Matcher> = self.result.rows.iter().map(|row| row.matcher).collect();
        let matchers: Vec<Matcher> = matchers.into_iter().collect();
        let chart = self.bars(
            "Rank-1 by mask and matcher, each with its best attack",
            &matchers,
            |matcher| matcher.title().to_owned(),
            |matcher, row| row.matcher == matcher,
        );
        Section::new("What faces are told apart by").anchor("matchers").figure(
            chart.render(WIDTH),
            "Bars of the rank-1 share for every mask and matcher.",
            "The same masks before different matchers. A mask that defeats a weak one says little.",
        )
    }

    fn attackers(&self) -> Section {
        let attackers: BTreeSet<Attacker> = self.result.rows.iter().map(|row| row.attacker).collect();
        let attackers: Vec<Attacker> = attackers.into_iter().collect();
        let section = Section::new("What the attacker knows").anchor("attackers").list([
            "**naive**: looks for the masked face among ordinary photographs.",
            "**masked-gallery**: puts the same mask on the ordinary photographs first.",
            "**adapted**: does that, and has learnt from masked photographs of other people what still tells people apart.",
        ]);
        let Some(strongest) = self.strongest() else { return section };
        let chart = self.bars(
            &format!("Rank-1 by mask and attacker, {}", strongest.title()),
            &attackers,
            |attacker| attacker.to_string(),
            |attacker, row| row.matcher == strongest && row.attacker == attacker,
        );
        let mut section = section.figure(
            chart.render(WIDTH),
            "Bars of the rank-1 share for every mask and attacker.",
            "The matcher that finds most without a mask, with the better of its alignments.",
        );
        if self.result.rows.iter().any(|row| row.alignment == Alignment::Redetected) {
            let alignments = [Alignment::Oracle, Alignment::Redetected];
            let chart = self.bars(
                &format!("Rank-1 by mask and alignment, {}", strongest.title()),
                &alignments,
                |alignment: Alignment| match alignment {
                    Alignment::Oracle => "landmarks of the photograph without its mask".to_owned(),
                    _ => "face found again behind the mask".to_owned(),
                },
                |alignment, row| row.matcher == strongest && row.alignment == alignment,
            );
            section = section.figure(
                chart.render(WIDTH),
                "Bars of the rank-1 share for every mask and alignment.",
                "A detector that finds no face behind the mask finds nobody; who marks the face by hand has its landmarks.",
            );
        }
        section
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

    fn candidates(&self) -> Option<Section> {
        let strongest = self.strongest()?;
        let last = self.result.people.min(20);
        let section = Section::new("Among the first few").anchor("cmc").paragraph(format!(
            "Who looks through the first candidates finds more: the share of photographs whose person is among the first 1, \
             2, … {last} (CMC), for {} with its best attack.",
            strongest.title()
        ));
        let chart = || {
            let marks = [1, 2, 3, 5, 10, 15, 20].into_iter().filter(|&rank| rank <= last);
            let marks = marks.map(|rank| (rank as f64, rank.to_string()));
            LineChart::new("").percent().range(0.0, 1.0).marks(marks).note("candidates looked through")
        };
        let line = |row: &Row| {
            let points = row.cmc.iter().take(last).enumerate();
            points.fold(Line::new(&row.mask), |line, (index, &share)| line.point(index as f64 + 1.0, share))
        };
        Some(self.lines(
            section,
            ("Cumulative match curves by mask.", "Cumulative match characteristic."),
            &chart,
            &line,
        ))
    }

    fn thresholds(&self) -> Option<Section> {
        let strongest = self.strongest()?;
        self.result.rows.iter().find(|row| row.matcher == strongest && !row.roc.is_empty())?;
        let section = Section::new("Verification, and thresholds").anchor("thresholds").paragraph(
            "Two photographs are taken for one person where their similarity reaches a threshold. A threshold that was set on \
             ordinary photographs (frozen) makes masks look better than they are: of masked faces beside ordinary ones it \
             accepts fewer of all, and whoever sets it again behind the mask (recalibrated) gets some of what was lost back.",
        );
        let chart = || {
            let marks = [0.001f64, 0.01, 0.1, 1.0].map(|rate| (rate.log10(), format!("{} %", 100.0 * rate)));
            let note = "false accept rate (logarithmic); upwards: true accept rate";
            LineChart::new("").percent().range(0.0, 1.0).marks(marks).note(note)
        };
        let line = |row: &Row| {
            let known = row.roc.iter().filter(|(rate, _)| *rate > 0.0);
            known.fold(Line::new(&row.mask), |line, &(rate, accepted)| line.point(rate.log10(), accepted))
        };
        let caption = ("Receiver operating characteristic by mask.", "Receiver operating characteristic of all pairs.");
        let section = self.lines(section, caption, &chart, &line);
        let is = |row: &Row, attacker: Attacker| {
            row.matcher == strongest && row.attacker == attacker && row.alignment != Alignment::Redetected
        };
        // Where both sides are masked, a frozen threshold accepts nearly everybody.
        let attacker = [Attacker::Naive, Attacker::MaskedGallery]
            .into_iter()
            .find(|&attacker| self.result.rows.iter().any(|row| is(row, attacker)))?;
        let rows: Vec<&Row> = self.result.rows.iter().filter(|row| is(row, attacker)).collect();
        let series = |name: &str, pick: fn(&Row) -> Option<Interval>| {
            let found = || rows.iter().map(|row| pick(row));
            let ends = |found: Interval| (found.low, found.high);
            Series::new(name, found().map(|found| found.map_or(f64::NAN, |found| found.value)))
                .intervals(found().map(|found| found.map_or((f64::NAN, f64::NAN), ends)))
        };
        let title = format!("True accepts at 1 % false accepts, {}, {attacker}", strongest.title());
        let chart = BarChart::new(title, rows.iter().map(|row| row.mask.clone())).percent();
        let chart = chart
            .series(series("threshold set without a mask", |row| row.tar_frozen_interval))
            .series(series("threshold set behind the mask", |row| row.tar_recalibrated_interval))
            .note("share of pairs of one person that are accepted; 95 % intervals over people");
        Some(section.figure(
            chart.render(WIDTH),
            "True accept rates at frozen and at recalibrated thresholds, by mask.",
            "Frozen thresholds flatter a mask.",
        ))
    }

    fn strangers(&self) -> Option<Section> {
        let strongest = self.strongest()?;
        let mut table =
            Table::new(format!("With {} strangers at the door, {}", self.result.strangers, strongest.title()))
                .text("Attack")
                .text("Mask")
                .number("Missed, frozen", "%")
                .number("Strangers taken, frozen", "%")
                .number("Missed, recalibrated", "%")
                .number("Strangers taken, recalibrated", "%");
        let pick =
            |errors: Option<OpenSet>, pick: fn(OpenSet) -> Interval| maybe(errors.map(|errors| pick(errors).value));
        let mut known = false;
        for row in self.result.rows.iter().filter(|row| row.matcher == strongest) {
            known |= row.open_set_recalibrated.is_some();
            table = table.row([
                format!("{}, {}", row.attacker, row.alignment.name()),
                row.mask.clone(),
                pick(row.open_set_frozen, |errors| errors.fnir),
                pick(row.open_set_frozen, |errors| errors.fpir),
                pick(row.open_set_recalibrated, |errors| errors.fnir),
                pick(row.open_set_recalibrated, |errors| errors.fpir),
            ]);
        }
        let section = Section::new("Strangers at the door").anchor("strangers").paragraph(format!(
            "An attacker who does not know that the person is in the gallery has to refuse strangers. Thresholds are set so \
             that {} of one half of the strangers are taken for somebody; what they do to the other half, and how many of the \
             people in the gallery are then missed (refused or taken for somebody else), was measured.",
            percent(STRANGER_RATE)
        ));
        known.then(|| section.table(&table))
    }

    fn evidence(&self) -> Option<Section> {
        let result = self.result;
        result.evidence.first()?;
        let mut section = Section::new("Where the evidence sits").anchor("evidence").paragraph(
            "Which parts of an aligned face make two photographs of one person alike: the share of what the similarity loses \
             where a patch hides a part (occlusion), and of what speaks for it by gradient (Grad-CAM), beside the part's share \
             of the area. Behind a mask the same question asks **where the matcher looks once something is gone**.",
        );
        for (method, title) in [("occlusion", "Occlusion"), ("grad-cam", "Grad-CAM")] {
            let of = |mask: &str| -> Vec<_> {
                let is = |row: &&super::EvidenceRow| row.method == method && row.mask == mask && row.group.is_none();
                result.evidence.iter().filter(is).collect()
            };
            let plain = of(NONE);
            let bar = of("eye-bar");
            if plain.is_empty() {
                continue;
            }
            let series = |name: &str, rows: &[&super::EvidenceRow]| {
                let intervals = rows.iter().map(|row| (row.mass.low, row.mass.high));
                Series::new(name, rows.iter().map(|row| row.mass.value)).intervals(intervals.collect::<Vec<_>>())
            };
            let mut chart = BarChart::new(format!("{title} of the similarity"), plain.iter().map(|row| row.region))
                .percent()
                .series(series("without a mask", &plain));
            if bar.len() == plain.len() {
                chart = chart.series(series("behind the eye bar", &bar));
            }
            let chart = chart.series(Series::new("share of the area", plain.iter().map(|row| row.area)));
            section = section.figure(
                chart.note("share of the positive mass; 95 % intervals over people").render(WIDTH),
                format!("Shares of the regions of the face in {title}."),
                format!("{title}, SFace, aligned faces of {} people.", plain[0].people),
            );
        }
        Some(section.table(&evidence_table(&result.evidence)))
    }

    fn groups(&self) -> Option<Section> {
        let table = groups_table(self.result)?;
        Some(
            Section::new("Groups")
                .anchor("groups")
                .paragraph(
                    "The people of a group are looked for among all others, by the attack that finds most. A difference is \
                     called one only where the whole interval says so and both sides have ten people or more.",
                )
                .table(&table),
        )
    }

    fn usefulness(&self) -> Section {
        let mut chart =
            LineChart::new("Who is still found, and what is left of the photograph").percent().range(0.0, 1.0);
        let point = |mask: &str| {
            let verdict = self.verdict(mask)?;
            let ssim = self.result.rows.iter().find(|row| row.mask == mask)?.ssim?;
            Some((ssim, verdict))
        };
        let family = |mask: &str| match mask.split(':').next().unwrap_or(mask) {
            "eye-bar" | "eyes-nose" | "face" | "head" => "boxes".to_owned(),
            other => other.to_owned(),
        };
        let mut lines: Vec<(String, Vec<(f64, &Verdict)>)> = Vec::new();
        for mask in self.masks() {
            let Some(point) = point(mask) else { continue };
            let name = family(mask);
            match lines.iter_mut().find(|(other, _)| *other == name) {
                Some((_, points)) => points.push(point),
                None => lines.push((name, vec![point])),
            }
        }
        for (name, mut points) in lines {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let line = points.iter().fold(Line::new(name), |line, (ssim, verdict)| {
                line.interval(*ssim, verdict.rank1, verdict.rank1_low, verdict.rank1_high)
            });
            chart = chart.line(line);
        }
        let marks = (0..=5).map(|step| (f64::from(step) / 5.0, format!("{:.1}", f64::from(step) / 5.0)));
        let chart = chart.marks(marks).note(
            "likeness of the masked photograph to the one without (mean SSIM); upwards: share of photographs whose person comes \
             first, worst case, with 95 % intervals over people",
        );
        Section::new("Privacy and usefulness").anchor("usefulness").figure(
            chart.render(NARROW),
            "Worst-case rank-1 share against the likeness to the original, a line for each family of masks.",
            "Down and to the right is better: nobody found, the photograph kept.",
        )
    }

    fn smallest(&self) -> Option<Section> {
        let smallest = self.result.smallest.as_ref()?;
        Some(
            Section::new("What would be enough")
                .anchor("enough")
                .paragraph(format!(
                    "The weakest mask of each family with which the whole interval stays below {}, for every attack. A \
                     stronger mask is taken to hide no less.",
                    percent(self.result.target)
                ))
                .list(smallest.iter().map(super::Smallest::sentence))
                .table(&self.result.smallest_table(smallest)),
        )
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

/// One photograph behind each mask.
fn examples(result: &AuditResult, example: &Photo) -> Result<Section, Error> {
    const ACROSS: usize = 4;
    let (face, _) = Faces::new().among(example)?;
    let options = MaskOptions { seed: result.seed, ..MaskOptions::default() };
    let mut cells = Vec::new();
    for shown in &result.shown {
        let image = match shown.mask() {
            None => (*example.image).clone(),
            Some(mask) => mask.apply(&example.image, Placement::Landmarks(&[face.landmarks]), &options)?.image,
        };
        let found = result.verdicts.iter().find(|verdict| verdict.mask == shown.to_string());
        let found = found.map_or_else(String::new, |verdict| format!("{} found", percent(verdict.rank1)));
        cells.push(Cell::picture(image).caption(format!("{shown}\n{found}")));
    }
    let mut figure = Figure::new("The masks");
    let mut cells = cells.into_iter().peekable();
    while cells.peek().is_some() {
        let mut row: Vec<Cell> = cells.by_ref().take(ACROSS).collect();
        row.resize_with(ACROSS, Cell::empty);
        figure = figure.row(Cells::new("", row));
    }
    Ok(Section::new("What was shown").anchor("masks").figure(
        figure.footnote("Found: share of photographs whose person comes first, worst case."),
        "One photograph behind each mask.",
        "Masks are placed by the landmarks of the face, and measured in distances between the eyes.",
    ))
}
