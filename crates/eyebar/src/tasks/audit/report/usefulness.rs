//! What a mask costs, and what would be enough.

use eyebar_report::{Line, LineChart, Section};

use super::super::present::percent;
use super::super::{Smallest, Verdict};
use super::{NARROW, View};

impl View<'_> {
    pub(super) fn usefulness(&self) -> Section {
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

    pub(super) fn smallest(&self) -> Option<Section> {
        let smallest = self.result.smallest.as_ref()?;
        Some(
            Section::new("What would be enough")
                .anchor("enough")
                .paragraph(format!(
                    "The weakest mask of each family with which the whole interval stays below {}, for every attack. A \
                     stronger mask is taken to hide no less.",
                    percent(self.result.target)
                ))
                .list(smallest.iter().map(Smallest::sentence))
                .table(&self.result.smallest_table(smallest)),
        )
    }
}
