//! What the measures of quality are for many photographs, as they are and blurred: what the limits were chosen by.
//!
//! `cargo run --release -p eyebar-face --example quality -- LFW/*/*_0001.jpg`

use std::error::Error;
use std::path::Path;

use eyebar_face::quality::Quality;
use eyebar_face::{Detector, aligned, detect::nearest_centre};
use eyebar_imaging::{Limits, RgbImage, blur::gaussian, open};

fn main() -> Result<(), Box<dyn Error>> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let detector = Detector::new(eyebar_network::onnx::read_file(&models.join("yunet.onnx"))?.graph)?;
    let mut measured: Vec<(f32, Vec<Quality>)> = [0.0, 0.05, 0.1, 0.2].map(|sigma| (sigma, Vec::new())).into();
    for path in std::env::args().skip(1) {
        let image: RgbImage = open(Path::new(&path), &Limits::default())?.image;
        let faces = detector.detect(&image)?;
        let Some(face) = nearest_centre(&faces, image.width(), image.height()) else { continue };
        for (sigma, all) in &mut measured {
            let blurred =
                if *sigma > 0.0 { gaussian(&image, *sigma * face.landmarks.eye_distance()) } else { image.clone() };
            all.push(Quality::measure(&aligned(&blurred, &face.landmarks)?, &face.landmarks)?);
        }
    }
    println!(
        "{:14} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "blur, measure", "1 %", "5 %", "25 %", "50 %", "75 %", "99 %"
    );
    for (sigma, all) in &measured {
        let show = |name: &str, pick: fn(&Quality) -> f32| {
            let mut values: Vec<f32> = all.iter().map(pick).collect();
            values.sort_by(f32::total_cmp);
            let at = |percent: usize| values[(values.len() * percent / 100).min(values.len() - 1)];
            let shares = [1, 5, 25, 50, 75, 99].map(|percent| format!("{:8.3}", at(percent))).join(" ");
            println!("{sigma:.2} {name:9} {shares}");
        };
        show("sharpness", |quality| quality.sharpness);
        if *sigma == 0.0 {
            show("eyes", |quality| quality.eye_distance);
            show("|turn|", |quality| quality.turn.abs());
            show("nod", |quality| quality.nod);
        }
        let refused = all.iter().filter(|quality| !quality.faults().is_empty()).count();
        println!("{sigma:.2} refused   {:8.3}", refused as f64 / all.len().max(1) as f64);
    }
    Ok(())
}
