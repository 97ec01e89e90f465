//! Part 2: where the networks look.

use std::path::PathBuf;

use eyebar_imaging::Colormap;
use eyebar_report::{Cell, ColourBar, Figure, Row, Section};

use super::Stage;
use crate::error::Error;
use crate::scene::Scene;
use crate::target::{Target, similarity_to};
use crate::tasks::cam::{CamResult, cam_scene};

/// An early, a middle and a late layer of the classifier and of the embedder.
const DEPTHS: [(&str, &str, &str); 3] =
    [("early", "block5", "conv_4"), ("middle", "block11", "conv_8"), ("late", "head", "conv_12")];

pub(super) fn run(stage: &Stage<'_>) -> Result<(Vec<CamResult>, Section, PathBuf), Error> {
    let (classifier, embedder) = (&stage.classifier, &stage.embedder);
    let whole = Scene::of(&stage.portrait, classifier, &stage.faces)?.with_face(&stage.faces)?;
    let face = Scene::of(&stage.portrait, embedder, &stage.faces)?;
    let mirrored = Scene::of(&stage.portrait.mirrored(), embedder, &stage.faces)?;
    let class_target = Target::Top.resolve(classifier, &whole, &stage.faces)?;
    let face_target = similarity_to(&mirrored, "the mirrored portrait", embedder)?;
    let colormap = Colormap::Turbo;
    let mut found = Vec::new();
    let mut figure = Figure::new("Where the networks look")
        .subtitle("Grad-CAM on one portrait: an ImageNet classifier's best class, and a face embedder's similarity")
        .columns(["Classifier", "raw map", "Face embedder", "raw map"]);
    for (index, (depth, class_layer, face_layer)) in DEPTHS.into_iter().enumerate() {
        stage.report("Grad-CAM", index, DEPTHS.len())?;
        let class = cam_scene(&whole, classifier, Some(class_layer), &class_target)?;
        let face = cam_scene(&face, embedder, Some(face_layer), &face_target)?;
        let cells = [&class, &face].into_iter().flat_map(|cam| {
            let over = cam.overlay(colormap).map_or_else(|| Cell::missing("no picture"), Cell::picture);
            let raw = if cam.zero {
                Cell::missing("zero everywhere")
            } else {
                Cell::picture(cam.raw_picture(colormap)).caption(format!("{} × {} cells", cam.shape[0], cam.shape[1]))
            };
            let title = if cam.class.is_some() { cam.target.as_str() } else { "similarity" };
            [over.caption(format!("{title}\n{}, layer {}", cam.model, cam.layer)), raw.crisp()]
        });
        figure = figure.row(Row::new(depth, cells));
        found.push(class);
        found.push(face);
    }
    let figure = figure
        .colour_bar(ColourBar::new(colormap, 0.0, 1.0, "share of the map's largest value"))
        .footnote(
            "Selvaraju et al. 2017; every map is scaled to its own maximum. The embedder sees the aligned face only. \
             Portrait: Eileen Collins, NASA, public domain.",
        )
        .render();
    let file = stage.save_figure("02_gradcam.png", &figure)?;
    let late: Vec<_> = found[found.len() - 2..].iter().collect();
    let mut section = Section::new("Where does a network look?")
        .anchor("gradcam")
        .paragraph(format!(
            "Grad-CAM weighs the cells of a layer by how much they speak for a score. For the classifier the score is \
             that of **{}**, its best guess for this portrait; for the face embedder it is the likeness to the mirrored \
             portrait. The two look at different things, because they were trained for different things: **the training \
             domain decides where a network looks**.",
            late[0].target
        ))
        .figure(figure, "Heat maps of two networks at three depths.", "Left the ImageNet classifier, right the face embedder, from an early layer to a late one.");
    for cam in late {
        for mut table in cam.tables().into_iter().take(1) {
            table.title = format!("{}, layer {}: {}", cam.model, cam.layer, table.title.to_lowercase());
            section = section.table(&table);
        }
    }
    let section = section.caution(
        "One portrait is an example, not evidence. A classifier of a thousand things has no class for a face, so its best \
         guess is about clothes and surroundings. And a map shows where a score comes from in one layer, not why.",
    );
    Ok((found, section, file))
}
