//! How a map spreads over the regions of a picture: the fixed bands of a whole photograph, and the parts of the face where
//! one was found.

use eyebar_explain::evaluate::{Region, Share, shares, workshop_bands};
use eyebar_face::FacialRegions;
use eyebar_report::{BarChart, Series, Table};
use eyebar_tensor::Tensor;
use serde::Serialize;

use crate::error::Error;
use crate::scene::Scene;

/// The part of a map that lies on a region.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RegionShare {
    /// `bands` (fixed parts of the picture) or `face` (by landmarks).
    pub kind: &'static str,
    /// Name of the region.
    pub region: String,
    /// Share of the positive mass, 0 to 1; nothing where the map has none.
    pub mass: Option<f64>,
    /// Share of the area, 0 to 1.
    pub area: f64,
    /// `mass / area`: above 1 where the region gets more than its part.
    pub ratio: Option<f64>,
}

/// Shares of `map`, which spans the scene's canvas; empty for an array, which has no canvas. The fixed bands are those of
/// a portrait with hair, neck and clothes: an aligned face has none of these, so it gets none of them.
pub(crate) fn region_shares(map: &Tensor, scene: &Scene) -> Result<Vec<RegionShare>, Error> {
    let Some(canvas) = &scene.canvas else { return Ok(Vec::new()) };
    let (width, height) = canvas.dimensions();
    let mut rows = Vec::new();
    if !scene.aligned {
        let bands = workshop_bands(height as usize, width as usize);
        rows.extend(shares(map, &bands)?.into_iter().map(|share| row("bands", share)));
    }
    if let Some(landmarks) = &scene.landmarks {
        let regions: Vec<_> = FacialRegions::new(landmarks, width, height)?
            .masks()
            .into_iter()
            .map(|region| Region { name: region.name.to_owned(), mask: region.mask })
            .collect();
        rows.extend(shares(map, &regions)?.into_iter().map(|share| row("face", share)));
    }
    Ok(rows)
}

fn row(kind: &'static str, share: Share) -> RegionShare {
    RegionShare { kind, region: share.region, mass: share.mass, area: share.area, ratio: share.ratio }
}

/// The rows of one kind as a table.
pub(crate) fn table(title: &str, rows: &[RegionShare], kind: &str) -> Option<Table> {
    let rows: Vec<_> = rows.iter().filter(|row| row.kind == kind).collect();
    let mut table = Table::new(title).text("Region").number("Mass", "%").number("Area", "%").number("Mass / area", "");
    if rows.is_empty() {
        return None;
    }
    for row in rows {
        let percent = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{:.1}", 100.0 * v));
        let ratio = row.ratio.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"));
        table = table.row([row.region.clone(), percent(row.mass), percent(Some(row.area)), ratio]);
    }
    Some(
        table.note(
            "Mass: share of the positive part of the map. Above 1, a region gets more than its part of the picture.",
        ),
    )
}

/// The best rows there are (the face's, or else the bands) as a chart.
pub(crate) fn chart(rows: &[RegionShare]) -> Option<BarChart> {
    let is_face = rows.iter().any(|row| row.kind == "face");
    titled_chart(if is_face { "Parts of the face" } else { "Fixed bands of a portrait" }, rows)
}

/// The same under another title.
pub(crate) fn titled_chart(title: &str, rows: &[RegionShare]) -> Option<BarChart> {
    let kind = if rows.iter().any(|row| row.kind == "face") { "face" } else { "bands" };
    let rows: Vec<_> = rows.iter().filter(|row| row.kind == kind).collect();
    if rows.is_empty() || rows.iter().any(|row| row.mass.is_none()) {
        return None;
    }
    Some(
        BarChart::new(title, rows.iter().map(|row| row.region.clone()))
            .series(Series::new("share of the map", rows.iter().filter_map(|row| row.mass)))
            .series(Series::new("share of the area", rows.iter().map(|row| row.area)))
            .percent(),
    )
}
