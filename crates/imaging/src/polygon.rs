//! Filled polygons with exact pixel coverage.

use ab_glyph_rasterizer::{Point, Rasterizer, point};

/// The share of each pixel that lies inside the polygon, for the part of the picture that it touches.
pub(crate) struct Coverage {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) values: Vec<f32>,
}

/// Rasterises a simple polygon clipped to `width` × `height`; pixel (x, y) covers x..x+1, y..y+1. `None` when nothing
/// of it can be seen.
pub(crate) fn coverage(points: &[(f32, f32)], width: u32, height: u32) -> Option<Coverage> {
    if points.iter().any(|(x, y)| !(x.is_finite() && y.is_finite())) {
        return None;
    }
    let mut inside: Vec<Point> = points.iter().map(|&(x, y)| point(x, y)).collect();
    for (horizontal, limit, sign) in
        [(true, 0.0, 1.0), (true, width as f32, -1.0), (false, 0.0, 1.0), (false, height as f32, -1.0)]
    {
        inside = clip(&inside, horizontal, limit, sign);
    }
    if inside.len() < 3 {
        return None;
    }
    let bound =
        |pick: fn(&Point) -> f32, fold: fn(f32, f32) -> f32, start: f32| inside.iter().map(pick).fold(start, fold);
    let (left, top) = (bound(|p| p.x, f32::min, f32::MAX).floor(), bound(|p| p.y, f32::min, f32::MAX).floor());
    let (right, bottom) = (bound(|p| p.x, f32::max, 0.0).ceil(), bound(|p| p.y, f32::max, 0.0).ceil());
    let (columns, rows) = ((right - left) as usize, (bottom - top) as usize);
    if columns == 0 || rows == 0 {
        return None;
    }
    let mut rasterizer = Rasterizer::new(columns, rows);
    for (index, &from) in inside.iter().enumerate() {
        let to = inside[(index + 1) % inside.len()];
        rasterizer.draw_line(point(from.x - left, from.y - top), point(to.x - left, to.y - top));
    }
    let mut values = vec![0.0; columns * rows];
    rasterizer.for_each_pixel(|index, value| {
        if let Some(slot) = values.get_mut(index) {
            *slot = value.abs().min(1.0);
        }
    });
    Some(Coverage { x: left as u32, y: top as u32, width: columns as u32, values })
}

/// Sutherland–Hodgman: what of the polygon lies on the side `sign` of a vertical (`horizontal` axis) or horizontal line.
fn clip(points: &[Point], horizontal: bool, limit: f32, sign: f32) -> Vec<Point> {
    let distance = |p: &Point| sign * (if horizontal { p.x } else { p.y } - limit);
    let mut out = Vec::with_capacity(points.len() + 2);
    for (index, &to) in points.iter().enumerate() {
        let from = points[(index + points.len() - 1) % points.len()];
        let (before, after) = (distance(&from), distance(&to));
        if (before < 0.0) != (after < 0.0) {
            let t = before / (before - after);
            let (x, y) = (from.x + t * (to.x - from.x), from.y + t * (to.y - from.y));
            // On the line exactly, whatever rounding did.
            out.push(if horizontal { point(limit, y) } else { point(x, limit) });
        }
        if after >= 0.0 {
            out.push(to);
        }
    }
    out
}
