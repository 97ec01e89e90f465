//! What was shown.

use eyebar_face::{MaskOptions, Placement};
use eyebar_report::{Cell, Figure, Row, Section};

use super::super::AuditResult;
use super::super::present::percent;
use crate::error::Error;
use crate::scene::{Faces, Photo};

/// One photograph behind each mask.
pub(super) fn examples(result: &AuditResult, example: &Photo) -> Result<Section, Error> {
    const ACROSS: usize = 4;
    let (face, _) = Faces::new().among(example)?;
    let options = MaskOptions { seed: result.seed, ..MaskOptions::default() };
    let mut cells = Vec::new();
    for shown in &result.shown {
        let image = match shown.mask() {
            None => (*example.image).clone(),
            Some(mask) => mask.apply(&example.image, Placement::Landmarks(&[face.landmarks]), &options)?.image,
        };
        let found = result.verdicts.iter().find(|verdict| verdict.mask == shown.to_string());
        let found = found.map_or_else(String::new, |verdict| format!("{} found", percent(verdict.rank1)));
        cells.push(Cell::picture(image).caption(format!("{shown}\n{found}")));
    }
    let mut figure = Figure::new("The masks");
    let mut cells = cells.into_iter().peekable();
    while cells.peek().is_some() {
        let mut row: Vec<Cell> = cells.by_ref().take(ACROSS).collect();
        row.resize_with(ACROSS, Cell::empty);
        figure = figure.row(Row::new("", row));
    }
    Ok(Section::new("What was shown").anchor("masks").figure(
        figure.footnote("Found: share of photographs whose person comes first, worst case."),
        "One photograph behind each mask.",
        "Masks are placed by the landmarks of the face, and measured in distances between the eyes.",
    ))
}
