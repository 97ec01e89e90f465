//! Colour bars, upright beside a row or lying below the grid.

use eyebar_imaging::text::Align;
use eyebar_imaging::{Canvas, Rect};

use super::ColourBar;
use crate::number::short;
use crate::style::{Block, HAIRLINE, LABEL, TICK};

/// Thickness of a bar in pixels.
const THICKNESS: u32 = 26;
/// Room that an upright bar takes beside its row.
pub(super) const UPRIGHT_WIDTH: f32 = 180.0;
const LYING_LENGTH: u32 = 560;

impl ColourBar {
    fn stops(&self) -> [(f32, String); 3] {
        let at = |t: f64| (t as f32, short(self.min + t * (self.max - self.min)));
        [at(0.0), at(0.5), at(1.0)]
    }

    /// Draws the bar upright, its label above it, within `top..top + height`.
    pub(super) fn draw_upright(&self, canvas: &mut Canvas, x: f32, top: f32, height: f32) {
        let label = Block::new(&self.label, TICK, UPRIGHT_WIDTH, 3);
        let start = label.draw(canvas, x, top, Align::Left) + if label.lines.is_empty() { 0.0 } else { 8.0 };
        let length = (top + height - start).max(0.0) as u32;
        for row in 0..length {
            let t = 1.0 - (row as f32 + 0.5) / length as f32;
            canvas.fill_rect(Rect::new(x as i32, start as i32 + row as i32, THICKNESS, 1), self.colormap.colour(t));
        }
        canvas.outline(Rect::new(x as i32, start as i32, THICKNESS, length), 1, HAIRLINE);
        let room = (length as f32 - TICK.line_height()).max(0.0);
        for (t, text) in self.stops() {
            let y = start + (1.0 - t) * room;
            canvas.text(&text, x + THICKNESS as f32 + 8.0, y, &TICK, Align::Left);
        }
    }

    /// Height of [`Self::draw_lying`].
    pub(super) fn lying_height() -> f32 {
        THICKNESS as f32 + 6.0 + TICK.line_height()
    }

    /// Draws the bar lying, with its label at its left: centred about `centre` as far as `left..left + width` allows.
    pub(super) fn draw_lying(&self, canvas: &mut Canvas, centre: f32, top: f32, left: f32, width: f32) {
        let length = LYING_LENGTH.min((width * 0.5) as u32);
        let label = LABEL.ellipsise(&self.label, width - length as f32 - 24.0);
        let label_width = if label.is_empty() { 0.0 } else { LABEL.width(&label) + 20.0 };
        let total = label_width + length as f32;
        let start = (centre - total / 2.0).min(left + width - total).max(left);
        canvas.text(&label, start, top + (THICKNESS as f32 - LABEL.line_height()) / 2.0, &LABEL, Align::Left);
        let (x, y) = ((start + label_width).round() as i32, top as i32);
        for column in 0..length {
            let t = (column as f32 + 0.5) / length as f32;
            canvas.fill_rect(Rect::new(x + column as i32, y, 1, THICKNESS), self.colormap.colour(t));
        }
        canvas.outline(Rect::new(x, y, length, THICKNESS), 1, HAIRLINE);
        for ((t, text), align) in self.stops().into_iter().zip([Align::Left, Align::Centre, Align::Right]) {
            canvas.text(&text, x as f32 + t * length as f32, top + THICKNESS as f32 + 6.0, &TICK, align);
        }
    }
}
