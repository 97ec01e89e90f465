//! Groups of people, whose figures are reported apart.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use eyebar_audit::Interval;
use serde::Serialize;

use super::Finding;
use super::look::Seen;
use crate::dataset::{Dataset, columns, read_list};
use crate::error::Error;

/// Fewest people of a group about whom a difference is said to be one.
const FEWEST_PEOPLE: usize = 10;

/// Where it says who belongs to which group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupSource {
    /// A CSV file whose columns `subject` and `group` are named in its first line.
    Table(PathBuf),
    /// The name of a group, and a list with one subject, or file name of a photograph, a line.
    List(String, PathBuf),
}

impl fmt::Display for GroupSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(path) => write!(f, "{}", path.display()),
            Self::List(name, path) => write!(f, "{name}={}", path.display()),
        }
    }
}

impl FromStr for GroupSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, file)) if name.trim().is_empty() || file.is_empty() => {
                Err(format!("{text:?} is no group; hint: write NAME=LIST, or name a CSV file"))
            }
            Some((name, file)) => Ok(Self::List(name.trim().to_owned(), file.into())),
            None => Ok(Self::Table(text.into())),
        }
    }
}

/// People of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    /// Their places among all who are looked for.
    pub(super) people: Vec<usize>,
}

/// The figures of a group, whose people are looked for among all others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupFigures {
    /// The group.
    pub group: String,
    /// Its people.
    pub people: usize,
    /// Share of its probes whose person came first.
    pub rank1: Interval,
    /// Share of its probes whose person was among the first five.
    pub rank5: f64,
    /// Share of its mated pairs that the common threshold of 1 % without a mask accepts.
    pub tar_frozen: Option<f64>,
    /// Share of pairs of two of its people that this threshold accepts.
    pub far_frozen: Option<f64>,
    /// How much larger its rank-1 share is than that of all other groups, resampled over people.
    pub difference: Option<Interval>,
    /// What that says: `higher`, `lower` or `undecided`.
    pub finding: Option<&'static str>,
}

impl Group {
    /// What a difference from `others` people says.
    pub(super) fn finding(&self, others: usize, difference: Interval) -> &'static str {
        match difference {
            _ if self.people.len().min(others) < FEWEST_PEOPLE => "undecided",
            Interval { low, .. } if low > 0.0 => "higher",
            Interval { high, .. } if high < 0.0 => "lower",
            _ => "undecided",
        }
    }
}

/// The groups that the dataset's people belong to: the one that names a person, or her photographs, most often, or several
/// that do so equally often.
///
/// # Errors
/// When a file cannot be read, or nobody belongs to any group.
pub(super) fn assigned(sources: &[GroupSource], dataset: &Dataset) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let photos: HashMap<&str, &str> = dataset
        .people
        .iter()
        .flat_map(|person| person.photos.iter().map(|photo| (photo, person.name.as_str())))
        .filter_map(|(photo, name)| Some((photo.file_name()?.to_str()?, name)))
        .collect();
    let names: HashMap<&str, &str> = dataset.people.iter().map(|person| (&person.name[..], &person.name[..])).collect();
    let mut votes: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for source in sources {
        for (who, group) in source.lines()? {
            if let Some(&person) = names.get(who.as_str()).or_else(|| photos.get(who.as_str())) {
                *votes.entry(person).or_default().entry(group).or_default() += 1;
            }
        }
    }
    if votes.is_empty() && !sources.is_empty() {
        return Err(Error::Usage(
            "nobody in the dataset belongs to a group; hint: name people as the dataset names them, or photographs by their \
             file names"
                .to_owned(),
        ));
    }
    let likeliest = |votes: BTreeMap<String, usize>| {
        let most = votes.values().max().copied();
        votes.into_iter().filter(|(_, count)| Some(*count) == most).map(|(group, _)| group).collect()
    };
    Ok(votes.into_iter().map(|(person, votes)| (person.to_owned(), likeliest(votes))).collect())
}

/// The groups of `people`, by name; who belongs to none, or to several, is told as a finding.
pub(super) fn groups(
    assigned: &BTreeMap<String, Vec<String>>,
    people: &[Seen],
    findings: &mut Vec<Finding>,
) -> Vec<Group> {
    let mut groups: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
    for (index, person) in people.iter().enumerate().filter(|_| !assigned.is_empty()) {
        let problem = match assigned.get(&person.name).map(Vec::as_slice) {
            Some([group]) => {
                groups.entry(group).or_default().push(index);
                continue;
            }
            None | Some([]) => "in no group",
            Some(_) => "in several groups alike",
        };
        findings.push(Finding { what: person.name.clone(), problem, done: "in no figure of a group" });
    }
    groups.into_iter().map(|(name, people)| Group { name: name.clone(), people }).collect()
}

