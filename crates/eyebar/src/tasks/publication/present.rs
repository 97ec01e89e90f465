//! Tables, and a figure for each face.

use eyebar_imaging::{Colormap, RgbImage};
use eyebar_report::{Cell, ColourBar, Figure, KeyNumber, Page, Row, Section, Table};

use super::{PublicationResult, PublishedFace, PublishedPhoto, ShownFace};
use crate::error::Error;
use crate::target::file_name;

impl PublishedFace {
    fn name(&self) -> String {
        self.person.as_ref().map_or_else(|| "nobody in the gallery".to_owned(), ToString::to_string)
    }
}

fn similarity(shown: &ShownFace) -> String {
    shown.similarity.map_or_else(|| "–".to_owned(), |similarity| format!("{similarity:.3}"))
}

fn answer(shown: &ShownFace) -> String {
    if shown.recognised { "recognised" } else { "not recognised" }.to_owned()
}

impl PublicationResult {
    /// For each photograph its faces behind each mask, what would do, and the metadata that was left out.
    pub fn tables(&self) -> Vec<Table> {
        self.photos.iter().flat_map(|photo| self.photo_tables(photo)).collect()
    }

    fn photo_tables(&self, photo: &PublishedPhoto) -> Vec<Table> {
        let name = file_name(&photo.photo);
        let mut table = Table::new(format!("Who could be looked up with {name}?"))
            .number("Face", "")
            .text("Shows")
            .text("Mask")
            .number("Rank", "")
            .number("Similarity", "")
            .text("Decision")
            .text("Comes first")
            .text("Detected")
            .number("SSIM", "");
        for face in &photo.faces {
            for shown in &face.shown {
                table = table.row([
                    face.place.to_string(),
                    face.name(),
                    shown.mask.clone(),
                    shown.rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string()),
                    similarity(shown),
                    if face.person.is_some() { answer(shown) } else { "–".to_owned() },
                    shown.first.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string),
                    if shown.detected { "yes" } else { "no" }.to_owned(),
                    shown.ssim.map_or_else(|| "–".to_owned(), |ssim| format!("{ssim:.3}")),
                ]);
            }
        }
        let mut tables = vec![table.note(format!(
            "{} Rank among {} people. Others may have photographs that are more alike, and attackers who learn: see `eyebar \
             audit DATASET`.",
            self.rule.describe(),
            self.subjects
        ))];
        if !photo.refused.is_empty() {
            let table = Table::new(format!("Masks that were not put on {name}")).text("Why");
            tables.push(photo.refused.iter().fold(table, |table, reason| table.row([reason.clone()])));
        }
        if !photo.smallest.is_empty() {
            let mut table =
                Table::new(format!("The weakest mask that would do for {name}")).text("Family").text("Mask");
            for smallest in &photo.smallest {
                let mask = smallest.mask.clone().unwrap_or_else(|| "none that was tried".to_owned());
                table = table.row([smallest.family.to_owned(), mask]);
            }
            tables.push(table.note("Behind it nobody on the photograph is recognised at the threshold."));
        }
        if !photo.metadata.is_empty() {
            let mut table = Table::new(format!("Metadata in {name}")).text("Left out of what is written");
            for item in &photo.metadata {
                table = table.row([item.clone()]);
            }
            tables.push(table.note("The file itself still has it: publish what was written, not the original."));
        }
        tables
    }

    /// A report in one HTML file.
    ///
    /// # Errors
    /// When a picture cannot be drawn.
    pub fn page(&self) -> Result<String, Error> {
        let faces = || self.photos.iter().flat_map(|photo| &photo.faces);
        let known = faces().filter(|face| face.person.is_some()).count();
        let page = Page::new("Who could be looked up?")
            .lead(format!(
                "{} photographs with {} faces, each shown to a gallery of {} people, without a mask and behind each.",
                self.photos.len(),
                faces().count(),
                self.subjects
            ))
            .summary(Section::default().numbers([
                KeyNumber::new(known.to_string(), "faces of people in the gallery"),
                KeyNumber::new(self.recognised().to_string(), "of them recognised behind some mask"),
            ]));
        let section = |photo: &PublishedPhoto| {
            let mut section = Section::new(file_name(&photo.photo));
            for (index, face) in photo.faces.iter().enumerate() {
                if face.person.is_none() {
                    section = section.paragraph(format!("Face {}: the gallery does not know it.", face.place));
                    continue;
                }
                let caption = format!("Face {}: {}.", face.place, eyebar_report::html::literal(&face.name()));
                section = section.figure(self.figure(photo, index), "The face behind each mask.", caption);
            }
            self.photo_tables(photo).iter().fold(section, |section, table| section.table(table))
        };
        let page = self.photos.iter().map(section).fold(page, Page::section);
        Ok(page.footer([("Eyebar", env!("CARGO_PKG_VERSION")), ("Model", &self.model)]).render()?)
    }

    /// Faces that are recognised behind some mask.
    fn recognised(&self) -> usize {
        let faces = self.photos.iter().flat_map(|photo| &photo.faces);
        faces.filter(|face| face.shown.iter().any(|shown| shown.mask != "none" && shown.recognised)).count()
    }

    /// A face without a mask and behind each: the photograph, and what still makes it like the person.
    pub fn figure(&self, photo: &PublishedPhoto, face: usize) -> RgbImage {
        const ACROSS: usize = 5;
        let face = &photo.faces[face];
        let mut figure = Figure::new(format!("{}: {}", file_name(&photo.photo), face.name())).subtitle(format!(
            "Similarity to the person in the gallery; recognised from {:.3} on",
            self.rule.threshold
        ));
        let cells: Vec<Cell> = face
            .shown
            .iter()
            .map(|shown| {
                let caption = match face.person {
                    Some(_) => format!("{}\n{}, {}", shown.mask, similarity(shown), answer(shown)),
                    None => shown.mask.clone(),
                };
                match shown.map.as_ref().and_then(|map| map.overlay(Colormap::Turbo)) {
                    Some(overlay) => Cell::picture(overlay).caption(caption),
                    None => Cell::missing("the gallery does not know the face").caption(caption),
                }
            })
            .collect();
        let mut cells = cells.into_iter().peekable();
        while cells.peek().is_some() {
            let mut row: Vec<Cell> = cells.by_ref().take(ACROSS).collect();
            row.resize_with(ACROSS, Cell::empty);
            figure = figure.row(Row::new("", row));
        }
        figure
            .colour_bar(ColourBar::new(
                Colormap::Turbo,
                0.0,
                1.0,
                "what makes the face like the person, share of each map's maximum",
            ))
            .footnote("The aligned face; occlusion sensitivity of the similarity (Zeiler and Fergus 2014).")
            .render()
    }
}
