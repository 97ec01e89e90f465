//! Horizontal bar charts.

use eyebar_imaging::draw::Colour;
use eyebar_imaging::text::Align;
use eyebar_imaging::{Canvas, Rect, RgbImage};

use super::{framed, tick_text};
use crate::number::{short, ticks};
use crate::style::{self, Block, FOOTNOTE, GRID, HEADER, INK, LABEL, MUTED, PAPER, TICK};

/// The bars of one colour.
#[derive(Debug, Clone, Default)]
pub struct Series {
    name: String,
    values: Vec<f64>,
    intervals: Vec<(f64, f64)>,
}

impl Series {
    /// One value a label; a value that is not finite is shown as missing.
    pub fn new(name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        Self { name: name.into(), values: values.into_iter().collect(), intervals: Vec::new() }
    }

    /// The lower and upper end of an error bar for each value.
    pub fn intervals(mut self, intervals: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.intervals = intervals.into_iter().collect();
        self
    }
}

/// A horizontal bar chart: one or more bars a label, with error bars and a legend.
#[derive(Debug, Clone, Default)]
pub struct BarChart {
    title: String,
    labels: Vec<String>,
    series: Vec<Series>,
    note: String,
    percent: bool,
}

const BAR: f32 = 24.0;
const BAR_GAP: f32 = 4.0;
const GROUP_GAP: f32 = 22.0;
const PAD: f32 = 14.0;

impl BarChart {
    /// A chart with these labels, from top to bottom. An empty title takes no room.
    pub fn new(title: impl Into<String>, labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let labels = labels.into_iter().map(Into::into).collect();
        Self { title: title.into(), labels, ..Self::default() }
    }

    /// Adds bars.
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Shows values as per cent: 0.25 becomes 25 %.
    pub fn percent(mut self) -> Self {
        self.percent = true;
        self
    }

    /// A line below the axis: what the values are, and in which unit.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// The chart on white with a margin, `width` pixels wide (at least 400) and as high as it needs.
    pub fn render(&self, width: u32) -> RgbImage {
        framed(width, |width| self.render_tight(width))
    }

    /// The chart without a margin, at least 320 pixels wide.
    pub(crate) fn render_tight(&self, width: u32) -> RgbImage {
        let width = width.max(320);
        let plan = Plan::new(self, width as f32);
        let mut canvas = Canvas::new(width, plan.height.ceil() as u32, PAPER);
        plan.draw(self, &mut canvas);
        canvas.into_image()
    }

    fn value_text(&self, value: f64) -> String {
        match (value.is_finite(), self.percent) {
            (false, _) => "–".into(),
            (true, false) => short(value),
            (true, true) if value.abs() < 0.0095 && value != 0.0 => format!("{:.1} %", 100.0 * value).replace('-', "−"),
            (true, true) => format!("{:.0} %", 100.0 * value).replace('-', "−"),
        }
    }

    /// The ends of the axis: all values and intervals, and zero.
    fn range(&self) -> (f64, f64) {
        let intervals = self.series.iter().flat_map(|s| &s.intervals).flat_map(|&(low, high)| [low, high]);
        let values = self.series.iter().flat_map(|s| s.values.iter().copied());
        let (low, high) = values
            .chain(intervals)
            .filter(|value| value.is_finite())
            .fold((0f64, 0f64), |(low, high), value| (low.min(value), high.max(value)));
        if low < high { (low, high) } else { (0.0, 1.0) }
    }
}

/// Where everything goes, in pixels.
struct Plan {
    title: Block,
    legend: Vec<(usize, Block)>,
    labels: Vec<Block>,
    note: Block,
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
    height: f32,
    group: f32,
    range: (f64, f64),
}

impl Plan {
    fn new(chart: &BarChart, width: f32) -> Self {
        let title = Block::new(&chart.title, HEADER, width, 3);
        let named = chart.series.iter().enumerate().filter(|(_, series)| !series.name.is_empty());
        let legend: Vec<_> =
            named.map(|(i, series)| (i, Block::new(&series.name, TICK, width - BAR - PAD, 2))).collect();
        let labels: Vec<Block> = chart.labels.iter().map(|text| Block::new(text, LABEL, width * 0.34, 2)).collect();
        let note = Block::new(&chart.note, FOOTNOTE, width, 3);
        let gutter = labels.iter().map(Block::width).fold(0.0, f32::max);
        let values = chart.series.iter().flat_map(|series| &series.values);
        let value_width = values.map(|&value| TICK.width(&chart.value_text(value))).fold(0.0, f32::max);

        let (low, high) = chart.range();
        let bars = chart.series.len().max(1) as f32;
        let tallest = labels.iter().map(Block::height).fold(0.0, f32::max);
        let group = (bars * (BAR + BAR_GAP) - BAR_GAP).max(tallest) + GROUP_GAP;
        let legend_height: f32 = legend.iter().map(|(_, block)| block.height() + 4.0).sum();
        let heading = title.height() + legend_height;
        let top = heading + if heading > 0.0 { PAD } else { 0.0 };
        let bottom = top + group * labels.len() as f32;
        let axis = TICK.line_height() + 6.0;
        let height = bottom + axis + note.height() + if note.lines.is_empty() { 4.0 } else { PAD };
        let room = if low < 0.0 { value_width + PAD } else { 0.0 };
        let left = gutter + PAD + room;
        let right = (width - value_width - PAD).max(left + 40.0);
        Self { title, legend, labels, note, left, right, top, bottom, height, group, range: (low, high) }
    }

