//! One matcher with one kind of alignment, and what attackers find with it.

use eyebar_audit::identification::{Similarities, Strangers, Vectors};
use eyebar_audit::{AuditError, Discriminant, Pca};

use super::condition::{Alignment, Attacker};
use super::look::{Look, Seen, View};
use crate::matcher::{Extracted, Matcher};

/// One matcher with one kind of alignment.
pub(super) struct Bench<'a> {
    pub(super) matcher: Matcher,
    pub(super) alignment: Alignment,
    pub(super) eigenfaces: Option<&'a Pca>,
    pub(super) look: &'a Look,
    /// Photographs of each person.
    pub(super) photos: usize,
}

/// What an attacker finds behind what is shown.
pub(super) struct Attack {
    pub(super) similarities: Similarities,
    /// Nothing where no strangers were looked at.
    pub(super) strangers: Option<Strangers>,
}

impl Bench<'_> {
    /// What an attacker finds behind what is shown.
    pub(super) fn attack(&self, attacker: Attacker, shown: usize) -> Result<Attack, AuditError> {
        let aligned = match self.alignment {
            Alignment::Whole => Alignment::Whole,
            // Attackers have the ordinary photographs, and so their landmarks.
            Alignment::Oracle | Alignment::Redetected => Alignment::Oracle,
        };
        let enrolled = if attacker == Attacker::Naive { 0 } else { shown };
        let learnt = match attacker {
            Attacker::Naive | Attacker::MaskedGallery => None,
            Attacker::Adapted => Some(self.discriminant(shown, aligned)?),
        };
        let vectors = |people: &[Seen], shown: usize, alignment: Alignment| -> Vec<Option<Vec<f32>>> {
            let vectors = self.vectors(people, shown, alignment);
            let project = |vector: Vec<f32>| match &learnt {
                Some(learnt) => learnt.project(&vector),
                None => vector,
            };
            vectors.into_iter().map(|vector| vector.map(project)).collect()
        };
        let gallery = vectors(&self.look.people, enrolled, aligned);
        let dimension = gallery.iter().flatten().next().map_or(0, Vec::len);
        let packed = |vectors: Vec<Option<Vec<f32>>>, photos: usize| {
            Vectors::new(vectors.iter().map(Option::as_deref), dimension, photos)
        };
        let gallery = packed(gallery, self.photos)?;
        let probes = packed(vectors(&self.look.people, shown, self.alignment), self.photos)?;
        let strangers = match self.look.strangers.is_empty() {
            true => None,
            false => {
                let strangers = packed(vectors(&self.look.strangers, shown, self.alignment), 1)?;
                Some(Strangers::new(&strangers, &gallery)?)
            }
        };
        Ok(Attack { similarities: Similarities::new(&probes, &gallery)?, strangers })
    }

    fn discriminant(&self, shown: usize, alignment: Alignment) -> Result<Discriminant, AuditError> {
        let vectors: Vec<Vec<Vec<f32>>> = self
            .look
            .learners
            .iter()
            .map(|person| self.vectors(std::slice::from_ref(person), shown, alignment).into_iter().flatten().collect())
            .collect();
        Discriminant::fit(&vectors.iter().map(|own| own.iter().map(Vec::as_slice).collect()).collect::<Vec<_>>())
    }

    fn vectors(&self, people: &[Seen], shown: usize, alignment: Alignment) -> Vec<Option<Vec<f32>>> {
        let vector = |extracted: &Extracted| self.matcher.vector(extracted, self.eigenfaces);
        let of = |view: &View| match alignment {
            Alignment::Whole => Some(vector(&view.whole)),
            Alignment::Oracle => Some(vector(&view.oracle)),
            Alignment::Redetected => view.redetected.as_ref().map(vector),
        };
        people.iter().flat_map(|person| &person.photos).map(|views| of(&views[shown])).collect()
    }

    fn views(&self, shown: usize) -> impl Iterator<Item = &View> {
        self.look.people.iter().flat_map(|person| &person.photos).map(move |views| &*views[shown])
    }

    /// Share of the photographs in which the detector found a face.
    pub(super) fn detected(&self, shown: usize) -> f64 {
        let found = self.views(shown).filter(|view| view.redetected.is_some()).count();
        found as f64 / self.views(shown).count() as f64
    }

    /// Mean likeness to the photographs as they are.
    pub(super) fn ssim(&self, shown: usize) -> Option<f64> {
        let all: Vec<f64> = self.views(shown).filter_map(|view| view.ssim).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    }
}
