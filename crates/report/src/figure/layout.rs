//! Where the parts of a figure go, and drawing them there.

use eyebar_imaging::resize::{Filter, resize_with};
use eyebar_imaging::text::{Align, TextStyle};
use eyebar_imaging::{Canvas, Rect, RgbImage};

use super::bar::UPRIGHT_WIDTH;
use super::{Cell, ColourBar, Content, Figure, Row};
use crate::style::{Block, FOOTNOTE, HAIRLINE, HEADER, INK, LABEL, MARGIN, MUTED, PAPER, PLACEHOLDER, SUBTITLE, TITLE};

const MIN_WIDTH: f32 = 1600.0;
const MAX_WIDTH: f32 = 2400.0;
/// What a cell would like to be wide, and may be at most.
const CELL: f32 = 420.0;
const WIDEST_CELL: f32 = 620.0;
/// A cell is at most this many times as high as wide.
const TALLEST: f32 = 1.5;
const LABEL_WIDTH: f32 = 250.0;
const GAP: f32 = 28.0;
const ROW_GAP: f32 = 40.0;

/// The measured figure.
pub(super) struct Layout {
    width: f32,
    height: f32,
    title: Block,
    subtitle: Block,
    headers: Vec<Block>,
    footnotes: Vec<Block>,
    rows: Vec<MeasuredRow>,
    labels: f32,
    cell: f32,
    left: f32,
}

struct MeasuredRow {
    label: Block,
    cells: Vec<MeasuredCell>,
    picture_height: f32,
    caption_height: f32,
    has_chart: bool,
}

struct MeasuredCell {
    /// The picture at its final size; none for empty and missing cells.
    picture: Option<RgbImage>,
    caption: Block,
}

impl Layout {
    pub(super) fn new(figure: &Figure) -> Self {
        let columns = figure.rows.iter().map(|row| row.cells.len()).chain([figure.columns.len()]).max().unwrap_or(0);
        let labels = figure.rows.iter().map(|row| row_label(&row.label).width());
        let labels = labels.fold(0.0, f32::max);
        let labels = if labels > 0.0 { labels + GAP } else { 0.0 };
        let bars = figure.rows.iter().any(|row| row.colour_bar.is_some());
        let beside = labels + if bars { UPRIGHT_WIDTH + GAP } else { 0.0 } + 2.0 * MARGIN as f32;

        let count = columns.max(1) as f32;
        let gaps = GAP * (count - 1.0);
        let width = (beside + gaps + count * CELL).clamp(MIN_WIDTH, MAX_WIDTH);
        let cell = ((width - beside - gaps) / count).clamp(1.0, WIDEST_CELL).floor();
        let text_width = width - 2.0 * MARGIN as f32;
        // A grid that is narrower than the figure stands in its middle.
        let spare = width - beside - gaps - count * cell;
        let left = MARGIN as f32 + if spare > GAP { (spare / 2.0).floor() } else { 0.0 };

        let rows: Vec<_> = figure.rows.iter().map(|row| MeasuredRow::new(row, cell)).collect();
        let mut layout = Self {
            width,
            height: 0.0,
            title: Block::new(&figure.title, TITLE, text_width, 4),
            subtitle: Block::new(&figure.subtitle, SUBTITLE, text_width, 6),
            headers: figure.columns.iter().map(|text| Block::new(text, HEADER, cell, 4)).collect(),
            footnotes: figure.footnotes.iter().map(|text| Block::new(text, FOOTNOTE, text_width, 8)).collect(),
            rows,
            labels,
            cell,
            left,
        };
        // Drawing on an empty canvas measures without a second set of rules.
        layout.height = layout.draw_on(figure, &mut Canvas::new(0, 0, PAPER));
        layout
    }

    pub(super) fn draw(&self, figure: &Figure) -> RgbImage {
        let mut canvas = Canvas::new(self.width as u32, self.height.ceil() as u32, PAPER);
        self.draw_on(figure, &mut canvas);
        canvas.into_image()
    }

