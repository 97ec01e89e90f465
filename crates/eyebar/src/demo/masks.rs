//! Part 4: what masks hide.

use std::path::PathBuf;

use std::sync::Arc;

use eyebar_explain::ExplainError;
use eyebar_face::{Embedder, Landmarks, Mask, MaskOptions, Placement};
use eyebar_report::{Cell, Figure, Row, Section, Table};
use serde::Serialize;

use super::Stage;
use crate::decision::{Rule, one_in};
use crate::error::Error;
use crate::scene::{Photo, Scene};
use crate::target::first_name;
use crate::tasks::predict::Predictor;

const MASKS: [&str; 7] = ["none", "eye-bar", "eyes-nose", "face", "head", "blur:0.3", "pixelate:8"];
/// A photograph in the public domain, and another of the same person four years before.
const PROBE: &str = "ardern-2022.jpg";
const REFERENCE: &str = "ardern-2018.jpg";

/// False match rate of the recogniser's decision.
const FMR: f64 = 1e-3;

/// What each mask does to the classifier and to the face embedder.
#[derive(Debug, Serialize)]
pub struct MaskResults {
    /// The photograph that the classifier is shown.
    pub portrait: &'static str,
    /// The photograph that is masked for the embedder.
    pub probe: &'static str,
    /// The other photograph of the same person, never masked.
    pub reference: &'static str,
    /// Cosine from which two faces are taken for one person.
    pub same_person: f32,
    /// Share of pairs of different people that were that alike.
    pub fmr: f64,
    /// What that was measured on.
    pub measured_on: String,
    /// One row for each mask.
    pub masks: Vec<MaskRow>,
}

/// One mask.
#[derive(Debug, Serialize)]
pub struct MaskRow {
    /// The mask.
    pub mask: String,
    /// The classifier's best class for the masked portrait.
    pub top1: String,
    /// Its probability, 0 to 1.
    pub probability: f32,
    /// Similarity of the masked probe to the reference, aligned by the landmarks of the unmasked photograph.
    pub similarity: f32,
    /// Whether that is still the same person.
    pub recognised: bool,
}

pub(super) fn run(stage: &Stage<'_>) -> Result<(MaskResults, Section, PathBuf), Error> {
    let (probe, reference) = (Photo::bundled(PROBE)?, Photo::bundled(REFERENCE)?);
    let landmarks = |photo: &Photo| -> Result<Landmarks, Error> {
        let face = stage.faces.central(&photo.image)?;
        face.map(|face| face.landmarks).ok_or_else(|| Error::NoFace { path: photo.path.clone() })
    };
    let (on_portrait, on_probe) = (landmarks(&stage.portrait)?, landmarks(&probe)?);
    // All masks share the landmarks of the unmasked photograph: the stronger attacker knows where the face was.
    let embedder = Embedder::new(stage.embedder.graph(), stage.embedder.spec()?.clone(), stage.embedder.name())?;
    let template = embedder.embed_face(&reference.image, &landmarks(&reference)?)?;
    let scene = |photo: &Photo| Scene::placed(photo, Some(&on_portrait), &stage.classifier);
    let predictor = Predictor::new(&stage.classifier, scene(&stage.portrait)?.input.shape(), None)?;
    let rule = Rule::bundled(&stage.embedder.identity(), Some(FMR))?;
    let rule =
        rule.ok_or_else(|| Error::Usage("the bundled embedder has no calibration; hint: build again".to_owned()))?;
    let options = MaskOptions { seed: stage.seed, ..MaskOptions::default() };
    let mut rows = Vec::new();
    let (mut portraits, mut probes) = (Vec::new(), Vec::new());
    for (index, name) in MASKS.into_iter().enumerate() {
        stage.report("masks", index, MASKS.len())?;
        let masked = |photo: &Photo, landmarks: &Landmarks| -> Result<Photo, Error> {
            if name == "none" {
                return Ok(photo.clone());
            }
            let mask: Mask = name.parse()?;
            let image = mask.apply(&photo.image, Placement::Landmarks(&[*landmarks]), &options)?.image;
            Ok(Photo { image: Arc::new(image), ..photo.clone() })
        };
        let portrait = masked(&stage.portrait, &on_portrait)?;
        let probe = masked(&probe, &on_probe)?;
        let prediction = predictor.predict(&scene(&portrait)?, 1)?;
        let best = prediction.classes.first().and_then(|class| Some((class.label.as_deref()?, class.probability?)));
        let (top1, probability) =
            best.ok_or_else(|| ExplainError::NotFinite { what: "the classifier's best score".to_owned() })?;
        let similarity = embedder.embed_face(&probe.image, &on_probe)?.similarity(&template)?;
        let row = MaskRow {
            mask: name.to_owned(),
            top1: first_name(top1).to_owned(),
            probability,
            similarity,
            recognised: rule.accepts(similarity),
        };
        portraits.push(Cell::picture(Arc::unwrap_or_clone(portrait.image)).caption(format!(
            "{}\n{:.0} %",
            row.top1,
            100.0 * row.probability
        )));
        let verdict = if row.recognised { "same person" } else { "not recognised" };
        probes.push(
            Cell::picture(Arc::unwrap_or_clone(probe.image))
                .caption(format!("{verdict}\nsimilarity {:.2}", row.similarity)),
        );
        rows.push(row);
    }
    let figure = Figure::new("What masks hide")
        .subtitle(format!(
            "Above: an ImageNet classifier's best class. Below: a face embedder's similarity to another photo of the same \
             person, 2018 against 2022; of different people, {} pairs are as alike as {:.3}", one_in(FMR), rule.threshold
        ))
        .columns(MASKS.map(|name| if name == "none" { "no mask" } else { name }))
        .row(Row::new("object classifier", portraits))
        .row(Row::new("face recogniser", probes))
        .footnote(
            "Photographs: Eileen Collins, NASA, public domain; Jacinda Ardern, May 2022, Office of the Vice President of \
             the United States, public domain. Compared with: Jacinda Ardern, 2018, Newzild, CC BY-SA 4.0 (not shown).",
        )
        .render();
    let file = stage.save_figure("04_cnil_mask.png", &figure)?;
    let results = MaskResults {
        portrait: "astronaut.png",
        probe: PROBE,
        reference: REFERENCE,
        same_person: rule.threshold,
        fmr: rule.fmr,
        measured_on: rule.measured_on,
        masks: rows,
    };
    let section = section(&results, figure);
    Ok((results, section, file))
}

