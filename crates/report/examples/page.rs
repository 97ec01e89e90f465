//! Writes a report with made-up numbers to the file given (default `target/report.html`), to look at.

use std::path::{Path, PathBuf};

use eyebar_report::{KeyNumber, Page, Section, Table};

#[allow(dead_code)] // Shared with the tests, which use all of it.
#[path = "../tests/samples/mod.rs"]
mod samples;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let target = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("target/report.html"), PathBuf::from);
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/photos/astronaut.png");
    let photo = eyebar_imaging::open(&photo, &eyebar_imaging::Limits::default())?.image;
    let mut figures: std::collections::HashMap<_, _> = samples::all(&photo).into_iter().collect();
    let mut figure = |name| figures.remove(name).ok_or(format!("no sample {name}"));

    let regions = Table::new("Share of the positive mass by region, Grad-CAM at block5_conv3")
        .text("Region")
        .number("Mass", "%")
        .number("Area", "%")
        .number("Mass / area", "")
        .text("Reading")
        .row(["Forehead and hair", "8.1", "25.0", "0.32", "less than its part"])
        .row(["Eyes", "41.3", "13.6", "3.04", "three times its part: what a bar would hide"])
        .row(["Nose", "22.0", "8.0", "2.75", "more than its part"])
        .row(["Mouth and chin", "12.4", "14.0", "0.89", "its part"])
        .row(["Neck and clothes", "4.9", "22.0", "0.22", "less than its part"])
        .note("Made-up numbers. A ratio above 1 means that a region gets more than its part of the picture.");
    let masks = Table::new("What each mask leaves")
        .text("Mask")
        .text("Classifier’s top class")
        .number("Confidence", "%")
        .number("Similarity", "cosine")
        .number("Change", "")
        .row(["none", "military uniform", "38.1", "0.71", ""])
        .row(["eye-bar", "jersey, T-shirt, tee shirt", "8.2", "0.52", "−0.19"])
        .row(["face", "web site, website, internet site, site", "4.0", "0.03", "−0.68"])
        .row(["blur:0.5 <script>alert(1)</script>", "perfume", "6.1", "0.31", "−0.40"]);
    print!("{}\n{}", regions.to_text(), masks.to_text());

    let page = Page::new("What a CNN sees in a face, and what a mask really hides")
        .lead("One portrait, four networks, four questions: what the filters detect, where the networks look, what changes when a part is covered, and **whether a mask stops a recogniser**.")
        .lead("All numbers on this page are made up: it shows what a report looks like.")
        .summary(
            Section::default()
                .numbers([
                    KeyNumber::new("0.52", "similarity behind the eye bar").detail("threshold of the recogniser: 0.363"),
                    KeyNumber::new("−0.19", "change by the eye bar").detail("from 0.71 without a mask"),
                    KeyNumber::new("41 %", "of the attention on the eyes").detail("13.6 % of the area"),
                    KeyNumber::new("23.4 s", "for everything"),
                ])
                .finding("Behind a black bar over the eyes the recogniser **still takes both photos for the same person**. See [masks](#masks)."),
        )
        .section(
            Section::new("What do the filters detect?")
                .anchor("filters")
                .paragraph("Gradient ascent on the input of `vgg16`, from noise, shows what excites one filter most. Early filters answer to colours and edges, later ones to textures and parts.")
                .figure(figure("filters")?, "Three rows of eight pictures: edges, textures, and object parts.", "What excites eight filters in each of three layers. A filter that does not rise is called **dead** and is not drawn.")
                .list(["`block1_conv2` sees 5 × 5 pixels: edges and colours.", "`block3_conv3` sees 40 × 40 pixels: textures."])
                .code("eyebar filters --layer block3_conv3 --filters 0..8"),
        )
        .section(
            Section::new("Where does the network look?")
                .paragraph("The **training domain** decides: an object classifier looks for objects, a face embedder at the face.")
                .figure(figure("cam")?, "Heat maps over a portrait: the classifier’s lies on the suit, the embedder’s on the face.", "Grad-CAM at two depths, for two networks.")
                .table(&regions)
                .figure(figure("shares")?, "Bars: eyes 41 % of the mass, nose 22 %, others below 13 %.", "The same as bars.")
                .caution("A map shows what the score reacts to, **not why**. One portrait proves nothing about people in general."),
        )
        .section(
            Section::new("Is masking the eyes enough?")
                .anchor("masks")
                .paragraph("The classifier’s confidence falls, but that is the wrong measure: what counts is the similarity to **another** photo of the same person.")
                .figure(figure("masks")?, "The portrait without a mask and behind five masks.", "Masks placed by landmarks.")
                .table(&masks)
                .subheading("What this cannot show")
                .paragraph("How often a person is found among many: for that, run `eyebar audit` on a data set."),
        )
        .footer([
            ("Version", "eyebar 0.1.0"),
            ("Command", "eyebar demo --out workshop --threads 2 --seed 0"),
            ("Model sface", "sha256 9f2e1c0b5a7d48e6f3b2a1908c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d"),
            ("Model vgg16", "sha256 0b5a7d48e6f3b2a1908c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d9f2e1c"),
        ]);
    let html = page.render()?;
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder)?;
    }
    eyebar_imaging::encode::write_atomic(&target, html.as_bytes())?;
    println!("{} bytes written to {}", html.len(), target.display());
    Ok(())
}
