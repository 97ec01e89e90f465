//! Figures against the pictures in `fixtures/golden/report`, and rules that every figure keeps.

mod samples;

use std::path::{Path, PathBuf};

use eyebar_imaging::resize::resize;
use eyebar_imaging::{Limits, RgbImage, encode, open};
use eyebar_report::{BarChart, Cell, ColourBar, Figure, Row, Series};

/// Goldens are this wide, so that they stay small.
const GOLDEN_WIDTH: u32 = 640;
/// Mean difference in grey levels: rounding may differ between machines, a letter or an edge that moved may not.
const NEARLY_EQUAL: f64 = 0.05;
/// What no single pixel may differ by, in grey levels.
const NO_PIXEL_BEYOND: u8 = 12;
/// Every figure and chart keeps this many pixels around it white.
const WHITE_EDGE: u32 = 38;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn compare(found: &RgbImage, golden: &Path) -> Result<(), String> {
    let expected = open(golden, &Limits::default()).map_err(|error| error.to_string())?.image;
    if found.dimensions() != expected.dimensions() {
        return Err(format!("size {:?}, expected {:?}", found.dimensions(), expected.dimensions()));
    }
    let differences = || found.as_raw().iter().zip(expected.as_raw()).map(|(a, b)| a.abs_diff(*b));
    let mean = differences().map(f64::from).sum::<f64>() / found.as_raw().len() as f64;
    let worst = differences().max().unwrap_or(0);
    if mean > NEARLY_EQUAL || worst > NO_PIXEL_BEYOND {
        return Err(format!("differs by {mean:.3} on average, by {worst} at most"));
    }
    Ok(())
}

#[test]
fn figures_look_as_they_did() {
    let new = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("golden");
    let mut failures = Vec::new();
    for (name, picture) in samples::all(&samples::texture(1, 300)) {
        let height = (picture.height() * GOLDEN_WIDTH).div_ceil(picture.width());
        let small = resize(&picture, GOLDEN_WIDTH, height);
        let file = format!("{name}.png");
        if let Err(reason) = compare(&small, &repository().join("fixtures/golden/report").join(&file)) {
            std::fs::create_dir_all(&new).expect("a folder for new renderings");
            encode::save(&new.join(&file), &small).expect("the new rendering is saved");
            failures.push(format!("{name}: {reason}"));
        }
    }
    let (list, new) = (failures.join("\n"), new.display());
    assert!(failures.is_empty(), "{list}\nThe new renderings are in {new}; where they are right, copy them over.");
}

fn assert_white_edge(name: &str, picture: &RgbImage) {
    let (width, height) = picture.dimensions();
    let inside = |x, y| (WHITE_EDGE..width - WHITE_EDGE).contains(&x) && (WHITE_EDGE..height - WHITE_EDGE).contains(&y);
    let stray = picture.enumerate_pixels().find(|(x, y, pixel)| !inside(*x, *y) && pixel.0 != [255; 3]);
    assert!(stray.is_none(), "{name} draws into its margin at {stray:?}");
}

#[test]
fn nothing_reaches_into_the_margin() {
    for (name, picture) in samples::all(&samples::texture(2, 64)) {
        assert_white_edge(name, &picture);
    }
    let long = "Donaudampfschifffahrtsgesellschaftskapitän ".repeat(12);
    let bar = || ColourBar::new(eyebar_imaging::Colormap::Turbo, -1e-9, 123_456.7, long.as_str());
    for columns in [0, 1, 2, 9] {
        let cells = (0..columns).map(|i| match i % 4 {
            0 => Cell::picture(samples::texture(i, 1 + 40 * i)).caption(long.as_str()),
            1 => Cell::missing(long.as_str()),
            2 => Cell::chart(BarChart::new(&long, [&long, "b"]).series(Series::new(&long, [-1e9, 1e9])).note(&long)),
            _ => Cell::empty().caption(long.as_str()),
        });
        let figure = Figure::new(&long)
            .subtitle(&long)
            .columns(vec![long.as_str(); columns as usize])
            .row(Row::new(&long, cells).colour_bar(bar()))
            .colour_bar(bar())
            .footnote(&long)
            .render();
        assert!((1600..=2400).contains(&figure.width()), "{} wide", figure.width());
        assert_white_edge(&format!("{columns} columns"), &figure);
    }
}

#[test]
fn strange_content_is_drawn_without_a_panic() {
    let pictures = [(0, 0), (1, 1), (1, 3000), (3000, 1)];
    let cells = pictures.map(|(width, height)| Cell::picture(RgbImage::new(width, height)).crisp());
    let figure = Figure::new("").row(Row::new("", cells)).row(Row::new("", [])).render();
    assert_white_edge("odd sizes", &figure);
    assert_white_edge("nothing", &Figure::default().render());

    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, f64::MIN_POSITIVE];
    let odd = BarChart::new("odd", ["a", "b", "c", "d", "e", "f"])
        .series(Series::new("values", values).intervals([(f64::NAN, 1.0), (0.0, f64::INFINITY)]))
        .percent();
    for chart in [odd, BarChart::default(), BarChart::new("", ["no value"])] {
        assert_white_edge("chart", &chart.render(0));
    }
}
