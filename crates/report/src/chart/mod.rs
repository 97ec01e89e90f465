//! Charts: bars for amounts side by side, lines for what changes along an axis.

mod bar;
mod line;

pub use bar::{BarChart, Series};
pub use line::{Line, LineChart};

use eyebar_imaging::{Canvas, RgbImage};

use crate::number::short;
use crate::style::PAPER;

/// A chart of either kind.
#[derive(Debug, Clone)]
pub enum Chart {
    /// Bars.
    Bars(BarChart),
    /// Lines.
    Lines(LineChart),
}

impl Chart {
    pub(crate) fn render_tight(&self, width: u32) -> RgbImage {
        match self {
            Self::Bars(chart) => chart.render_tight(width),
            Self::Lines(chart) => chart.render_tight(width),
        }
    }
}

impl From<BarChart> for Chart {
    fn from(chart: BarChart) -> Self {
        Self::Bars(chart)
    }
}

impl From<LineChart> for Chart {
    fn from(chart: LineChart) -> Self {
        Self::Lines(chart)
    }
}

/// Margin of a chart that stands alone.
const FRAME: u32 = 40;

/// A chart on white with a margin, `width` pixels wide; `tight` draws it without one.
fn framed(width: u32, tight: impl FnOnce(u32) -> RgbImage) -> RgbImage {
    let inner = tight(width.saturating_sub(2 * FRAME));
    let mut canvas = Canvas::new(inner.width() + 2 * FRAME, inner.height() + 2 * FRAME, PAPER);
    canvas.paste(&inner, FRAME as i32, FRAME as i32);
    canvas.into_image()
}

/// A tick's number.
fn tick_text(value: f64, percent: bool) -> String {
    if percent { format!("{} %", short(100.0 * value)) } else { short(value) }
}
