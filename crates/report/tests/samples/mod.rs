//! Figures like those of the workshop, from made-up numbers.

use eyebar_imaging::overlay::{colourise, normalise, overlay};
use eyebar_imaging::{Colormap, RgbImage, Scale};
use eyebar_report::{BarChart, Cell, ColourBar, Figure, Row, Series};
use eyebar_tensor::Tensor;

/// All samples with their names, about `photo`.
pub(crate) fn all(photo: &RgbImage) -> Vec<(&'static str, RgbImage)> {
    vec![
        ("filters", filters()),
        ("cam", cam(photo)),
        ("masks", masks(photo)),
        ("single", single(photo)),
        ("shares", shares().render(1200)),
        ("drops", drops().render(900)),
    ]
}

/// A smooth pattern.
pub(crate) fn texture(seed: u32, size: u32) -> RgbImage {
    let s = seed as f32;
    RgbImage::from_fn(size, size, |x, y| {
        let (x, y) = (x as f32 / size as f32, y as f32 / size as f32);
        let wave = |k: f32, p: f32| ((x * k + p).sin() * (y * (k + s) + p).cos() * 110.0 + 128.0) as u8;
        eyebar_imaging::Rgb([wave(9.0 + s, 0.3), wave(14.0, s), wave(20.0 - s, 2.0)])
    })
}

fn filters() -> RgbImage {
    let mut figure = Figure::new("What the filters of VGG16 detect, from edges to object parts")
        .subtitle("Activation maximisation: 30 steps of gradient ascent from noise, 128 × 128 pixels; each picture is what excites one filter most")
        .columns((0..8).map(|i| format!("filter {i}")));
    for (layer, field) in [("block1_conv2", 5), ("block3_conv3", 40), ("block5_conv3", 196)] {
        let cells = (0..8u32).map(|i| {
            if i == 5 && field == 196 {
                Cell::missing("dead filter: never above zero").caption("–")
            } else {
                Cell::picture(texture(i + field, 128)).caption(format!("{}.{} → {}.7", i * 3, i, 300 * i + 12))
            }
        });
        figure = figure.row(Row::new(format!("{layer}\n{field} × {field} pixels"), cells));
    }
    figure.footnote("Under each picture: mean activation before → after. A filter that does not rise is called dead and is not drawn.").render()
}

fn bump(height: usize, width: usize, cy: f32, cx: f32) -> Tensor {
    let map = Tensor::from_fn(&[height, width], |i| {
        let (y, x) = ((i / width) as f32 / height as f32, (i % width) as f32 / width as f32);
        (-((y - cy).powi(2) + (x - cx).powi(2)) * 14.0).exp() - 0.05
    });
    normalise(&map, Scale::Max)
}

fn cam(photo: &RgbImage) -> RgbImage {
    let row = |name: &str, side: usize, max: f64| {
        let (object, face) = (bump(side, side, 0.7, 0.3), bump(side, side, 0.25, 0.45));
        Row::new(
            name,
            [
                Cell::picture(overlay(photo, &object, Colormap::Turbo, 0.4)).caption("overlay\nspace shuttle 38 %"),
                Cell::picture(colourise(&object, Colormap::Turbo)).crisp().caption(format!("raw map\n{side} × {side}")),
                Cell::picture(overlay(photo, &face, Colormap::Turbo, 0.4)).caption("overlay\nsimilarity 0.71"),
                Cell::picture(colourise(&face, Colormap::Turbo)).crisp().caption(format!("raw map\n{side} × {side}")),
            ],
        )
        .colour_bar(ColourBar::new(Colormap::Turbo, 0.0, max, "Grad-CAM (raw value)"))
    };
    Figure::new("Where the network looks: the training domain decides")
        .subtitle("Grad-CAM at two depths. Left: an object classifier (ImageNet) asked for its own top class. Right: a face embedder asked for the similarity to another photo of the same person.")
        .columns(["ImageNet classifier: class “space shuttle”", "ImageNet classifier: class “space shuttle”", "face embedder: similarity", "face embedder: similarity"])
        .row(row("stage 3", 28, 0.003_21))
        .row(row("stage 5", 7, 12.75))
        .footnote("Maps are scaled to their own maximum; negative values are cut off (ReLU).")
        .footnote("Photograph: NASA, Eileen Collins, public domain.")
        .render()
}

fn masks(photo: &RgbImage) -> RgbImage {
    let kinds = ["no mask", "eye-bar", "eyes-nose", "face", "blur:0.5", "pixelate:8"];
    let cells = kinds.iter().enumerate().map(|(i, kind)| {
        let caption = format!(
            "{kind}\ntop-1: academic gown, academic robe, judge’s robe {} %\nsimilarity 0.{}",
            12 * i,
            70 - 9 * i
        );
        Cell::picture(photo.clone()).caption(caption)
    });
    Figure::new("What a mask hides from an object classifier, and what it leaves to a face recogniser: a deliberately long title that must wrap and must not be cut")
        .row(Row::new("", cells))
        .colour_bar(ColourBar::new(Colormap::Diverging, -0.4, 0.4, "change of similarity"))
        .footnote("One portrait proves nothing about people in general: see the audit.")
        .render()
}

fn single(photo: &RgbImage) -> RgbImage {
    Figure::new("Occlusion")
        .columns(["sensitivity", "share of the positive mass by region"])
        .row(Row::new("", [Cell::picture(photo.clone()).caption("25 × 25 patch, stride 14"), Cell::chart(shares())]))
        .colour_bar(ColourBar::new(Colormap::Viridis, 0.0, 0.42, "drop of the score"))
        .render()
}

fn shares() -> BarChart {
    BarChart::new(
        "",
        ["forehead and hair", "eyes", "nose", "mouth and chin", "neck and clothes", "elsewhere in the picture"],
    )
    .series(Series::new("share of the positive mass", [0.08, 0.41, 0.22, 0.12, 0.05, 0.12]).intervals([
        (0.05, 0.11),
        (0.33, 0.47),
        (0.2, 0.25),
        (0.1, 0.13),
        (0.01, 0.09),
        (0.1, 0.14),
    ]))
    .series(Series::new("share of the area", [0.25, 0.136, 0.08, 0.14, 0.22, 0.174]))
    .percent()
    .note("Error bars: 95 % interval over people.")
}

fn drops() -> BarChart {
    BarChart::new("Drop of the score", ["eyes", "nose", "missing", "background"])
        .series(Series::new("", [1.25, -0.4, f64::NAN, 0.0]))
}
