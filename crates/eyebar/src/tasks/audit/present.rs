//! Tables.

use eyebar_report::Table;

use super::figures::{Row, worst};
use super::{AuditResult, EvidenceRow, Smallest};

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn number(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

pub(super) fn maybe(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), number)
}

fn range(low: f64, high: f64) -> String {
    format!("{} to {}", number(low), number(high))
}

impl AuditResult {
    /// The worst cases, every attack, groups, evidence, and what was wrong with the dataset.
    pub fn tables(&self) -> Vec<Table> {
        let mut tables = vec![self.worst_case_table()];
        tables.extend(self.smallest.as_ref().map(|smallest| self.smallest_table(smallest)));
        tables.extend(tables_of_rows(&self.rows));
        tables.extend(groups_table(self));
        if !self.evidence.is_empty() {
            tables.push(evidence_table(&self.evidence));
        }
        tables.extend(self.findings_table());
        tables
    }

    pub(super) fn worst_case_table(&self) -> Table {
        let mut table = Table::new("Does an attacker find the right person behind the mask?")
            .text("Mask")
            .number("Rank-1, worst case", "%")
            .number("95 % interval", "%")
            .text("Attack")
            .text("Target met");
        for verdict in &self.verdicts {
            table = table.row([
                verdict.mask.clone(),
                number(verdict.rank1),
                range(verdict.rank1_low, verdict.rank1_high),
                verdict.attack.clone(),
                if verdict.meets_target { "yes" } else { "no" }.to_owned(),
            ]);
        }
        table.note(format!(
            "{} people with {} photographs each, {} draws; chance {}; target {}, met where even the upper end of every attack is \
             below.",
            self.people,
            self.photos,
            self.draws,
            percent(self.chance),
            percent(self.target)
        ))
    }

    pub(super) fn smallest_table(&self, smallest: &[Smallest]) -> Table {
        let mut table =
            Table::new(format!("The weakest mask of each family that keeps below {}", percent(self.target)))
                .text("Family")
                .text("Tried")
                .number("Rank-1", "%")
                .number("95 % interval", "%")
                .text("Attack")
                .text("Target met");
        for family in smallest {
            for verdict in &family.tried {
                table = table.row([
                    family.family.to_owned(),
                    verdict.mask.clone(),
                    number(verdict.rank1),
                    range(verdict.rank1_low, verdict.rank1_high),
                    verdict.attack.clone(),
                    if verdict.meets_target { "yes" } else { "no" }.to_owned(),
                ]);
            }
        }
        table.note(
            "Where the target is met, the worst case of all attacks; where it is missed, the first matcher with which that was \
             seen: others may find more. Masks are chosen and measured on the same people.",
        )
    }

    pub(super) fn findings_table(&self) -> Option<Table> {
        self.findings.first()?;
        let table = Table::new("What was wrong with the dataset").text("What").text("Problem").text("Done");
        let row = |table: Table, finding: &super::Finding| {
            table.row([finding.what.clone(), finding.problem.to_owned(), finding.done.to_owned()])
        };
        Some(self.findings.iter().fold(table, row))
    }
}

/// A table for each matcher, attacker and alignment.
pub(super) fn tables_of_rows(rows: &[Row]) -> Vec<Table> {
    let attack = |row: &Row| (row.matcher, row.attacker, row.alignment);
    rows.chunk_by(|a, b| attack(a) == attack(b)).map(table).collect()
}

/// One matcher, attacker and alignment: a row for each mask.
fn table(rows: &[Row]) -> Table {
    let first = &rows[0];
    let title = format!("{}, {} attacker, {} alignment", first.matcher.title(), first.attacker, first.alignment.name());
    let mut table = Table::new(title)
        .text("Mask")
        .number("Rank-1", "%")
        .number("95 % interval", "%")
        .number("Rank-5", "%")
        .number("AUC", "")
        .number("EER", "%")
        .number("TAR frozen", "%")
        .number("its FAR", "%")
        .number("recalibrated", "%")
        .number("Detected", "%")
        .number("SSIM", "");
    for row in rows {
        table = table.row([
            row.mask.clone(),
            number(row.rank1),
            range(row.rank1_low, row.rank1_high),
            number(row.rank5),
            format!("{:.3}", row.auc),
            number(row.eer),
            maybe(row.tar_frozen),
            maybe(row.far_frozen),
            maybe(row.tar_recalibrated),
            number(row.detected),
            row.ssim.map_or_else(|| "–".to_owned(), |ssim| format!("{ssim:.3}")),
        ]);
    }
    table.note(
        "TAR at 1 % FAR: at the threshold set without a mask (frozen), with what that lets in behind it, and at one set behind \
         it.",
    )
}

/// For each mask and group the figures of the attack that finds most; nothing where there are no groups.
pub(super) fn groups_table(result: &AuditResult) -> Option<Table> {
    result.rows.iter().find(|row| !row.groups.is_empty())?;
    let mut table = Table::new("By group: the attack that finds most")
        .text("Mask")
        .text("Group")
        .number("People", "")
        .number("Rank-1", "%")
        .number("95 % interval", "%")
        .number("Beside the others", "points")
        .number("95 % interval", "points")
        .text("Difference")
        .number("TAR frozen", "%")
        .number("its FAR", "%");
    for verdict in &result.verdicts {
        let own = result.rows.iter().filter(|row| row.mask == verdict.mask);
        let Some(row) = worst(own) else { continue };
        for group in &row.groups {
            let difference = group.difference;
            let points = |value: f64| format!("{:+.1}", 100.0 * value).replace('-', "−");
            table = table.row([
                row.mask.clone(),
                group.group.clone(),
                group.people.to_string(),
                number(group.rank1.value),
                range(group.rank1.low, group.rank1.high),
                difference.map_or_else(|| "–".to_owned(), |found| points(found.value)),
                difference
                    .map_or_else(|| "–".to_owned(), |found| format!("{} to {}", points(found.low), points(found.high))),
                group.finding.unwrap_or("–").to_owned(),
                maybe(group.tar_frozen),
                maybe(group.far_frozen),
            ]);
        }
    }
    Some(
        table.note(
            "TAR and FAR at the common threshold of 1 % without a mask; FAR of pairs of two people of the group.",
        ),
    )
}

/// Where the evidence sits.
pub(super) fn evidence_table(rows: &[EvidenceRow]) -> Table {
    let mut table = Table::new("Which parts of the face make two photographs of one person alike")
        .text("Mask")
        .text("Method")
        .text("Group")
        .text("Region")
        .number("Mass", "%")
        .number("95 % interval", "%")
        .number("Area", "%")
        .number("Mass / area", "");
    for row in rows {
        table = table.row([
            row.mask.clone(),
            row.method.to_owned(),
            row.group.clone().unwrap_or_else(|| "all".to_owned()),
            row.region.to_owned(),
            number(row.mass.value),
            range(row.mass.low, row.mass.high),
            number(row.area),
            format!("{:.2}", row.ratio),
        ]);
    }
    table.note(
        "Shares of the positive part of each map, on average over people; above 1, a region gets more than its part.",
    )
}
