//! Whom a template resembles most.

use std::ops::ControlFlow;

use serde::Serialize;

use crate::error::GalleryError;
use crate::gallery::Gallery;
use crate::search::cosine;
use crate::store::{Found, Rows};
use crate::subject::Subject;
use crate::template::{opened, subject_key};

/// Templates that a server is asked for at least, and how many more in each round in which they belong to too few people.
const ASKED: usize = 100;
const MORE: usize = 4;
const ROUNDS: u32 = 4;

/// Templates between two reports of progress.
const STEP: usize = 1000;

/// Called with the templates compared and the templates in all; answers whether to go on.
pub type Progress<'a> = &'a dyn Fn(usize, usize) -> ControlFlow<()>;

/// How a search was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// Every template was compared.
    Exact,
    /// By an index of the server, which may pass over some.
    Approximate,
}

/// Somebody who was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The subject.
    pub subject: Subject,
    /// Largest similarity, a cosine, with one of the subject's templates.
    pub similarity: f32,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// For each query the most similar people, most similar first.
    pub matches: Vec<Vec<Match>>,
    /// People with templates of the network whose time is not over.
    pub subjects: usize,
    /// Their templates.
    pub templates: usize,
    /// Whether all of them were compared.
    pub search: Search,
}

impl Gallery {
    /// The `people` most similar to each of `queries`, which are templates of `model`, among those whose time is not over.
    ///
    /// In a file every template is opened and compared, with progress. A server searches its index; what it finds is opened,
    /// and ranked by what was sealed.
    ///
    /// # Errors
    /// When something was altered, the gallery cannot be read, or `progress` asks to stop.
    pub fn nearest(
        &self,
        model: &str,
        queries: &[&[f32]],
        people: usize,
        now: i64,
        progress: Progress<'_>,
    ) -> Result<Nearest, GalleryError> {
        self.store.read(|rows| {
            let (subjects, templates) = rows.matched(model, now)?;
            let mut search = Search::Exact;
            let mut matches = Vec::new();
            for query in queries {
                match self.ask(rows, model, query, people, now)? {
                    Some((best, exact)) => {
                        search = if exact { search } else { Search::Approximate };
                        matches.push(best);
                    }
                    None => {
                        matches = self.scan(rows, model, queries, people, (now, templates), progress)?;
                        break;
                    }
                }
            }
            Ok(Nearest { matches, subjects, templates, search })
        })
    }

    /// Lets a server search. `None` where the store is none.
    fn ask(
        &self,
        rows: &mut dyn Rows,
        model: &str,
        query: &[f32],
        people: usize,
        now: i64,
    ) -> Result<Option<(Vec<Match>, bool)>, GalleryError> {
        let mut most = ASKED.max(MORE * people);
        for round in 1.. {
            let Some(answer) = rows.search(model, query, most, now)? else { return Ok(None) };
            let mut best = Best::new(people);
            for found in &answer.found {
                best.offer(&found.of.subject, self.authenticated(found, query)?);
            }
            if best.matches.len() >= people || answer.found.len() < most || (round >= ROUNDS && !answer.exact) {
                return Ok(Some((best.matches, answer.exact)));
            }
            most *= MORE;
        }
        Ok(None)
    }

    /// The similarity of what was sealed; a server found it by what anybody there could have changed.
    fn authenticated(&self, found: &Found, query: &[f32]) -> Result<f32, GalleryError> {
        let subject = &found.of.subject;
        let reference = opened(subject, &subject_key(&self.master, &found.of)?, &found.template)?;
        match *reference.values == found.plain {
            true => Ok(cosine(&reference.values, query)),
            false => Err(GalleryError::Altered { what: format!("a vector of {:?}", subject.name.as_str()) }),
        }
    }

    /// Compares all.
    fn scan(
        &self,
        rows: &mut dyn Rows,
        model: &str,
        queries: &[&[f32]],
        people: usize,
        (now, templates): (i64, usize),
        progress: Progress<'_>,
    ) -> Result<Vec<Vec<Match>>, GalleryError> {
        let mut best: Vec<Best> = queries.iter().map(|_| Best::new(people)).collect();
        let mut done = 0;
        self.each(rows, model, now, &mut |subject, reference| {
            if done % STEP == 0 && progress(done, templates).is_break() {
                return Err(GalleryError::Cancelled);
            }
            done += 1;
            for (best, query) in best.iter_mut().zip(queries) {
                best.offer(subject, cosine(&reference.values, query));
            }
            Ok(())
        })?;
        Ok(best.into_iter().map(|best| best.matches).collect())
    }
}

/// The most similar people so far.
struct Best {
    people: usize,
    matches: Vec<Match>,
}

impl Best {
    fn new(people: usize) -> Self {
        Self { people, matches: Vec::new() }
    }

    /// Of equally similar people the one whose name comes first.
    fn offer(&mut self, subject: &Subject, similarity: f32) {
        let before = |found: &Match| {
            similarity.total_cmp(&found.similarity).then_with(|| found.subject.name.cmp(&subject.name)).is_gt()
        };
        if self.matches.len() >= self.people && !self.matches.last().is_some_and(before) {
            return;
        }
        let known = self.matches.iter().position(|found| found.subject.id == subject.id);
        if known.is_some_and(|index| self.matches[index].similarity >= similarity) {
            return;
        }
        known.map(|index| self.matches.remove(index));
        let place = self.matches.iter().position(before).unwrap_or(self.matches.len());
        self.matches.insert(place, Match { subject: subject.clone(), similarity });
        self.matches.truncate(self.people);
    }
}

#[cfg(test)]
mod tests {
    use super::Best;
    use crate::subject::{Details, Subject, SubjectName};

    fn subject(name: &str) -> Subject {
        let name = SubjectName::new(name).unwrap();
        let id = std::array::from_fn(|index| name.as_str().as_bytes().get(index).copied().unwrap_or(0));
        Subject { id, name, details: Details::default(), enrolled: 0, templates: 1 }
    }

    #[test]
    fn the_best_are_those_of_sorting_all() {
        let mut rng = fastrand::Rng::with_seed(3);
        for people in [1, 2, 5, 100] {
            let mut best = Best::new(people);
            let mut all: Vec<(String, f32)> = Vec::new();
            for _ in 0..500 {
                let (name, similarity) = (format!("person {}", rng.u8(..40)), f32::from(rng.u8(..20)) / 20.0);
                best.offer(&subject(&name), similarity);
                match all.iter_mut().find(|(other, _)| *other == name) {
                    Some((_, largest)) => *largest = largest.max(similarity),
                    None => all.push((name, similarity)),
                }
            }
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            all.truncate(people);
            let found: Vec<(String, f32)> =
                best.matches.iter().map(|found| (found.subject.name.to_string(), found.similarity)).collect();
            assert_eq!(found, all);
        }
    }
}
