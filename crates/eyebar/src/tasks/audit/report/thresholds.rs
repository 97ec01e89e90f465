//! Pairs and strangers: what thresholds let through.

use eyebar_audit::{Interval, OpenSet};
use eyebar_report::{BarChart, Line, LineChart, Section, Series, Table};

use super::super::condition::{Alignment, Attacker};
use super::super::figures::{Row, STRANGER_RATE};
use super::super::present::{maybe, percent};
use super::{View, WIDTH};

impl View<'_> {
    pub(super) fn thresholds(&self) -> Option<Section> {
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

    pub(super) fn strangers(&self) -> Option<Section> {
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
}
