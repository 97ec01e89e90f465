//! Nearest names, for the hint of an error.

/// Up to three of `names` nearest to `name` by edit distance, nearest first; far ones are left out.
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let limit = name.chars().count().max(6) / 2;
    let mut scored: Vec<(usize, &str)> = names
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(d, _)| *d <= limit)
        .collect();
    scored.sort_unstable();
    scored.dedup();
    scored.into_iter().take(3).map(|(_, candidate)| candidate.to_owned()).collect()
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_the_nearest_first() {
        let names = ["block5_conv3", "block5_conv2", "input"];
        assert_eq!(nearest("block5_conv_3", names.into_iter()), ["block5_conv3", "block5_conv2"]);
        assert!(nearest("zzzzzzzzzzzz", names.into_iter()).is_empty());
    }
}
