//! Figures: a grid of pictures with a title, headers, captions and colour bars.

mod bar;
mod layout;

use eyebar_imaging::resize::Filter;
use eyebar_imaging::{Colormap, RgbImage};

use crate::chart::Chart;

/// A figure on white, 1600 to 2400 pixels wide and as high as its content needs. Text that is too long for its place
/// is wrapped.
#[derive(Debug, Clone, Default)]
pub struct Figure {
    title: String,
    subtitle: String,
    columns: Vec<String>,
    rows: Vec<Row>,
    colour_bar: Option<ColourBar>,
    footnotes: Vec<String>,
}

impl Figure {
    /// A figure with a title and nothing else yet.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// The line or lines below the title.
    pub fn subtitle(mut self, text: impl Into<String>) -> Self {
        self.subtitle = text.into();
        self
    }

    /// The headers of the columns, from left to right.
    pub fn columns(mut self, headers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.columns = headers.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a row.
    pub fn row(mut self, row: Row) -> Self {
        self.rows.push(row);
        self
    }

    /// One colour bar for the whole figure, drawn below the grid.
    pub fn colour_bar(mut self, bar: ColourBar) -> Self {
        self.colour_bar = Some(bar);
        self
    }

    /// Adds a line at the bottom: a legend, a source, what the figure can and cannot show.
    pub fn footnote(mut self, text: impl Into<String>) -> Self {
        self.footnotes.push(text.into());
        self
    }

    /// Draws the figure.
    pub fn render(&self) -> RgbImage {
        layout::Layout::new(self).draw(self)
    }
}

/// A row of cells; the cells of one row are equally high.
#[derive(Debug, Clone, Default)]
pub struct Row {
    label: String,
    cells: Vec<Cell>,
    colour_bar: Option<ColourBar>,
}

impl Row {
    /// A row with a label at its left (may be empty).
    pub fn new(label: impl Into<String>, cells: impl IntoIterator<Item = Cell>) -> Self {
        Self { label: label.into(), cells: cells.into_iter().collect(), colour_bar: None }
    }

    /// A colour bar of this row's own, drawn at its right.
    pub fn colour_bar(mut self, bar: ColourBar) -> Self {
        self.colour_bar = Some(bar);
        self
    }
}

/// One place of the grid: a picture, a chart, or a word on why there is none.
#[derive(Debug, Clone)]
pub struct Cell {
    content: Content,
    caption: String,
    filter: Filter,
}

#[derive(Debug, Clone)]
enum Content {
    Empty,
    Picture(RgbImage),
    Chart(Chart),
    Missing(String),
}

impl Cell {
    fn of(content: Content) -> Self {
        Self { content, caption: String::new(), filter: Filter::Bicubic }
    }

    /// A picture of any size, scaled to the cell with its proportions kept. A picture without pixels is shown as
    /// missing.
    pub fn picture(image: RgbImage) -> Self {
        if image.is_empty() {
            return Self::missing("no picture");
        }
        Self::of(Content::Picture(image))
    }

    /// A chart, drawn at the size of the cell.
    pub fn chart(chart: impl Into<Chart>) -> Self {
        Self::of(Content::Chart(chart.into()))
    }

    /// A placeholder that says why there is no picture, such as `dead filter`.
    pub fn missing(reason: impl Into<String>) -> Self {
        Self::of(Content::Missing(reason.into()))
    }

    /// Nothing at all.
    pub fn empty() -> Self {
        Self::of(Content::Empty)
    }

    /// The text below: lines of their own at line breaks, the first one bold when there are several.
    pub fn caption(mut self, text: impl Into<String>) -> Self {
        self.caption = text.into();
        self
    }

    /// Enlarges with crisp blocks (nearest) instead of smoothly (bicubic), for raw maps whose cells should be seen.
    pub fn crisp(mut self) -> Self {
        self.filter = Filter::Nearest;
        self
    }
}

/// A colour bar: what the colours of a map mean.
#[derive(Debug, Clone)]
pub struct ColourBar {
    colormap: Colormap,
    min: f64,
    max: f64,
    label: String,
}

impl ColourBar {
    /// A bar from `min` to `max`, named `label`.
    pub fn new(colormap: Colormap, min: f64, max: f64, label: impl Into<String>) -> Self {
        Self { colormap, min, max, label: label.into() }
    }
}
