//! Draws one figure of each kind into the folder given (default `target/figures`), to look at.

use std::path::{Path, PathBuf};

#[path = "../tests/samples/mod.rs"]
mod samples;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("target/figures"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/photos/astronaut.png");
    let photo = eyebar_imaging::open(&photo, &eyebar_imaging::Limits::default())?.image;
    for (name, picture) in samples::all(&photo) {
        eyebar_imaging::encode::save(&folder.join(format!("{name}.png")), &picture)?;
    }
    println!("drawn into {}", folder.display());
    Ok(())
}
