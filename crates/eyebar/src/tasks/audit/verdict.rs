//! The worst case for each mask, in a sentence.

use serde::Serialize;

use super::condition::Shown;
use super::figures::{Row, worst};
use super::present::percent;

/// What the best of the attackers finds behind a mask.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The mask.
    pub mask: String,
    /// Share of probes whose person came first, for the attack that finds most.
    pub rank1: f64,
    /// Lower end of its 95 % interval over people.
    pub rank1_low: f64,
    /// Upper end.
    pub rank1_high: f64,
    /// That attack: matcher, attacker and alignment.
    pub attack: String,
    /// Whether even the upper end is at most the target, for every attack.
    pub meets_target: bool,
    /// In words.
    pub sentence: String,
}

/// The worst case for everything that is shown.
pub(super) fn verdicts(shown: &[Shown], rows: &[Row], target: f64) -> Vec<Verdict> {
    let verdict = |shown: &Shown| {
        let mask = shown.to_string();
        let own = || rows.iter().filter(|row| row.mask == mask);
        let row = worst(own())?;
        Some(Verdict::of(shown, row, target, own().all(|row| row.rank1_high <= target)))
    };
    shown.iter().filter_map(verdict).collect()
}

impl Verdict {
    fn of(shown: &Shown, row: &Row, target: f64, meets_target: bool) -> Self {
        let attack = format!("{}, {} attacker, {} alignment", row.matcher.title(), row.attacker, row.alignment.name());
        let behind = match shown {
            Shown::Plain => "Without a mask".to_owned(),
            Shown::Masked(mask) => format!("Behind {mask}"),
            Shown::Elsewhere => "Behind a bar over the mouth".to_owned(),
        };
        let verdict = match meets_target {
            true => format!("which meets the target of {}", percent(target)),
            false if row.rank1 <= target => format!("which is not surely below the target of {}", percent(target)),
            false => format!("which misses the target of {}", percent(target)),
        };
        let sentence = format!(
            "{behind} the right person comes first for {} of photographs ({} to {}; {attack}), {verdict}.",
            percent(row.rank1),
            percent(row.rank1_low),
            percent(row.rank1_high)
        );
        Self {
            mask: shown.to_string(),
            rank1: row.rank1,
            rank1_low: row.rank1_low,
            rank1_high: row.rank1_high,
            attack,
            meets_target,
            sentence,
        }
    }
}
