//! Two photographs beside each other: how alike, the same person or not, and which parts make them so.

use std::path::{Path, PathBuf};

use eyebar_explain::Progress;
use eyebar_explain::perturbation::Occlusion;
use eyebar_imaging::{Colormap, RgbImage};
use eyebar_report::{Cell, ColourBar, Figure, Row, Table};
use serde::Serialize;

use super::cam::{CamResult, cam_scene};
use super::occlude::{OcclusionResult, occlude_scene};
use super::regions;
use crate::decision::Rule;
use crate::error::Error;
use crate::model::Model;
use crate::provenance::Source;
use crate::recogniser::Recogniser;
use crate::scene::{Photo, Scene};
use crate::target::{file_name, similarity_to};

/// What is compared, and how.
#[derive(Debug, Clone)]
pub struct CompareRequest {
    /// The photographs.
    pub photos: [PathBuf; 2],
    /// Layer of the Grad-CAM maps; the model's default where none is named.
    pub layer: Option<String>,
    /// Patch of the occlusion maps.
    pub occlusion: Occlusion,
    /// False match rate of the decision; the usual one where none is named.
    pub fmr: Option<f64>,
}

/// Two faces.
#[derive(Debug, Clone, Serialize)]
pub struct CompareResult {
    /// The model, as templates name it.
    pub model: String,
    /// Cosine of the two embeddings, −1 to 1.
    pub similarity: f32,
    /// Whether they are taken for one person; nothing where no threshold was ever measured for the model.
    pub same_person: Option<bool>,
    /// By which rule.
    pub rule: Option<Rule>,
    /// Whether the network cannot tell them apart: then there is no gradient to explain, and no Grad-CAM.
    pub identical: bool,
    /// What was looked at in each photograph.
    pub photos: [ComparedPhoto; 2],
}

/// One side of a comparison.
#[derive(Debug, Clone, Serialize)]
pub struct ComparedPhoto {
    /// The file.
    pub photo: Source,
    /// Faces in it; the one nearest to the middle was compared.
    pub faces: usize,
    /// What speaks for the similarity, by gradient.
    pub cam: Option<CamResult>,
    /// What the similarity loses where a part is hidden.
    pub occlusion: OcclusionResult,
}

/// Compares the faces of two photographs; `progress` counts the patches of both occlusion maps.
///
/// # Errors
/// When a photograph cannot be read or has no face, or the model is no embedder that is explained here.
pub fn compare(request: &CompareRequest, model: &Model, progress: Progress<'_>) -> Result<CompareResult, Error> {
    let recogniser = embedder(model)?;
    let photos = [Photo::open(&request.photos[0])?, Photo::open(&request.photos[1])?];
    compare_photos(&photos, request, model, &recogniser, progress)
}

fn embedder(model: &Model) -> Result<Recogniser, Error> {
    if !model.is_embedder() {
        return Err(Error::Usage(format!("model {} does not embed faces; hint: use sface", model.name())));
    }
    Recogniser::new(model)
}

/// As [`compare`], for photographs that were read already, whose names are not those of the request.
///
/// # Errors
/// As [`compare`].
pub fn compare_photos(
    photos: &[Photo; 2],
    request: &CompareRequest,
    model: &Model,
    recogniser: &Recogniser,
    progress: Progress<'_>,
) -> Result<CompareResult, Error> {
    let open = |photo: &Photo| -> Result<(Scene, usize), Error> {
        let (face, faces) = recogniser.faces().among(photo)?;
        Ok((Scene::placed(photo, Some(&face.landmarks), model)?, faces))
    };
    let [(left, left_faces), (right, right_faces)] = [open(&photos[0])?, open(&photos[1])?];
    let name = |index: usize| file_name(&photos[index].path);
    let side = |scene: &Scene, other: &Scene, name: String, faces, part: usize| -> Result<ComparedPhoto, Error> {
        let target = similarity_to(other, &name, model)?;
        let half = |done: usize, total: usize| progress(part * total + done, 2 * total);
        let occlusion = occlude_scene(scene, model, &target, request.occlusion, &half)?;
        let cam = match occlusion.score < super::cam::SAME {
            true => Some(cam_scene(scene, model, request.layer.as_deref(), &target)?),
            false => None,
        };
        Ok(ComparedPhoto { photo: scene.source.clone(), faces, cam, occlusion })
    };
    let photos = [side(&left, &right, name(1), left_faces, 0)?, side(&right, &left, name(0), right_faces, 1)?];
    let similarity = photos[0].occlusion.score;
    let rule = Rule::bundled(recogniser.model(), request.fmr)?;
    Ok(CompareResult {
        model: recogniser.model().to_owned(),
        similarity,
        same_person: rule.as_ref().map(|rule| rule.accepts(similarity)),
        identical: photos[0].cam.is_none(),
        rule,
        photos,
    })
}

