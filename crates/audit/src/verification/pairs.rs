//! `pairs.txt` of LFW's View 2 (Huang, Ramesh, Berg, Learned-Miller 2007, TR 07-49, section III).

use crate::error::AuditError;

/// Most folds, and most pairs of a kind in one, that a list may announce.
const MOST: usize = 1_000_000;

/// A photograph by its person and number, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Photograph {
    /// The person.
    pub person: String,
    /// Number among the person's photographs.
    pub number: u32,
}

impl Photograph {
    /// Where it lies in LFW's folder: `PERSON/PERSON_0001.jpg`.
    pub fn path(&self) -> String {
        format!("{0}/{0}_{1:04}.jpg", self.person, self.number)
    }
}

/// Two photographs, and whether they show the same person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The first photograph.
    pub left: Photograph,
    /// The second.
    pub right: Photograph,
    /// Whether they show the same person.
    pub mated: bool,
}

/// The folds of a list: the first line has the number of folds and of pairs of each kind in a fold (a list of one fold may
/// leave the former away); then follow, fold by fold, the mated pairs `PERSON n m` and the others `PERSON n OTHER m`,
/// separated by tabs.
///
/// # Errors
/// When a line has another form, the list ends early or goes on, or a name would lead out of the folder.
pub fn read_pairs(text: &str) -> Result<Vec<Vec<Pair>>, AuditError> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let at = |line: usize, reason: String| AuditError::Pairs { line: line + 1, reason };
    let (first, header) = lines.next().ok_or_else(|| at(0, "the list is empty".to_owned()))?;
    let numbers: Vec<usize> = header.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let (folds, each) = match numbers[..] {
        [folds, each] => (folds, each),
        [each] => (1, each),
        _ => return Err(at(first, format!("{header:?} is not the numbers of folds and of pairs"))),
    };
    if folds == 0 || each == 0 || folds.saturating_mul(each) > MOST {
        return Err(at(first, format!("{folds} folds of {each} pairs make no sense")));
    }
    let mut all = Vec::new();
    for fold in 0..folds {
        let mut pairs = Vec::new();
        for index in 0..2 * each {
            let ended = || at(text.lines().count(), format!("the list ends in fold {} of {folds}", fold + 1));
            let (number, line) = lines.next().ok_or_else(ended)?;
            pairs.push(pair(line, index < each).map_err(|reason| at(number, reason))?);
        }
        all.push(pairs);
    }
    match lines.next() {
        Some((number, _)) => Err(at(number, format!("it goes on after {folds} folds of {each} and {each} pairs"))),
        None => Ok(all),
    }
}

fn pair(line: &str, mated: bool) -> Result<Pair, String> {
    let words: Vec<&str> = line.split('\t').map(str::trim).collect();
    let photograph = |person: &str, number: &str| {
        if person.is_empty() || person.contains(['/', '\\', '\0']) || person == "." || person == ".." {
            return Err(format!("{person:?} is no name of a person's folder"));
        }
        let number = number.parse().map_err(|_| format!("{number:?} is not the number of a photograph"))?;
        Ok(Photograph { person: person.to_owned(), number })
    };
    let (left, right) = match (&words[..], mated) {
        (&[person, left, right], true) => (photograph(person, left)?, photograph(person, right)?),
        (&[person, left, other, right], false) => (photograph(person, left)?, photograph(other, right)?),
        (_, true) => return Err(format!("{line:?} is not `person, number, number`, separated by tabs")),
        (_, false) => return Err(format!("{line:?} is not `person, number, person, number`, separated by tabs")),
    };
    Ok(Pair { left, right, mated })
}

#[cfg(test)]
mod tests {
    use super::read_pairs;

    const GOOD: &str = "2\t1\nAnn\t1\t4\nAnn\t2\tBob\t1\nBob\t1\t2\nBob\t3\tÇem\t12\n";

    #[test]
    fn folds_of_mated_and_other_pairs() {
        let folds = read_pairs(GOOD).unwrap();
        assert_eq!(folds.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        assert!(folds[0][0].mated && !folds[0][1].mated);
        assert_eq!(folds[1][1].right.path(), "Çem/Çem_0012.jpg");
        assert_eq!(read_pairs("1\nAnn\t1\t4\nAnn\t2\tBob\t1\n").unwrap().len(), 1, "View 1 has no number of folds");
        assert_eq!(read_pairs(&GOOD.replace('\n', "\r\n")).unwrap(), folds);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let cases = [
            ("", "empty"),
            ("ten\n", "not the numbers"),
            ("0\t300\n", "no sense"),
            ("99999999\t99999999\n", "no sense"),
            (&GOOD[..20], "line"),
            (&format!("{GOOD}Ann\t1\t2\n"), "goes on"),
            (&GOOD.replace("Ann\t1\t4", "Ann\tone\t4"), "\"one\""),
            (&GOOD.replace("Ann\t1\t4", "..\t1\t4"), "folder"),
            (&GOOD.replace("Ann\t1\t4", "a/b\t1\t4"), "folder"),
            (&GOOD.replace("Ann\t1\t4", "Ann 1 4"), "separated by tabs"),
        ];
        for (text, reason) in cases {
            let error = read_pairs(text).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("hint:"), "{text:?}: {error}");
        }
    }
}