    /// Draws everything and returns where it ends.
    fn draw_on(&self, figure: &Figure, canvas: &mut Canvas) -> f32 {
        let margin = MARGIN as f32;
        let mut y = self.title.draw(canvas, margin, margin - 8.0, Align::Left);
        if !self.subtitle.lines.is_empty() {
            y = self.subtitle.draw(canvas, margin, y + 8.0, Align::Left);
        }
        let headers = self.headers.iter().map(Block::height).fold(0.0, f32::max);
        if !(self.rows.is_empty() && self.headers.is_empty()) {
            y += 36.0;
        }
        for (column, header) in self.headers.iter().enumerate() {
            let centre = self.cell_x(column) + self.cell / 2.0;
            header.draw(canvas, centre, y + headers - header.height(), Align::Centre);
        }
        y += headers + if headers > 0.0 { 14.0 } else { 0.0 };

        for (index, (row, source)) in self.rows.iter().zip(&figure.rows).enumerate() {
            y += if index > 0 { ROW_GAP } else { 0.0 };
            y = self.draw_row(canvas, row, source, y.round());
        }
        if let Some(bar) = &figure.colour_bar {
            y += 36.0;
            let grid = self.headers.len().max(self.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0));
            let right = self.cell_x(grid.max(1)) - GAP;
            let from = self.left + self.labels;
            bar.draw_lying(canvas, (from + right) / 2.0, y, margin, self.width - 2.0 * margin);
            y += ColourBar::lying_height();
        }
        for (index, footnote) in self.footnotes.iter().enumerate() {
            y = footnote.draw(canvas, margin, y + if index == 0 { 36.0 } else { 6.0 }, Align::Left);
        }
        y + margin
    }

    fn cell_x(&self, column: usize) -> f32 {
        self.left + self.labels + column as f32 * (self.cell + GAP)
    }

    fn draw_row(&self, canvas: &mut Canvas, row: &MeasuredRow, source: &Row, y: f32) -> f32 {
        let label_top = y + ((row.picture_height - row.label.height()) / 2.0).max(0.0);
        row.label.draw(canvas, self.left, label_top, Align::Left);
        for (column, (cell, content)) in row.cells.iter().zip(&source.cells).enumerate() {
            let x = self.cell_x(column);
            // Beside a chart, which is as high as it must be, pictures keep to the top.
            let own = cell.picture.as_ref().filter(|_| row.has_chart).map(RgbImage::height);
            let height = own.map_or(row.picture_height, |height| height as f32);
            let frame = Rect::new(x as i32, y as i32, self.cell as u32, height as u32);
            draw_content(canvas, cell, content, frame);
            cell.caption.draw(canvas, x + self.cell / 2.0, y + height + 10.0, Align::Centre);
        }
        if let Some(bar) = &source.colour_bar {
            let columns = self.rows.iter().map(|row| row.cells.len()).chain([self.headers.len()]).max().unwrap_or(0);
            bar.draw_upright(canvas, self.cell_x(columns), y, row.picture_height);
        }
        let captions = if row.caption_height > 0.0 { row.caption_height + 10.0 } else { 0.0 };
        y + row.picture_height.max(row.label.height()) + captions
    }
}

fn draw_content(canvas: &mut Canvas, cell: &MeasuredCell, source: &Cell, frame: Rect) {
    if let Some(picture) = &cell.picture {
        let x = frame.x + (frame.width.saturating_sub(picture.width()) / 2) as i32;
        let y = frame.y + (frame.height.saturating_sub(picture.height()) / 2) as i32;
        canvas.paste(picture, x, y);
        if matches!(source.content, Content::Picture(_)) {
            canvas.outline(Rect::new(x, y, picture.width(), picture.height()), 1, HAIRLINE);
        }
    } else if let Content::Missing(reason) = &source.content {
        canvas.fill_rect(frame, PLACEHOLDER);
        canvas.outline(frame, 1, HAIRLINE);
        let size = caption_size(frame.width as f32);
        let text = Block::new(reason, TextStyle::new(size, MUTED), frame.width as f32 - 24.0, 6);
        let centre = frame.x as f32 + frame.width as f32 / 2.0;
        let top = frame.y as f32 + (frame.height as f32 - text.height()) / 2.0;
        text.draw(canvas, centre, top, Align::Centre);
    }
}

impl MeasuredRow {
    fn new(row: &Row, width: f32) -> Self {
        let cells: Vec<_> = row
            .cells
            .iter()
            .map(|cell| MeasuredCell { picture: scaled(cell, width), caption: caption(&cell.caption, width) })
            .collect();
        // Charts are as high as they need to be; a row without any picture is square.
        let tallest = cells.iter().filter_map(|cell| cell.picture.as_ref()).map(RgbImage::height).max();
        let placeholder = row.cells.iter().any(|cell| matches!(cell.content, Content::Missing(_)));
        let picture_height = tallest.map_or(if placeholder { width } else { 0.0 }, |height| height as f32);
        let caption_height = cells.iter().map(|cell| cell.caption.height()).fold(0.0, f32::max);
        let has_chart = row.cells.iter().any(|cell| matches!(cell.content, Content::Chart(_)));
        Self { label: row_label(&row.label), cells, picture_height, caption_height, has_chart }
    }
}

/// The picture of a cell, fitted into its width and the height that a cell may have.
fn scaled(cell: &Cell, width: f32) -> Option<RgbImage> {
    match &cell.content {
        Content::Picture(image) => {
            let (w, h) = (image.width() as f32, image.height() as f32);
            let scale = (width / w).min(TALLEST * width / h);
            let (to_w, to_h) = ((w * scale).round().max(1.0) as u32, (h * scale).round().max(1.0) as u32);
            // Leaving out pixels would show a picture that never was.
            let filter = if scale < 1.0 { Filter::Bicubic } else { cell.filter };
            Some(resize_with(image, to_w, to_h, filter))
        }
        Content::Chart(chart) => {
            let drawn = chart.render_tight(width as u32);
            // A chart has a least width; in a cell that is narrower still, it shrinks.
            let height = (drawn.height() as f32 * width / drawn.width() as f32).round().max(1.0) as u32;
            Some(resize_with(&drawn, width as u32, height, Filter::Bicubic))
        }
        Content::Empty | Content::Missing(_) => None,
    }
}

/// Captions shrink a little in narrow cells.
fn caption_size(width: f32) -> f32 {
    (width / 12.0).clamp(20.0, 24.0)
}

fn caption(text: &str, width: f32) -> Block {
    let size = caption_size(width);
    let plain = TextStyle::new(size, INK);
    let first = if text.lines().nth(1).is_some() { TextStyle::bold(size, INK) } else { plain };
    Block::lead(text, first, plain, width)
}

fn row_label(text: &str) -> Block {
    Block::lead(text, HEADER, TextStyle::new(LABEL.size, MUTED), LABEL_WIDTH)
}
