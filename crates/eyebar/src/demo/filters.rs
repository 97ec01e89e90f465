//! Part 1: what the filters detect.

use std::path::PathBuf;

use eyebar_explain::activation::{Maximisation, Prior};
use eyebar_report::Section;
use serde::Serialize;

use super::Stage;
use crate::error::Error;
use crate::tasks::filters::{self, LayerFilters};
use crate::tasks::inspect::inspect;

const LAYERS: [&str; 3] = ["block1_conv2", "block3_conv3", "block5_conv3"];
const FILTERS: usize = 8;

/// How much of the picture a cell of a layer sees.
#[derive(Debug, Serialize)]
pub struct Sees {
    /// The layer.
    pub layer: &'static str,
    /// Side of what a cell sees, in pixels; nothing where it sees all.
    pub receptive_field: Option<usize>,
}

/// What was measured, the section of the report, and the figure's file.
type Part = ((Vec<LayerFilters>, Vec<Sees>), Section, PathBuf);

pub(super) fn run(stage: &Stage<'_>) -> Result<Part, Error> {
    let channels: Vec<usize> = (0..FILTERS).collect();
    let options =
        Maximisation { prior: Prior::PIXELS, size: Some((128, 128)), seed: stage.seed, ..Maximisation::default() };
    let mut found = Vec::new();
    for layer in LAYERS {
        let progress = |done, total| (stage.progress)(&format!("filters of {layer}"), done, total);
        found.push(filters::filters(&stage.features, layer, &channels, &options, &progress)?);
    }
    let figure = filters::figure("VGG16", &found);
    let file = stage.save_figure("01_filters.png", &figure)?;
    let fields = inspect(&stage.features, None)?;
    let fields = LAYERS.map(|layer| Sees {
        layer,
        receptive_field: fields.layers.iter().find(|row| row.layer == layer).and_then(|row| row.receptive_field),
    });
    let sees = |layer: &str| {
        let field = fields.iter().find(|field| field.layer == layer).and_then(|field| field.receptive_field);
        field.map_or_else(|| "all".to_owned(), |side| format!("{side} × {side}"))
    };
    let section = Section::new("What do CNN filters detect?")
        .anchor("filters")
        .paragraph(
            "Start from noise, and change the picture step by step so that **one filter** of VGG16 answers more and more. \
             What appears is what that filter is looking for. Nothing but the network and the noise goes in: no photograph.",
        )
        .list([
            format!("`block1_conv2`: a cell sees {} pixels. Colours and edges.", sees("block1_conv2")),
            format!("`block3_conv3`: a cell sees {} pixels. Textures and repeated patterns.", sees("block3_conv3")),
            format!("`block5_conv3`: a cell sees {} pixels. Parts of objects, where they can be told at all.", sees("block5_conv3")),
        ])
        .figure(figure, "Rows of pictures, one for each layer, eight filters each.", "The pictures that eight filters of each layer answer to most. Under each: its number, and its mean activation before and after.")
        .table(&filters::table(&found))
        .caution(
            "The plain ascent (the workshop's) is free to use any pixel pattern, so deep layers look noisy to us. \
             `eyebar filters --prior fourier` starts from smooth pictures in natural colours and shows more; neither is what \
             the filter **means**, both are what excites it.",
        );
    Ok(((found, fields.into()), section, file))
}
