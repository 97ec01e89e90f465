//! Text in the bundled DejaVu Sans (Latin-1, Latin Extended-A, symbols of formulas): measuring, wrapping, drawing.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};

use crate::draw::Colour;

static REGULAR: LazyLock<FontRef<'static>> =
    LazyLock::new(|| FontRef::try_from_slice(include_bytes!("../assets/DejaVuSans.subset.ttf")).expect("bundled font"));
static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("../assets/DejaVuSans-Bold.subset.ttf")).expect("bundled font")
});

const ELLIPSIS: char = '…';

/// Which end of the text is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Align {
    /// The left end.
    #[default]
    Left,
    /// The middle.
    Centre,
    /// The right end.
    Right,
}

/// Size, weight and colour of text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextStyle {
    /// Height of the em square in pixels.
    pub size: f32,
    /// Bold rather than regular.
    pub bold: bool,
    /// Colour of the letters.
    pub colour: Colour,
}

impl TextStyle {
    /// Regular text of `size` pixels.
    pub const fn new(size: f32, colour: Colour) -> Self {
        Self { size, bold: false, colour }
    }

    /// Bold text of `size` pixels.
    pub const fn bold(size: f32, colour: Colour) -> Self {
        Self { size, bold: true, colour }
    }

    /// Distance from one line's top to the next one's, in pixels.
    pub fn line_height(&self) -> f32 {
        (self.size * 1.3).round()
    }

    /// Width of `text` on one line, in pixels.
    pub fn width(&self, text: &str) -> f32 {
        walk(text, self, |_, _| {})
    }

    /// `text`, or as much of its beginning as fits into `max_width` pixels with an ellipsis.
    pub fn ellipsise(&self, text: &str, max_width: f32) -> String {
        if self.width(text) <= max_width {
            return text.to_string();
        }
        let cut = |end: usize| format!("{}{ELLIPSIS}", text[..end].trim_end());
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let fitting = ends.partition_point(|&end| self.width(&cut(end)) <= max_width);
        cut(ends.get(fitting.saturating_sub(1)).copied().unwrap_or(0))
    }

    /// `text` broken at spaces (and at its own line breaks) into lines of at most `max_width` pixels; words that are
    /// too long are broken anywhere. No-break spaces hold, and so does the space before a per cent sign. What does not
    /// fit into `max_lines` ends in an ellipsis.
    pub fn wrap(&self, text: &str, max_width: f32, max_lines: usize) -> Vec<String> {
        let mut lines: Vec<String> = text.lines().flat_map(|line| self.wrap_line(line, max_width)).collect();
        if lines.len() > max_lines {
            let rest = lines.split_off(max_lines);
            if let (Some(last), Some(next)) = (lines.last_mut(), rest.first()) {
                let longer = format!("{last} {next}");
                let cut = self.ellipsise(&longer, max_width);
                *last = if cut == longer { self.ellipsise(&format!("{longer}{ELLIPSIS}"), max_width) } else { cut };
            }
        }
        lines
    }

    fn wrap_line(&self, text: &str, max_width: f32) -> Vec<String> {
        let mut lines = vec![String::new()];
        let text = text.replace(" %", "\u{A0}%");
        for word in text.split([' ', '\t']).filter(|word| !word.is_empty()) {
            let last = lines.last_mut().expect("starts with one line");
            let joined = if last.is_empty() { word.to_string() } else { format!("{last} {word}") };
            if self.width(&joined) <= max_width {
                *last = joined;
                continue;
            }
            if !last.is_empty() {
                lines.push(String::new());
            }
            for letter in word.chars() {
                let last = lines.last_mut().expect("starts with one line");
                last.push(letter);
                if self.width(last) > max_width && last.chars().nth(1).is_some() {
                    last.pop();
                    lines.push(letter.to_string());
                }
            }
        }
        lines
    }

    fn font(&self) -> &'static FontRef<'static> {
        if self.bold { &BOLD } else { &REGULAR }
    }

    /// The library measures fonts from the highest to the lowest point; people say the em.
    fn scale(&self) -> PxScale {
        let font = self.font();
        PxScale::from(self.size * font.height_unscaled() / font.units_per_em().unwrap_or(2048.0))
    }
}

/// Calls `visit` with each glyph and its pen position, and returns the width.
fn walk(text: &str, style: &TextStyle, mut visit: impl FnMut(ab_glyph::GlyphId, f32)) -> f32 {
    let font = style.font().as_scaled(style.scale());
    let mut pen = 0.0;
    let mut previous = None;
    for letter in text.chars() {
        let letter = if letter.is_whitespace() || letter.is_control() { ' ' } else { letter };
        let mut glyph = font.glyph_id(letter);
        if glyph.0 == 0 {
            glyph = font.glyph_id('\u{FFFD}');
        }
        if let Some(before) = previous {
            pen += font.kern(before, glyph);
        }
        visit(glyph, pen);
        pen += font.h_advance(glyph);
        previous = Some(glyph);
    }
    pen
}

/// Calls `paint` with each pixel of `text` and how much of it the letters cover.
pub(crate) fn layout(text: &str, x: f32, y: f32, style: &TextStyle, mut paint: impl FnMut(i64, i64, f32)) {
    if !(x.is_finite() && y.is_finite() && style.size > 0.0 && style.size.is_finite()) {
        return;
    }
    let font = style.font();
    let scale = style.scale();
    let scaled = font.as_scaled(scale);
    // The letters are centred in the line box; whole pixels keep base lines crisp.
    let baseline = (y + (style.line_height() - scaled.height()) / 2.0 + scaled.ascent()).round();
    walk(text, style, |glyph, pen| {
        let placed = glyph.with_scale_and_position(scale, point(x + pen, baseline));
        if let Some(outline) = font.outline_glyph(placed) {
            let corner = outline.px_bounds().min;
            outline
                .draw(|px, py, value| paint(corner.x as i64 + i64::from(px), corner.y as i64 + i64::from(py), value));
        }
    });
}