impl CompareResult {
    /// A figure for a slide: a row for each photograph.
    pub fn figure(&self, colormap: Colormap) -> RgbImage {
        let name = |photo: &ComparedPhoto| file_name(Path::new(&photo.photo.file));
        let rows = self.photos.iter().map(|photo| {
            let face = match &photo.occlusion.canvas {
                Some(face) => Cell::picture(face.clone()).caption(name(photo)),
                None => Cell::empty(),
            };
            let cam = match photo.cam.as_ref().map(|cam| (cam.zero, cam.overlay(colormap))) {
                Some((false, Some(overlay))) => Cell::picture(overlay),
                Some(_) => Cell::missing("the map is zero: nothing in this layer speaks for the likeness"),
                None => Cell::missing("the network cannot tell the two apart: there is no gradient"),
            };
            let occlusion = photo.occlusion.overlay(colormap).map_or_else(Cell::empty, Cell::picture);
            Row::new("", [face, cam, occlusion])
        });
        let chart = |photo: &ComparedPhoto| {
            let title = format!("Occlusion, {}", name(photo));
            regions::titled_chart(&title, &photo.occlusion.regions).map_or_else(Cell::empty, Cell::chart)
        };
        let charts = Row::new("", self.photos.iter().map(chart));
        let verdict = match self.same_person {
            Some(true) => "taken for one person",
            Some(false) => "not taken for one person",
            None => "no threshold known",
        };
        let figure = Figure::new(format!("Similarity {:.3}: {verdict}", self.similarity))
            .subtitle(self.rule.as_ref().map_or_else(String::new, Rule::describe))
            .columns(["Aligned face", "Grad-CAM", "Occlusion"]);
        rows.fold(figure, Figure::row)
            .row(charts)
            .colour_bar(ColourBar::new(colormap, 0.0, 1.0, "what speaks for the likeness, share of each map's maximum"))
            .footnote(format!(
                "{}. Grad-CAM (Selvaraju et al. 2017) and occlusion (Zeiler and Fergus 2014; patch {}, stride {}) of the cosine.",
                self.model, self.photos[0].occlusion.patch, self.photos[0].occlusion.stride
            ))
            .render()
    }

    /// The decision, and the parts of each face.
    pub fn tables(&self) -> Vec<Table> {
        let mut summary = Table::new("Comparison").text("").text("");
        summary = summary.row(["Similarity".to_owned(), format!("{:.4}", self.similarity)]);
        let answer = match self.same_person {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not decided",
        };
        summary = summary.row(["Same person".to_owned(), answer.to_owned()]);
        if let Some(rule) = &self.rule {
            summary = summary.note(rule.describe());
        }
        let mut tables = vec![summary];
        for photo in &self.photos {
            let name = file_name(Path::new(&photo.photo.file));
            let mut table = Table::new(format!("What makes them alike in {name}"))
                .text("Region")
                .number("Occlusion", "%")
                .number("Grad-CAM", "%")
                .number("Area", "%");
            for row in photo.occlusion.regions.iter().filter(|row| row.kind == "face") {
                let of_cam =
                    photo.cam.as_ref().and_then(|cam| cam.regions.iter().find(|other| other.region == row.region));
                let percent =
                    |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1}", 100.0 * share));
                let cam = percent(of_cam.and_then(|row| row.mass));
                table = table.row([row.region.clone(), percent(row.mass), cam, percent(Some(row.area))]);
            }
            tables.push(table.note("Shares of the positive part of each map: what speaks for the likeness."));
        }
        tables
    }
}
