//! Grad-CAM of a picture.

use std::path::Path;

use eyebar_explain::cam::GradCam;
use eyebar_imaging::overlay::{DEFAULT_ALPHA, colourise, normalise, overlay};
use eyebar_imaging::resize::{Filter, resize_with};
use eyebar_imaging::{Colormap, RgbImage, Scale};
use eyebar_report::{Cell, ColourBar, Figure, Row, Table};
use eyebar_tensor::Tensor;
use serde::Serialize;

use super::regions::{self, RegionShare, region_shares};
use crate::error::Error;
use crate::model::{Model, in_explanation};
use crate::provenance::Provenance;
use crate::scene::{Faces, Scene};
use crate::target::{Resolved, Target};

/// Cosine from which two outputs are the same but for rounding: there a cosine has its maximum, and no gradient.
pub const SAME: f32 = 0.9999;

/// A map with what it explains.
#[derive(Debug, Clone, Serialize)]
pub struct CamResult {
    /// The model.
    pub model: String,
    /// Hash of the model's file.
    pub model_sha256: String,
    /// The method.
    pub method: &'static str,
    /// The layer.
    pub layer: String,
    /// What is explained, for people.
    pub target: String,
    /// The class, where the target is one.
    pub class: Option<usize>,
    /// The score that the map explains: before softmax, or a cosine.
    pub score: f32,
    /// Shape of the raw map.
    pub shape: Vec<usize>,
    /// Largest value of the raw map.
    pub max: f32,
    /// Whether nothing in the layer speaks for the score: the map is zero everywhere.
    pub zero: bool,
    /// How the map spreads over the picture.
    pub regions: Vec<RegionShare>,
    /// What it was made of.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// The raw map, `[H, W]` of the layer, neither scaled nor resized.
    #[serde(skip)]
    pub map: Tensor,
    /// The picture it belongs to.
    #[serde(skip)]
    pub canvas: Option<RgbImage>,
}

/// The Grad-CAM map of a photograph or array at `layer` (the model's default where none is named).
///
/// # Errors
/// When the picture, the layer or the target cannot be used.
pub fn cam(
    path: &Path,
    model: &Model,
    layer: Option<&str>,
    target: &Target,
    faces: &Faces,
) -> Result<CamResult, Error> {
    let scene = Scene::open(path, model, faces)?;
    let target = target.resolve(model, &scene, faces)?;
    cam_scene(&scene.with_face(faces)?, model, layer, &target)
}

/// As [`cam`], for a scene that is ready.
///
/// # Errors
/// As [`cam`]; also when the target is the likeness to a picture that the model cannot tell from this one.
pub fn cam_scene(scene: &Scene, model: &Model, layer: Option<&str>, target: &Resolved) -> Result<CamResult, Error> {
    let shape = scene.input.shape();
    let id = match layer {
        Some(layer) => model.layer(layer)?,
        None => model.default_layer(shape)?,
    };
    let plan = GradCam::new(model.graph(), model.input(), shape, target.output, id, &*target.objective);
    let cam = plan.and_then(|plan| plan.run(&scene.input)).map_err(in_explanation(model))?;
    if target.reference.is_some() && cam.score >= SAME {
        return Err(Error::Usage(format!(
            "{}: its {} has the cosine {:.6}: the model cannot tell the two apart, and at its maximum a cosine has no \
             gradient but rounding noise; hint: give --target another photograph, or use `eyebar occlude`, which needs no \
             gradient",
            scene.source.file, target.title, cam.score
        )));
    }
    Ok(CamResult {
        model: model.name().to_owned(),
        model_sha256: model.sha256().to_owned(),
        method: "grad-cam",
        layer: model.layer_name(id),
        target: target.title.clone(),
        class: target.class,
        score: cam.score,
        shape: cam.map.shape().to_vec(),
        max: cam.map.data().iter().copied().fold(0.0, f32::max),
        zero: cam.zero,
        regions: region_shares(&cam.map, scene)?,
        provenance: Provenance::new(scene, model, target.reference.clone()),
        map: cam.map,
        canvas: scene.canvas.clone(),
    })
}

/// A map's picture in the proportions of its canvas, each cell one colour.
pub(super) fn spread(cells: RgbImage, canvas: Option<&RgbImage>) -> RgbImage {
    match canvas {
        Some(canvas) => resize_with(&cells, canvas.width(), canvas.height(), Filter::Nearest),
        None => cells,
    }
}

impl CamResult {
    /// The map over its picture.
    pub fn overlay(&self, colormap: Colormap) -> Option<RgbImage> {
        let canvas = self.canvas.as_ref()?;
        Some(overlay(canvas, &normalise(&self.map, Scale::Max), colormap, DEFAULT_ALPHA))
    }

    /// The map itself, one colour a cell.
    pub fn raw_picture(&self, colormap: Colormap) -> RgbImage {
        spread(colourise(&normalise(&self.map, Scale::Max), colormap), self.canvas.as_ref())
    }

    /// The colour bar of both.
    pub(crate) fn colour_bar(&self, colormap: Colormap) -> ColourBar {
        ColourBar::new(colormap, 0.0, self.max.into(), "Grad-CAM, raw value")
    }

    /// A figure for a slide: picture, overlay, raw map, and where the map lies.
    pub fn figure(&self, colormap: Colormap) -> RgbImage {
        let mut cells = Vec::new();
        let mut headers = Vec::new();
        if let (Some(canvas), Some(overlay)) = (&self.canvas, self.overlay(colormap)) {
            cells.push(Cell::picture(canvas.clone()));
            cells.push(Cell::picture(overlay));
            headers.extend(["What the network sees", "Overlay"]);
        }
        let size = format!("{} × {} cells", self.shape[0], self.shape[1]);
        cells.push(if self.zero {
            Cell::missing("the map is zero: nothing in this layer speaks for the target")
        } else {
            Cell::picture(self.raw_picture(colormap)).crisp().caption(size)
        });
        headers.push("Raw map");
        if let Some(chart) = regions::chart(&self.regions) {
            cells.push(Cell::chart(chart));
            headers.push("Regions");
        }
        Figure::new(format!("Grad-CAM: {}", self.target))
            .subtitle(format!("{}, layer {}, score {:.3}", self.model, self.layer, self.score))
            .columns(headers)
            .row(Row::new("", cells))
            .colour_bar(self.colour_bar(colormap))
            .footnote(format!(
                "Selvaraju et al. 2017. Colours up to the raw map's maximum; overlay up-sampled bilinearly, alpha {DEFAULT_ALPHA}."
            ))
            .render()
    }

    /// What was explained.
    pub fn summary(&self) -> Table {
        Table::new(format!("Grad-CAM of {}", self.model))
            .text("Layer")
            .text("Target")
            .number("Score", "")
            .text("Map")
            .number("Largest value", "")
            .row([
                self.layer.clone(),
                self.target.clone(),
                format!("{:.4}", self.score),
                format!("{} × {}", self.shape[0], self.shape[1]),
                format!("{:.4e}", self.max),
            ])
    }

    /// Tables per kind of region.
    pub fn tables(&self) -> Vec<Table> {
        [("face", "Parts of the face (by landmarks)"), ("bands", "Fixed bands of the picture")]
            .into_iter()
            .filter_map(|(kind, title)| regions::table(title, &self.regions, kind))
            .collect()
    }
}