fn section(results: &MaskResults, figure: eyebar_imaging::RgbImage) -> Section {
    let table =
        Table::new("What each mask does").text("Mask").text("Classifier's best class").number("Probability", "%");
    let table = table.number("Similarity", "cosine").text("Recogniser's decision");
    let table = results.masks.iter().fold(table, |table, row| {
        let decision = if row.recognised { "the same person" } else { "not the same" };
        let (percent, similarity) = (format!("{:.1}", 100.0 * row.probability), format!("{:.3}", row.similarity));
        table.row([row.mask.clone(), row.top1.clone(), percent, similarity, decision.to_owned()])
    });
    let table = table.note(format!(
        "Decision at a cosine of {:.3}: {} pairs of different people are as alike ({}).",
        results.same_person,
        one_in(results.fmr),
        results.measured_on
    ));
    let row = |mask: &str| results.masks.iter().find(|row| row.mask == mask);
    let mut section = Section::new("Is masking the eyes enough for anonymisation?")
        .anchor("masks")
        .paragraph(
            "The workshop measured how a mask changes an **object classifier's** best class, and that changes wildly. But it \
             says nothing about anonymity: the classifier never knew who that was. What counts is whether a **face \
             recogniser** still finds the person in another photograph.",
        )
        .figure(figure, "Two portraits under seven masks.", "Above the workshop's question, below the one that counts.")
        .table(&table);
    if let (Some(none), Some(bar)) = (row("none"), row("eye-bar")) {
        let verdict = if bar.recognised {
            "**the recogniser still takes both photos for the same person**"
        } else {
            "the recogniser no longer takes both photos for the same person at its makers' threshold"
        };
        section = section.finding(format!(
            "Behind a black bar over the eyes the similarity falls from {:.2} to {:.2}; {verdict}.",
            none.similarity, bar.similarity
        ));
    }
    section.caution(
        "One pair of photographs cannot settle the question in either direction. Below the threshold is not anonymous \
         either: a lower score may still rank first among the candidates, an attacker who masks his own gallery does \
         better, and people recognise each other by hair, clothes and company. An answer needs many people, several \
         attackers and intervals.",
    )
}
