//! Part 3: what hiding a part costs.

use std::path::PathBuf;

use eyebar_explain::perturbation::Occlusion;
use eyebar_imaging::Colormap;
use eyebar_report::{Cell, ColourBar, Figure, Row, Section};

use super::Stage;
use crate::error::Error;
use crate::scene::Scene;
use crate::target::{Target, similarity_to};
use crate::tasks::occlude::{OcclusionResult, occlude_scene};

/// The embedder sees 112 × 112 pixels: half the classifier's side, so half its patch.
const FACE_PATCH: Occlusion = Occlusion { patch: 13, stride: 7, fill: 128.0 };

pub(super) fn run(stage: &Stage<'_>) -> Result<(Vec<OcclusionResult>, Section, PathBuf), Error> {
    let (classifier, embedder) = (&stage.classifier, &stage.embedder);
    let whole = Scene::of(&stage.portrait, classifier, &stage.faces)?.with_face(&stage.faces)?;
    let target = Target::Top.resolve(classifier, &whole, &stage.faces)?;
    let progress = |done, total| (stage.progress)("occlusion, classifier", done, total);
    let class = occlude_scene(&whole, classifier, &target, Occlusion::default(), &progress)?;
    let face = Scene::of(&stage.portrait, embedder, &stage.faces)?;
    let mirrored = Scene::of(&stage.portrait.mirrored(), embedder, &stage.faces)?;
    let target = similarity_to(&mirrored, "the mirrored portrait", embedder)?;
    let progress = |done, total| (stage.progress)("occlusion, face embedder", done, total);
    let face = occlude_scene(&face, embedder, &target, FACE_PATCH, &progress)?;
    let colormap = Colormap::Turbo;
    let mut figure = Figure::new("What hiding a part costs")
        .subtitle("A grey patch slides over the picture; the map is the mean drop of the score where it lay")
        .columns(["Picture and patch", "Drop of the score", "Drops and rises"]);
    for (name, result) in [("object\nclassifier", &class), ("face\nembedder", &face)] {
        let picture = |image: Option<_>| image.map_or_else(Cell::empty, Cell::picture);
        let title = if result.class.is_some() { result.target.clone() } else { "similarity".to_owned() };
        let cells = [
            picture(result.with_patch()).caption(format!("{} patches of {} pixels", result.patches, result.patch)),
            picture(result.overlay(colormap)).caption(format!("{title}\nscore {:.3}", result.score)),
            Cell::picture(result.raw_picture()).caption("red: hiding lowers the score\nblue: hiding raises it"),
        ];
        let bar = ColourBar::new(colormap, 0.0, f64::from(result.max.max(0.0)), "mean drop of the score");
        figure = figure.row(Row::new(name, cells).colour_bar(bar));
    }
    let figure =
        figure.footnote("Zeiler and Fergus 2014. Every pixel is covered. Portrait: NASA, public domain.").render();
    let file = stage.save_figure("03_occlusion.png", &figure)?;
    let top = |result: &OcclusionResult| {
        let faces = result.regions.iter().filter(|row| row.kind == "face" && row.mass.is_some());
        faces.max_by(|a, b| a.ratio.unwrap_or(0.0).total_cmp(&b.ratio.unwrap_or(0.0))).map(|row| row.region.clone())
    };
    let mut section = Section::new("What does the score lose when a part is hidden?")
        .anchor("occlusion")
        .paragraph(
            "Grad-CAM asks the gradient; occlusion asks the network itself, again and again, with a grey patch in another \
             place. It is slower and needs no gradient, so the two check each other.",
        )
        .figure(figure, "Occlusion maps of the classifier and of the face embedder.", "Above the classifier, below the face embedder.");
    if let (Some(class_top), Some(face_top)) = (top(&class), top(&face)) {
        section = section.finding(format!(
            "For its size, the part that matters most to the classifier is **{class_top}**; to the face embedder it is \
             **{face_top}**. (On this one portrait.)"
        ));
    }
    for result in [&class, &face] {
        for mut table in result.tables().into_iter().take(1) {
            table.title = format!("{}: {}", result.model, table.title.to_lowercase());
            section = section.table(&table);
        }
    }
    Ok((vec![class, face], section, file))
}
