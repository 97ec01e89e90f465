//! Draws landmarks, regions and all masks on the bundled portraits into the folder given (default `target/faces`).

use std::path::{Path, PathBuf};

use eyebar_face::{Detector, FacialRegions, Mask, MaskOptions, Placement, Region, aligned};
use eyebar_imaging::draw::Canvas;
use eyebar_imaging::resize::resize;
use eyebar_imaging::{Limits, Rgb, RgbImage, encode, open};

const COLOURS: [[u8; 3]; 8] = [
    [66, 133, 244],
    [234, 67, 53],
    [251, 188, 5],
    [52, 168, 83],
    [171, 71, 188],
    [0, 172, 193],
    [255, 112, 67],
    [120, 120, 120],
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("target/faces"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let detector = Detector::new(eyebar_network::onnx::read_file(&root.join("models/yunet.onnx"))?.graph)?;
    let masks = ["eye-bar", "eyes-nose", "face", "head", "blur", "blur:0.6", "pixelate", "noise"];
    for name in [
        "astronaut.png",
        "macron-2014.jpg",
        "macron-2025.jpg",
        "ardern-2018.jpg",
        "ardern-2022.jpg",
        "obama.jpg",
        "sunak.jpg",
    ] {
        let image = open(&root.join("fixtures/photos").join(name), &Limits::default())?.image;
        let faces = detector.detect(&image)?;
        let landmarks: Vec<_> = faces.iter().map(|face| face.landmarks).collect();
        let mut canvas = Canvas::from(image.clone());
        for face in &faces {
            canvas.outline(face.rect(), 2, [0, 255, 0]);
            for (x, y) in face.landmarks.points() {
                canvas.line((x - 3.0, y + 0.5), (x + 4.0, y + 0.5), 2.0, [255, 0, 0]);
            }
        }
        let mut tiles = vec![canvas.into_image()];
        for face in &landmarks {
            let regions = FacialRegions::new(face, image.width(), image.height())?;
            let mut tinted = image.clone();
            for (pixel, label) in tinted.pixels_mut().zip(regions.labels().data()) {
                let tint = COLOURS[Region::ALL.iter().position(|region| region == label).unwrap_or(7)];
                *pixel = Rgb(std::array::from_fn(|c| (u16::from(pixel.0[c]) / 2 + u16::from(tint[c]) / 2) as u8));
            }
            tiles.push(tinted);
        }
        for mask in masks {
            let mask: Mask = mask.parse()?;
            tiles.push(mask.apply(&image, Placement::Landmarks(&landmarks), &MaskOptions::default())?.image);
        }
        if let Some(face) = landmarks.first() {
            tiles.push(aligned(&image, face)?);
        }
        encode::save(&folder.join(Path::new(name).with_extension("png")), &sheet(&tiles))?;
    }
    println!("drawn into {}", folder.display());
    Ok(())
}

/// The pictures side by side, six in a row, each 300 pixels high.
fn sheet(tiles: &[RgbImage]) -> RgbImage {
    let width = tiles.first().map_or(1, |tile| 300 * tile.width() / tile.height());
    let mut canvas = Canvas::new(6 * width, 300 * tiles.len().div_ceil(6) as u32, [255; 3]);
    for (index, tile) in tiles.iter().enumerate() {
        let side = 300.min(width * tile.height() / tile.width());
        let tile = resize(tile, side * tile.width() / tile.height(), side);
        canvas.paste(&tile, (index as u32 % 6 * width) as i32, (index as i32 / 6) * 300);
    }
    canvas.into_image()
}
