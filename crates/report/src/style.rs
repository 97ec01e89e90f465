//! The look that all figures share: colours, sizes in pixels, and blocks of text.

use eyebar_imaging::Canvas;
use eyebar_imaging::draw::Colour;
use eyebar_imaging::text::{Align, TextStyle};

pub(crate) const PAPER: Colour = [255, 255, 255];
pub(crate) const INK: Colour = [28, 32, 38];
pub(crate) const MUTED: Colour = [95, 102, 112];
pub(crate) const HAIRLINE: Colour = [205, 209, 215];
pub(crate) const GRID: Colour = [230, 233, 237];
pub(crate) const PLACEHOLDER: Colour = [244, 245, 247];
/// Colours of the series of a chart (Okabe & Ito 2008, safe for colour-blind readers); the second stands back.
pub(crate) const SERIES: [Colour; 4] = [[0, 114, 178], [176, 183, 192], [213, 94, 0], [0, 158, 115]];
/// Colours of lines, from the same palette.
pub(crate) const LINES: [Colour; 7] =
    [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [230, 159, 0], [70, 70, 70]];

pub(crate) const MARGIN: u32 = 64;
pub(crate) const TITLE: TextStyle = TextStyle::bold(46.0, INK);
pub(crate) const SUBTITLE: TextStyle = TextStyle::new(29.0, MUTED);
pub(crate) const HEADER: TextStyle = TextStyle::bold(27.0, INK);
pub(crate) const FOOTNOTE: TextStyle = TextStyle::new(23.0, MUTED);
pub(crate) const TICK: TextStyle = TextStyle::new(21.0, MUTED);
pub(crate) const LABEL: TextStyle = TextStyle::new(24.0, INK);

/// Lines of one style, already broken to fit.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) lines: Vec<(String, TextStyle)>,
}

impl Block {
    /// `text` broken to `width` pixels, at most `max_lines` lines.
    pub(crate) fn new(text: &str, style: TextStyle, width: f32, max_lines: usize) -> Self {
        Self { lines: style.wrap(text, width, max_lines).into_iter().map(|line| (line, style)).collect() }
    }

    /// Each line of `text` broken to `width` pixels, at most three lines each; the first in `first`, further ones in
    /// `rest`.
    pub(crate) fn lead(text: &str, first: TextStyle, rest: TextStyle, width: f32) -> Self {
        let styled = text.lines().enumerate().map(|(index, line)| (line, if index == 0 { first } else { rest }));
        Self { lines: styled.flat_map(|(line, style)| Self::new(line, style, width, 3).lines).collect() }
    }

    pub(crate) fn height(&self) -> f32 {
        self.lines.iter().map(|(_, style)| style.line_height()).sum()
    }

    pub(crate) fn width(&self) -> f32 {
        self.lines.iter().map(|(line, style)| style.width(line)).fold(0.0, f32::max)
    }

    /// Draws the lines from `y` down and returns where they end.
    pub(crate) fn draw(&self, canvas: &mut Canvas, x: f32, mut y: f32, align: Align) -> f32 {
        for (line, style) in &self.lines {
            canvas.text(line, x, y, style, align);
            y += style.line_height();
        }
        y
    }
}
