//! Which parts of a face make two photographs of one person alike.

use std::sync::Arc;

use eyebar_audit::{Interval, share_over_people};
use eyebar_explain::cam::GradCam;
use eyebar_explain::perturbation::{Occlusion, Scorer};
use eyebar_explain::unwatched;
use eyebar_face::{Landmarks, Region};

use eyebar_imaging::RgbImage;
use serde::Serialize;

use super::condition::Shown;
use super::groups::Group;
use super::look::{Look, View};
use crate::error::Error;
use crate::model::{Model, in_explanation};
use crate::scene::{Photo, Scene};
use crate::target::similarity_to;
use crate::tasks::occlude::scorer;
use crate::tasks::regions::region_shares;

/// A patch of the aligned face of 112 × 112, about as large as a mouth.
const PATCH: Occlusion = Occlusion { patch: 25, stride: 14, fill: 128.0 };

/// Shares of the eight regions, in the order of [`Region::ALL`].
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Evidence {
    /// Of what the similarity loses where a patch hides a part; empty where hiding loses nothing.
    pub(super) occlusion: Vec<f64>,
    /// Of what speaks for the similarity by gradient; empty where nothing does.
    pub(super) grad_cam: Vec<f64>,
    /// Of the area.
    pub(super) area: Vec<f64>,
}

/// The share of a map that lies on a region, on average over people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvidenceRow {
    /// What is shown.
    pub mask: String,
    /// `occlusion` or `grad-cam`.
    pub method: &'static str,
    /// A group of people; nothing for all of them.
    pub group: Option<String>,
    /// The region.
    pub region: &'static str,
    /// People whose map has any mass.
    pub people: usize,
    /// Share of the positive mass, with its interval over people.
    pub mass: Interval,
    /// Share of the area.
    pub area: f64,
    /// Mass over area: above 1 where the region counts for more than its part.
    pub ratio: f64,
}

/// Compares photographs with the network that embeds faces.
pub(super) struct Witness {
    model: Model,
}

/// One photograph that others are compared with.
pub(super) struct Beside<'a> {
    model: &'a Model,
    scorer: Scorer,
    cam: GradCam,
}

impl Witness {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self { model: Model::open("sface", None)? })
    }

    /// Plans maps of the similarity to a photograph.
    pub(super) fn beside(&self, reference: &Photo, landmarks: &Landmarks) -> Result<Beside<'_>, Error> {
        let model = &self.model;
        let scene = Scene::placed(reference, Some(landmarks), model)?;
        let target = similarity_to(&scene, "the other photograph", model)?;
        let shape = scene.input.shape();
        let layer = model.default_layer(shape)?;
        let cam = GradCam::new(model.graph(), model.input(), shape, target.output, layer, &*target.objective);
        Ok(Beside {
            model,
            scorer: scorer(model, shape, target.output, &*target.objective).map_err(in_explanation(model))?,
            cam: cam.map_err(in_explanation(model))?,
        })
    }
}

impl Beside<'_> {
    /// What makes the face in `image`, whose landmarks are known, like that of the other photograph.
    pub(super) fn evidence(
        &self,
        photo: &Photo,
        image: &Arc<RgbImage>,
        landmarks: &Landmarks,
    ) -> Result<Evidence, Error> {
        let photo = Photo { image: Arc::clone(image), ..photo.clone() };
        let scene = Scene::placed(&photo, Some(landmarks), self.model)?;
        let refuse = in_explanation(self.model);
        let spec = self.model.spec()?;
        let occlusion = PATCH.run(&self.scorer, &scene.input, spec, &unwatched).map_err(&refuse)?;
        let cam = self.cam.run(&scene.input).map_err(&refuse)?;
        let (occluded, gradient) = (region_shares(&occlusion.map, &scene)?, region_shares(&cam.map, &scene)?);
        Ok(Evidence {
            occlusion: occluded.iter().filter_map(|share| share.mass).collect(),
            grad_cam: gradient.iter().filter_map(|share| share.mass).collect(),
            area: occluded.iter().map(|share| share.area).collect(),
        })
    }
}

/// The mean shares of each mask and region: of all people who are `explained`, then of those of each group.
pub(super) fn rows(shown: &[Shown], look: &Look, explained: &[&str], groups: &[Group], seed: u64) -> Vec<EvidenceRow> {
    // A cache may know of more than was asked for.
    let everybody: Vec<usize> =
        (0..look.people.len()).filter(|&person| explained.contains(&look.people[person].name.as_str())).collect();
    let mut rows = Vec::new();
    for (index, shown) in shown.iter().enumerate() {
        let of = |person: &usize| {
            let views = look.people[*person].photos.get(1)?;
            let view: &View = &views[index];
            view.evidence.as_ref()
        };
        let mut add = |group: Option<&Group>, people: &[usize]| {
            let found: Vec<&Evidence> = people.iter().filter_map(of).collect();
            for (method, pick) in METHODS {
                let known: Vec<(&Vec<f64>, &Vec<f64>)> = found
                    .iter()
                    .map(|evidence| (pick(evidence), &evidence.area))
                    .filter(|(shares, _)| shares.len() == Region::ALL.len())
                    .collect();
                if known.is_empty() {
                    continue;
                }
                for (place, region) in Region::ALL.into_iter().enumerate() {
                    let masses: Vec<(f64, f64)> = known.iter().map(|(shares, _)| (shares[place], 1.0)).collect();
                    let area = known.iter().map(|(_, areas)| areas[place]).sum::<f64>() / known.len() as f64;
                    let mass = share_over_people(&masses, seed);
                    rows.push(EvidenceRow {
                        mask: shown.to_string(),
                        method,
                        group: group.map(|group| group.name.clone()),
                        region: region.name(),
                        people: known.len(),
                        mass,
                        area,
                        ratio: if area > 0.0 { mass.value / area } else { 0.0 },
                    });
                }
            }
        };
        add(None, &everybody);
        for group in groups {
            let own: Vec<usize> = group.people.iter().copied().filter(|person| everybody.contains(person)).collect();
            add(Some(group), &own);
        }
    }
    rows
}

type Pick = fn(&Evidence) -> &Vec<f64>;
const METHODS: [(&str, Pick); 2] =
    [("occlusion", |evidence| &evidence.occlusion), ("grad-cam", |evidence| &evidence.grad_cam)];
