//! Who plays which part.

use super::AuditRequest;
use crate::dataset::{Dataset, Person};
use crate::error::Error;

/// Most people that attackers and eigenfaces learn from, and photographs of each.
const LEARNERS: usize = 200;
const LEARNER_PHOTOS: usize = 4;

/// People with the photographs that are used of them.
pub(super) struct Cast {
    /// Looked for.
    pub(super) people: Vec<Person>,
    /// Others, from whom something is learnt.
    pub(super) learners: Vec<Person>,
}

impl Cast {
    /// Whoever has enough photographs is looked for; of the others, those with the most photographs are learnt from.
    pub(super) fn of(dataset: &Dataset, request: &AuditRequest, learns: bool) -> Result<Self, Error> {
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
        others.retain(|person| person.photos.len() >= 2);
        let learners = others.into_iter().take(if learns { LEARNERS } else { 0 });
        Ok(Self {
            people: enough.into_iter().take(request.people).map(|person| person.first(request.photos)).collect(),
            learners: learners.map(|person| person.first(LEARNER_PHOTOS)).collect(),
        })
    }
}
