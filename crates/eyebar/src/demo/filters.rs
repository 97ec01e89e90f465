//! Part 1: what the filters detect.

use std::path::PathBuf;

use eyebar_explain::activation::{Maximisation, Prior};
use eyebar_report::Section;

use super::Stage;
use crate::error::Error;
use crate::tasks::filters::{self, LayerFilters};
use crate::tasks::inspect::inspect;

const LAYERS: [&str; 3] = ["block1_conv2", "block3_conv3", "block5_conv3"];
const FILTERS: usize = 8;

pub(super) fn run(stage: &Stage<'_>) -> Result<(Vec<LayerFilters>, Section, PathBuf), Error> {
    let channels: Vec<usize> = (0..FILTERS).collect();
    let options =
        Maximisation { prior: Prior::PIXELS, size: Some((128, 128)), seed: stage.seed, ..Maximisation::default() };
    let mut found = Vec::new();
    for layer in LAYERS {
        let progress = |done, total| (stage.progress)(&format!("filters of {layer}"), done, total);
        found.push(filters::filters(&stage.features, layer, &channels, &options, &progress)?);
    }
    let figure = filters::figure("VGG16, 128 × 128 pixels, 30 steps of length 10", &found);
    let file = stage.save_figure("01_filters.png", &figure)?;
    let fields = inspect(&stage.features, None)?;
    let sees = |layer: &str| {
        let row = fields.layers.iter().find(|row| row.layer == layer);
        row.and_then(|row| row.receptive_field).map_or_else(|| "all".to_owned(), |side| format!("{side} × {side}"))
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
    Ok((found, section, file))
}
