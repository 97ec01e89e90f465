//! Who plays which part.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::condition::Attacker;
use super::{AuditRequest, groups};
use crate::dataset::{Dataset, Person};
use crate::error::Error;
use crate::matcher::{EIGENFACES, Matcher};

/// Photographs of each person that attackers and eigenfaces learn from.
const LEARNER_PHOTOS: usize = 4;

/// Fewest people that an adapted attacker learns from.
const FEWEST_LEARNERS: usize = 3;

/// People with the photographs that are used of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cast {
    /// Looked for.
    pub(super) people: Vec<Person>,
    /// Others, from whom something is learnt.
    pub(super) learners: Vec<Person>,
    /// Others again, who are never enrolled; one photograph each.
    pub(super) strangers: Vec<Person>,
    /// The groups that people belong to: one, or several that name them equally often.
    pub(super) groups: BTreeMap<String, Vec<String>>,
}

/// One photograph, in the order in which all are looked at.
pub(super) struct Entry<'a> {
    pub(super) subject: &'a str,
    pub(super) path: &'a Path,
    /// Whether a detector is tried on what a mask leaves.
    pub(super) redetects: bool,
    /// Another photograph of the person: what makes the two alike is to be found out.
    pub(super) reference: Option<&'a PathBuf>,
}

impl Cast {
    /// Whoever has enough photographs is looked for; of the others, those with the most photographs are learnt from, and the
    /// next are strangers.
    pub(super) fn of(dataset: &Dataset, request: &AuditRequest) -> Result<Self, Error> {
        let (enough, mut others): (Vec<&Person>, Vec<&Person>) =
            dataset.people.iter().partition(|person| person.photos.len() >= request.photos);
        if enough.len() < 2 {
            return Err(Error::Usage(format!(
                "{}: {} people have {} photographs or more, at least 2 are needed; hint: ask for fewer --photos, or add \
                 photographs",
                request.dataset.display(),
                enough.len(),
                request.photos
            )));
        }
        // A stable sort: by name among those with equally many.
        others.sort_by_key(|person| std::cmp::Reverse(person.photos.len().min(LEARNER_PHOTOS)));
        let able = others.partition_point(|person| person.photos.len() >= 2);
        let (learners, strangers) = others.split_at(able.min(if request.learns() { request.learners } else { 0 }));
        let photos: usize = learners.iter().map(|person| person.photos.len().min(LEARNER_PHOTOS)).sum();
        let adapts = request.attackers.contains(&Attacker::Adapted);
        let (people_needed, photos_needed) = (
            if adapts { FEWEST_LEARNERS } else { 0 },
            if request.matchers.contains(&Matcher::Eigenfaces) { EIGENFACES + 1 } else { 0 },
        );
        if learners.len() < people_needed || photos < photos_needed {
            return Err(Error::Usage(format!(
                "{}: {} other people with two photographs or more, {photos} photographs in all, to learn from; adapted attackers \
                 need {FEWEST_LEARNERS} people, eigenfaces {} photographs; hint: leave them out with --attackers or --matchers, \
                 or add people who have too few photographs to be looked for",
                request.dataset.display(),
                learners.len(),
                EIGENFACES + 1
            )));
        }
        Ok(Self {
            people: enough.into_iter().take(request.people).map(|person| person.first(request.photos)).collect(),
            learners: learners.iter().map(|person| person.first(LEARNER_PHOTOS)).collect(),
            strangers: strangers.iter().take(request.strangers).map(|person| person.first(1)).collect(),
            groups: groups::assigned(&request.groups, dataset)?,
        })
    }

    /// Everybody's photographs: of people, learners and strangers.
    pub(super) fn entries(&self, request: &AuditRequest) -> Vec<Entry<'_>> {
        let mut entries = entries(&self.people, true, request.explained());
        entries.extend(self::entries(&self.learners, false, 0));
        entries.extend(self::entries(&self.strangers, true, 0));
        entries
    }
}

/// The photographs of some people; the second of each of the first `explained` is compared with the first.
fn entries(people: &[Person], redetects: bool, explained: usize) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for (place, person) in people.iter().enumerate() {
        for (index, path) in person.photos.iter().enumerate() {
            let reference = person.photos.first().filter(|_| index == 1 && place < explained);
            entries.push(Entry { subject: &person.name, path, redetects, reference });
        }
    }
    entries
}
