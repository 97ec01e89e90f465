//! Occlusion sensitivity of a picture.

use std::path::Path;

use eyebar_explain::perturbation::{Occlusion, Scorer};
use eyebar_explain::{ExplainError, Objective, Progress};
use eyebar_imaging::overlay::{DEFAULT_ALPHA, colourise, normalise, overlay};
use eyebar_imaging::{Colormap, RgbImage, Scale};
use eyebar_network::{NetworkError, ValueId};
use eyebar_report::{Cell, ColourBar, Figure, Row, Table};
use eyebar_tensor::Tensor;
use serde::Serialize;

use super::cam::spread;
use super::regions::{self, RegionShare, region_shares};
use crate::error::Error;
use crate::model::{Model, in_explanation};
use crate::provenance::Provenance;
use crate::scene::{Faces, Scene};
use crate::target::{Resolved, Target};

/// Patches scored at a time.
const BATCH: usize = 8;

/// A sensitivity map with what it explains.
#[derive(Debug, Clone, Serialize)]
pub struct OcclusionResult {
    /// The model.
    pub model: String,
    /// Hash of the model's file.
    pub model_sha256: String,
    /// What is explained, for people.
    pub target: String,
    /// The class, where the target is one.
    pub class: Option<usize>,
    /// Side of the patch, in pixels of the network's input.
    pub patch: usize,
    /// Distance of two patches.
    pub stride: usize,
    /// Value of the patch.
    pub fill: f32,
    /// What [`OcclusionResult::fill`] counts in.
    pub fill_unit: &'static str,
    /// Number of patches.
    pub patches: usize,
    /// Score of the whole picture: before softmax, or a cosine.
    pub score: f32,
    /// Largest mean drop.
    pub max: f32,
    /// Smallest mean drop: negative where hiding raises the score.
    pub min: f32,
    /// How the positive part spreads over the picture.
    pub regions: Vec<RegionShare>,
    /// What it was made of.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// The raw map, `[H, W]` of the network's input.
    #[serde(skip)]
    pub map: Tensor,
    /// The picture it belongs to.
    #[serde(skip)]
    pub canvas: Option<RgbImage>,
}

/// What hides a part where nobody says: a middle grey where the model's grey values are known; 0 for an array where they
/// are not, as normalised values lie about 0 and 128 would be far from all of them.
pub fn default_fill(model: &Model) -> f32 {
    if model.spec().is_ok() { Occlusion::default().fill } else { 0.0 }
}

/// The sensitivity map of a photograph or array.
///
/// # Errors
/// When the picture, the target or the parameters cannot be used.
pub fn occlude(
    path: &Path,
    model: &Model,
    target: &Target,
    occlusion: Occlusion,
    faces: &Faces,
    progress: Progress<'_>,
) -> Result<OcclusionResult, Error> {
    let scene = Scene::open(path, model, faces)?;
    let target = target.resolve(model, &scene, faces)?;
    occlude_scene(&scene.with_face(faces)?, model, &target, occlusion, progress)
}

/// As [`occlude`], for a scene that is ready.
///
/// # Errors
/// As [`occlude`].
pub fn occlude_scene(
    scene: &Scene,
    model: &Model,
    target: &Resolved,
    occlusion: Occlusion,
    progress: Progress<'_>,
) -> Result<OcclusionResult, Error> {
    // A photograph's fill is in grey values; an array is taken as it is, so its fill is in its own units.
    let spec = if scene.canvas.is_some() { model.spec()?.clone() } else { model.spec_or_layout() };
    let shape = scene.input.shape();
    let scorer = scorer(model, shape, target.output, &*target.objective);
    let found = scorer.and_then(|scorer| occlusion.run(&scorer, &scene.input, &spec, progress));
    let found = found.map_err(in_explanation(model))?;
    Ok(OcclusionResult {
        model: model.name().to_owned(),
        model_sha256: model.sha256().to_owned(),
        target: target.title.clone(),
        class: target.class,
        patch: occlusion.patch,
        stride: occlusion.stride,
        fill: occlusion.fill,
        fill_unit: match model.spec() {
            Ok(_) => "grey value, 0 to 255 before the model's mean and scale",
            Err(_) => "value of the array",
        },
        patches: found.scores.len(),
        score: found.base,
        max: found.map.data().iter().copied().fold(f32::NEG_INFINITY, f32::max),
        min: found.map.data().iter().copied().fold(f32::INFINITY, f32::min),
        regions: region_shares(&found.map, scene)?,
        provenance: Provenance::new(scene, model, target.reference.clone()),
        map: found.map,
        canvas: scene.canvas.clone(),
    })
}