impl GroupSource {
    /// Who belongs to which group.
    fn lines(&self) -> Result<Vec<(String, String)>, Error> {
        match self {
            Self::Table(path) => table(path),
            Self::List(group, path) => {
                let text = read_list(path)?;
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                Ok(lines.map(|line| (line.to_owned(), group.clone())).collect())
            }
        }
    }
}

fn table(path: &Path) -> Result<Vec<(String, String)>, Error> {
    let about = "a table of groups is CSV with the columns subject and group; or write NAME=LIST";
    let rows = columns(path, ["subject", "group"], about)?.into_iter();
    Ok(rows.filter(|(_, [_, group])| !group.is_empty()).map(|(_, [subject, group])| (subject, group)).collect())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Dataset, Error, Finding, Group, GroupSource, Interval, Seen, assigned};
    use crate::dataset::Person;

    fn dataset() -> (Dataset, Vec<Seen>) {
        let person = |name: &str| Person {
            name: name.to_owned(),
            photos: (1..3).map(|index| PathBuf::from(format!("/x/{name}/{name}_{index}.jpg"))).collect(),
        };
        let names = ["Ann", "Bo", "Cy", "Di"];
        let people = names.map(|name| Seen { name: name.to_owned(), photos: Vec::new() });
        (Dataset { people: names.map(person).into() }, people.into())
    }

    fn groups(
        sources: &[GroupSource],
        dataset: &Dataset,
        people: &[Seen],
        findings: &mut Vec<Finding>,
    ) -> Result<Vec<Group>, Error> {
        Ok(super::groups(&assigned(sources, dataset)?, people, findings))
    }

    #[test]
    fn lists_and_tables() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let (dataset, people) = dataset();
        let lists = [
            GroupSource::List("tall".to_owned(), file("tall", "Ann_1.jpg\nAnn_2.jpg\nCy_1.jpg\nNobody\n\n")),
            GroupSource::List("short".to_owned(), file("short", "Ann_1.jpg\nBo\nCy_1.jpg\n")),
        ];
        let mut findings = Vec::new();
        let group = |name: &str, people: &[usize]| Group { name: name.to_owned(), people: people.to_vec() };
        let found = groups(&lists, &dataset, &people, &mut findings).unwrap();
        assert_eq!(found, [group("short", &[1]), group("tall", &[0])]);
        let done = "in no figure of a group";
        let finding = |what: &str, problem| Finding { what: what.to_owned(), problem, done };
        assert_eq!(findings, [finding("Cy", "in several groups alike"), finding("Di", "in no group")]);

        let table = [GroupSource::Table(file("t.csv", "group,subject\nx,Ann\nx,Bo\ny,Cy\n,Di\n"))];
        let found = groups(&table, &dataset, &people, &mut Vec::new()).unwrap();
        assert_eq!(found, [group("x", &[0, 1]), group("y", &[2])]);
        for (text, reason) in [("subject\nAnn\n", "group"), ("subject,group\nEve,x\n", "nobody"), ("", "subject")] {
            let source = [GroupSource::Table(file("bad.csv", text))];
            let error = groups(&source, &dataset, &people, &mut Vec::new()).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("hint:"), "{text:?}: {error}");
        }
        assert!(groups(&[], &dataset, &people, &mut Vec::new()).unwrap().is_empty());
        assert_eq!("a=b.txt".parse(), Ok(GroupSource::List("a".to_owned(), "b.txt".into())));
        assert!("=b.txt".parse::<GroupSource>().is_err() && "a=".parse::<GroupSource>().is_err());
    }

    #[test]
    fn few_people_decide_nothing() {
        let group = |people: usize| Group { name: String::new(), people: (0..people).collect() };
        let interval = |low, high| Interval { value: (low + high) / 2.0, low, high };
        assert_eq!(group(20).finding(20, interval(0.1, 0.2)), "higher");
        assert_eq!(group(20).finding(20, interval(-0.2, -0.1)), "lower");
        assert_eq!(group(20).finding(20, interval(-0.2, 0.1)), "undecided");
        assert_eq!(group(9).finding(20, interval(0.1, 0.2)), "undecided");
        assert_eq!(group(20).finding(9, interval(0.1, 0.2)), "undecided");
    }
}
