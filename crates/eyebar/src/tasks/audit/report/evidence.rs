//! Where the evidence sits, and groups of people.

use eyebar_report::{BarChart, Section, Series};

use super::super::EvidenceRow;
use super::super::present::{evidence_table, groups_table};
use super::{NONE, View, WIDTH};

impl View<'_> {
    pub(super) fn evidence(&self) -> Option<Section> {
        let result = self.result;
        result.evidence.first()?;
        let mut section = Section::new("Where the evidence sits").anchor("evidence").paragraph(
            "Which parts of an aligned face make two photographs of one person alike: the share of what the similarity loses \
             where a patch hides a part (occlusion), and of what speaks for it by gradient (Grad-CAM), beside the part's share \
             of the area. Behind a mask the same question asks **where the matcher looks once something is gone**.",
        );
        for (method, title) in [("occlusion", "Occlusion"), ("grad-cam", "Grad-CAM")] {
            let of = |mask: &str| -> Vec<_> {
                let is = |row: &&EvidenceRow| row.method == method && row.mask == mask && row.group.is_none();
                result.evidence.iter().filter(is).collect()
            };
            let plain = of(NONE);
            let bar = of("eye-bar");
            if plain.is_empty() {
                continue;
            }
            let series = |name: &str, rows: &[&EvidenceRow]| {
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

    pub(super) fn groups(&self) -> Option<Section> {
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
}