/// The scores of pictures of `shape`, as many at a time as there is memory for.
pub(super) fn scorer(
    model: &Model,
    shape: &[usize],
    output: ValueId,
    objective: &dyn Objective,
) -> Result<Scorer, ExplainError> {
    let plan = |batch| Scorer::new(model.graph(), model.input(), shape, output, objective, batch);
    match plan(BATCH) {
        Err(ExplainError::Network(NetworkError::Memory { .. })) => plan(1),
        planned => planned,
    }
}

impl OcclusionResult {
    /// The positive part of the map over its picture.
    pub fn overlay(&self, colormap: Colormap) -> Option<RgbImage> {
        let canvas = self.canvas.as_ref()?;
        Some(overlay(canvas, &normalise(&self.map, Scale::Max), colormap, DEFAULT_ALPHA))
    }

    /// Drops and rises about zero.
    pub fn raw_picture(&self) -> RgbImage {
        spread(colourise(&normalise(&self.map, Scale::Symmetric), Colormap::Diverging), self.canvas.as_ref())
    }

    /// The picture with one patch on it, so that its size can be seen.
    pub(crate) fn with_patch(&self) -> Option<RgbImage> {
        let mut canvas = self.canvas.clone()?;
        let (width, height) = (self.map.shape()[1] as f32, self.map.shape()[0] as f32);
        let (across, down) = (canvas.width() as f32 / width, canvas.height() as f32 / height);
        let (x, y) = ((width - self.patch as f32) / 2.0 * across, (height - self.patch as f32) / 2.0 * down);
        let (x, y) = (x.max(0.0) as u32, y.max(0.0) as u32);
        let grey = self.fill.clamp(0.0, 255.0) as u8;
        for row in y..(y + (self.patch as f32 * down) as u32).min(canvas.height()) {
            for column in x..(x + (self.patch as f32 * across) as u32).min(canvas.width()) {
                canvas.put_pixel(column, row, eyebar_imaging::Rgb([grey; 3]));
            }
        }
        Some(canvas)
    }

    /// A figure for a slide: picture, drop over the picture, drops and rises, and where the drop lies.
    pub fn figure(&self, colormap: Colormap) -> RgbImage {
        let mut cells = Vec::new();
        let mut headers = Vec::new();
        if let (Some(patched), Some(overlay)) = (self.with_patch(), self.overlay(colormap)) {
            cells.push(Cell::picture(patched).caption(format!("one of {} patches", self.patches)));
            cells.push(Cell::picture(overlay));
            headers.extend(["Picture and patch", "Drop of the score"]);
        }
        cells.push(Cell::picture(self.raw_picture()).caption("red: hiding lowers the score\nblue: hiding raises it"));
        headers.push("Drops and rises");
        if let Some(chart) = regions::chart(&self.regions) {
            cells.push(Cell::chart(chart));
            headers.push("Regions");
        }
        Figure::new(format!("Occlusion: {}", self.target))
            .subtitle(format!(
                "{}, score {:.3}; patch {} × {}, stride {}, fill {}",
                self.model, self.score, self.patch, self.patch, self.stride, self.fill
            ))
            .columns(headers)
            .row(Row::new("", cells))
            .colour_bar(ColourBar::new(colormap, 0.0, f64::from(self.max.max(0.0)), "mean drop of the score"))
            .footnote("Zeiler and Fergus 2014. Mean drop over the patches that cover a pixel; every pixel is covered.")
            .render()
    }

    /// What was explained.
    pub fn summary(&self) -> Table {
        Table::new(format!("Occlusion of {}", self.model))
            .text("Target")
            .number("Score", "")
            .number("Patches", "")
            .number("Largest drop", "")
            .number("Largest rise", "")
            .row([
                self.target.clone(),
                format!("{:.4}", self.score),
                self.patches.to_string(),
                format!("{:.4}", self.max.max(0.0)),
                format!("{:.4}", (-self.min).max(0.0)),
            ])
            .note(format!("Patch filled with {} ({}).", self.fill, self.fill_unit))
    }

    /// Tables per kind of region.
    pub fn tables(&self) -> Vec<Table> {
        [("face", "Parts of the face (by landmarks)"), ("bands", "Fixed bands of the picture")]
            .into_iter()
            .filter_map(|(kind, title)| regions::table(title, &self.regions, kind))
            .collect()
    }
}
