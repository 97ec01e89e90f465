//! Who comes first: by matcher, by what the attacker knows, and among the first few.

use std::collections::BTreeSet;

use eyebar_report::{Line, LineChart, Section};

use super::super::condition::{Alignment, Attacker};
use super::super::figures::Row;
use super::{View, WIDTH};
use crate::matcher::Matcher;

impl View<'_> {
    pub(super) fn matchers(&self) -> Section {
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

    pub(super) fn attackers(&self) -> Section {
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

    pub(super) fn candidates(&self) -> Option<Section> {
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
}