    fn x(&self, value: f64) -> f32 {
        let (low, high) = self.range;
        self.left + (self.right - self.left) * ((value - low) / (high - low)) as f32
    }

    fn draw(&self, chart: &BarChart, canvas: &mut Canvas) {
        let mut y = self.title.draw(canvas, 0.0, 0.0, Align::Left);
        for (index, block) in &self.legend {
            let middle = y + TICK.line_height() / 2.0;
            canvas.fill_rect(Rect::new(0, (middle - 8.0) as i32, BAR as u32, 16), colour(*index));
            y = block.draw(canvas, BAR + 10.0, y, Align::Left) + 4.0;
        }
        self.draw_axis(chart, canvas);
        for (row, block) in self.labels.iter().enumerate() {
            let middle = self.top + self.group * (row as f32 + 0.5);
            let gutter = self.labels.iter().map(Block::width).fold(0.0, f32::max);
            block.draw(canvas, gutter, middle - block.height() / 2.0, Align::Right);
            let bars = chart.series.len() as f32;
            let mut y = middle - (bars * (BAR + BAR_GAP) - BAR_GAP) / 2.0;
            for (index, series) in chart.series.iter().enumerate() {
                self.draw_bar(chart, canvas, y, row, index, series);
                y += BAR + BAR_GAP;
            }
        }
        let zero = self.x(0.0);
        canvas.line((zero, self.top), (zero, self.bottom), 2.0, MUTED);
        self.note.draw(canvas, 0.0, self.bottom + TICK.line_height() + PAD, Align::Left);
    }

    fn draw_axis(&self, chart: &BarChart, canvas: &mut Canvas) {
        let count = ((self.right - self.left) / 110.0).clamp(2.0, 6.0) as usize;
        let mut free_from = f32::NEG_INFINITY;
        for tick in ticks(self.range.0, self.range.1, count) {
            let x = self.x(tick).round();
            canvas.fill_rect(Rect::new(x as i32, self.top as i32, 1, (self.bottom - self.top) as u32), GRID);
            let text = tick_text(tick, chart.percent);
            let half = TICK.width(&text) / 2.0;
            if x - half > free_from && x + half <= canvas.image().width() as f32 {
                canvas.text(&text, x, self.bottom + 4.0, &TICK, Align::Centre);
                free_from = x + half + PAD;
            }
        }
    }

    fn draw_bar(&self, chart: &BarChart, canvas: &mut Canvas, y: f32, row: usize, index: usize, series: &Series) {
        let value = series.values.get(row).copied().unwrap_or(f64::NAN);
        let text = chart.value_text(value);
        let value = if value.is_finite() { value } else { 0.0 };
        let (zero, end) = (self.x(0.0), self.x(value));
        let (from, to) = (zero.min(end), zero.max(end));
        canvas.polygon(&[(from, y), (to, y), (to, y + BAR), (from, y + BAR)], colour(index));
        let (mut low, mut high) = (end, end);
        if let Some(&(a, b)) = series.intervals.get(row).filter(|(a, b)| a.is_finite() && b.is_finite()) {
            (low, high) = (self.x(a.min(b)), self.x(a.max(b)));
            let middle = y + BAR / 2.0;
            canvas.line((low, middle), (high, middle), 2.0, INK);
            for x in [low, high] {
                canvas.line((x, middle - 6.0), (x, middle + 6.0), 2.0, INK);
            }
        }
        let top = y + (BAR - TICK.line_height()) / 2.0;
        if value < 0.0 {
            canvas.text(&text, low.min(end) - 8.0, top, &TICK, Align::Right);
        } else {
            canvas.text(&text, high.max(end) + 8.0, top, &TICK, Align::Left);
        }
    }
}

fn colour(index: usize) -> Colour {
    style::SERIES[index % style::SERIES.len()]
}
