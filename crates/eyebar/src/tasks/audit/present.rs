//! Tables.

use eyebar_report::Table;

use super::AuditResult;
use super::figures::Row;

impl AuditResult {
    /// The worst cases, every attack, and what was wrong with the dataset.
    pub fn tables(&self) -> Vec<Table> {
        let percent = |share: f64| format!("{:.1}", 100.0 * share);
        let mut worst = Table::new("Does an attacker find the right person behind the mask?")
            .text("Mask")
            .number("Rank-1, worst case", "%")
            .number("95 % interval", "%")
            .text("Attack")
            .text("Target met");
        for verdict in &self.verdicts {
            worst = worst.row([
                verdict.mask.clone(),
                percent(verdict.rank1),
                format!("{} to {}", percent(verdict.rank1_low), percent(verdict.rank1_high)),
                verdict.attack.clone(),
                if verdict.meets_target { "yes" } else { "no" }.to_owned(),
            ]);
        }
        let worst = worst.note(format!(
            "{} people with {} photographs each, {} draws; chance {} %; target {} %, met where even the upper end is below.",
            self.people,
            self.photos,
            self.draws,
            percent(self.chance),
            percent(self.target)
        ));
        let mut tables = vec![worst];
        let mut start = 0;
        while start < self.rows.len() {
            let first = &self.rows[start];
            let same = |row: &&Row| {
                (row.matcher, row.attacker, row.alignment) == (first.matcher, first.attacker, first.alignment)
            };
            let own: Vec<&Row> = self.rows[start..].iter().take_while(same).collect();
            start += own.len();
            tables.push(table(&own));
        }
        if !self.findings.is_empty() {
            let mut table = Table::new("What was wrong with the dataset").text("What").text("Problem").text("Done");
            for finding in &self.findings {
                table = table.row([finding.what.clone(), finding.problem.to_owned(), finding.done.to_owned()]);
            }
            tables.push(table);
        }
        tables
    }
}

/// One matcher, attacker and alignment: a row for each mask.
fn table(rows: &[&Row]) -> Table {
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    let maybe = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
    let first = rows[0];
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
            percent(row.rank1),
            format!("{} to {}", percent(row.rank1_low), percent(row.rank1_high)),
            percent(row.rank5),
            format!("{:.3}", row.auc),
            percent(row.eer),
            maybe(row.tar_frozen),
            maybe(row.far_frozen),
            maybe(row.tar_recalibrated),
            percent(row.detected),
            row.ssim.map_or_else(|| "–".to_owned(), |ssim| format!("{ssim:.3}")),
        ]);
    }
    table.note("TAR at 1 % FAR: at the threshold set without a mask (frozen), with what that lets in behind it, and at one set behind it.")
}
