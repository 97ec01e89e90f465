//! Line charts.

use eyebar_imaging::draw::Colour;
use eyebar_imaging::text::Align;
use eyebar_imaging::{Canvas, Rect, RgbImage};

use super::{framed, tick_text};
use crate::number::ticks;
use crate::style::{Block, FOOTNOTE, GRID, HEADER, LINES, MUTED, PAPER, TICK};

/// A point of a line: x, y, and the ends of its interval where it has one.
type Point = (f64, f64, Option<(f64, f64)>);

/// A line with its name.
#[derive(Debug, Clone, Default)]
pub struct Line {
    name: String,
    points: Vec<Point>,
    dashed: bool,
}

impl Line {
    /// A line without points.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a point. One that is not finite is left out.
    pub fn point(mut self, x: f64, y: f64) -> Self {
        self.points.push((x, y, None));
        self
    }

    /// Adds a point with the lower and upper end of its interval.
    pub fn interval(mut self, x: f64, y: f64, low: f64, high: f64) -> Self {
        self.points.push((x, y, Some((low, high))));
        self
    }

    /// Draws the line in dashes: what others are compared with.
    pub fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }

    fn finite(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|(x, y, _)| x.is_finite() && y.is_finite())
    }
}

/// A line chart: lines over a common axis, with a legend above.
#[derive(Debug, Clone, Default)]
pub struct LineChart {
    title: String,
    lines: Vec<Line>,
    marks: Vec<(f64, String)>,
    note: String,
    percent: bool,
    range: Option<(f64, f64)>,
}

const PAD: f32 = 14.0;
/// Height of the plot, as a share of its width.
const ASPECT: f32 = 0.62;
const MARKER: f32 = 7.0;
const SAMPLE: f32 = 44.0;
const DASH: f32 = 10.0;

impl LineChart {
    /// A chart without lines. An empty title takes no room.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Adds a line.
    pub fn line(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// Places on the horizontal axis with what is written there.
    pub fn marks(mut self, marks: impl IntoIterator<Item = (f64, impl Into<String>)>) -> Self {
        self.marks = marks.into_iter().map(|(x, text)| (x, text.into())).collect();
        self
    }

    /// Shows values as per cent: 0.25 becomes 25 %.
    pub fn percent(mut self) -> Self {
        self.percent = true;
        self
    }

    /// The ends of the vertical axis, so that charts side by side can be compared; else it begins at zero and ends with the
    /// largest value.
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// A line below the axis: what it counts.
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

    fn vertical(&self) -> (f64, f64) {
        if let Some((low, high)) = self.range.filter(|(low, high)| low.is_finite() && high > low) {
            return (low, high);
        }
        let ends = |&(_, y, interval): &Point| {
            let (low, high) = interval.filter(|(low, high)| low.is_finite() && high.is_finite()).unwrap_or((y, y));
            [y, low, high]
        };
        let values = self.lines.iter().flat_map(Line::finite).flat_map(ends);
        let (low, high) = values.fold((0f64, 0f64), |(low, high), value| (low.min(value), high.max(value)));
        if low < high { (low, high) } else { (0.0, 1.0) }
    }

    fn horizontal(&self) -> (f64, f64) {
        let points = self.lines.iter().flat_map(Line::finite).map(|&(x, ..)| x);
        let all = points.chain(self.marks.iter().map(|&(x, _)| x)).filter(|x| x.is_finite());
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if low < high { (low, high) } else { (low.min(0.0) - 0.5, high.max(0.0) + 0.5) }
    }
}

/// Where everything goes, in pixels.
struct Plan {
    title: Block,
    /// Names with the left end and top of their samples.
    legend: Vec<(f32, f32, String)>,
    note: Block,
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
    height: f32,
    across: (f64, f64),
    up: (f64, f64),
    steps: Vec<(f64, String)>,
}

impl Plan {
    fn new(chart: &LineChart, width: f32) -> Self {
        let title = Block::new(&chart.title, HEADER, width, 3);
        let mut legend = Vec::new();
        let (mut x, mut y) = (0.0, title.height());
        for line in chart.lines.iter().filter(|line| !line.name.is_empty()) {
            let name = TICK.ellipsise(&line.name, width - SAMPLE - 3.0 * PAD);
            let needed = SAMPLE + 8.0 + TICK.width(&name) + 2.0 * PAD;
            if x > 0.0 && x + needed > width {
                (x, y) = (0.0, y + TICK.line_height());
            }
            legend.push((x, y, name));
            x += needed;
        }
        let after = legend.last().map_or(y, |(_, y, _)| y + TICK.line_height());
        let top = after + if after > 0.0 { PAD } else { TICK.line_height() / 2.0 };
        let up = chart.vertical();
        let steps: Vec<(f64, String)> =
            ticks(up.0, up.1, 5).into_iter().map(|tick| (tick, tick_text(tick, chart.percent))).collect();
        let left = steps.iter().map(|(_, text)| TICK.width(text)).fold(0.0, f32::max) + PAD;
        // Half of the last mark's text stands beyond the axis.
        let beyond = chart.marks.last().map_or(0.0, |(_, text)| TICK.width(text) / 2.0);
        let right = (width - MARKER - beyond).max(left + 40.0);
        let bottom = top + (right - left) * ASPECT;
        let note = Block::new(&chart.note, FOOTNOTE, width, 3);
        let height = bottom + TICK.line_height() + 8.0 + note.height() + 4.0;
        Self { title, legend, note, left, right, top, bottom, height, across: chart.horizontal(), up, steps }
    }

    fn place(&self, x: f64, y: f64) -> (f32, f32) {
        let share = |value: f64, (low, high): (f64, f64)| ((value - low) / (high - low)).clamp(0.0, 1.0) as f32;
        let inset = 2.0 * MARKER;
        let across = self.left + inset + (self.right - self.left - 2.0 * inset) * share(x, self.across);
        (across, self.bottom - (self.bottom - self.top) * share(y, self.up))
    }

    fn draw(&self, chart: &LineChart, canvas: &mut Canvas) {
        self.title.draw(canvas, 0.0, 0.0, Align::Left);
        let named = chart.lines.iter().enumerate().filter(|(_, line)| !line.name.is_empty());
        for ((index, line), (x, y, name)) in named.zip(&self.legend) {
            let middle = y + TICK.line_height() / 2.0;
            stroke(canvas, (*x, middle), (x + SAMPLE, middle), line.dashed, colour(index));
            marker(canvas, (x + SAMPLE / 2.0, middle), index);
            canvas.text(name, x + SAMPLE + 8.0, *y, &TICK, Align::Left);
        }
        for (tick, text) in &self.steps {
            let (_, y) = self.place(self.across.0, *tick);
            let width = (self.right - self.left) as u32;
            canvas.fill_rect(Rect::new(self.left as i32, y.round() as i32, width, 1), GRID);
            canvas.text(text, self.left - PAD / 2.0, y - TICK.line_height() / 2.0, &TICK, Align::Right);
        }
        canvas.line((self.left, self.bottom), (self.right, self.bottom), 2.0, MUTED);
        let mut free_from = f32::NEG_INFINITY;
        for (x, text) in &chart.marks {
            let (x, _) = self.place(*x, self.up.0);
            canvas.line((x, self.bottom), (x, self.bottom + 6.0), 2.0, MUTED);
            let half = TICK.width(text) / 2.0;
            if x - half > free_from {
                canvas.text(text, x, self.bottom + 8.0, &TICK, Align::Centre);
                free_from = x + half + PAD / 2.0;
            }
        }
        for (index, line) in chart.lines.iter().enumerate() {
            self.draw_line(canvas, line, index);
        }
        self.note.draw(canvas, 0.0, self.bottom + TICK.line_height() + 8.0, Align::Left);
    }

    fn draw_line(&self, canvas: &mut Canvas, line: &Line, index: usize) {
        let colour = colour(index);
        let mut last = None;
        for &(x, y, interval) in line.finite() {
            let at = self.place(x, y);
            if let Some(from) = last.replace(at) {
                stroke(canvas, from, at, line.dashed, colour);
            }
            if let Some((low, high)) = interval.filter(|(low, high)| low.is_finite() && high.is_finite()) {
                let (low, high) = (self.place(x, low), self.place(x, high));
                canvas.line(low, high, 2.0, colour);
                for (x, y) in [low, high] {
                    canvas.line((x - 5.0, y), (x + 5.0, y), 2.0, colour);
                }
            }
        }
        line.finite().for_each(|&(x, y, _)| marker(canvas, self.place(x, y), index));
    }
}

fn colour(index: usize) -> Colour {
    LINES[index % LINES.len()]
}

fn stroke(canvas: &mut Canvas, from: (f32, f32), to: (f32, f32), dashed: bool, colour: Colour) {
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    if !dashed || length == 0.0 {
        canvas.line(from, to, 3.0, colour);
        return;
    }
    let at = |along: f32| {
        let share = (along / length).min(1.0);
        (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
    };
    let mut along = 0.0;
    while along < length {
        canvas.line(at(along), at(along + DASH), 3.0, colour);
        along += 1.7 * DASH;
    }
}

/// Shapes differ too, for whoever does not see the colours.
fn marker(canvas: &mut Canvas, (x, y): (f32, f32), index: usize) {
    let corners = [12, 4, 3, 4, 3];
    let turns = [0.0, 0.125, 0.75, 0.0, 0.25];
    let (count, turn) = (corners[index % corners.len()], turns[index % turns.len()]);
    let point = |corner: usize| {
        let angle = std::f32::consts::TAU * (corner as f32 / count as f32 + turn);
        (x + MARKER * angle.cos(), y + MARKER * angle.sin())
    };
    canvas.polygon(&(0..count).map(point).collect::<Vec<_>>(), colour(index));
}

#[cfg(test)]
mod tests {
    use super::{Line, LineChart};

    #[test]
    fn draws_whatever_it_is_given() {
        let chart = LineChart::new("t").percent().marks([(0.0, "1"), (1.0, "2")]).note("n");
        let empty = chart.clone().render(600);
        assert_eq!(empty.width(), 600);
        let line = Line::new("a").interval(0.0, 0.5, 0.4, f64::NAN).point(1.0, f64::NAN).point(1.0, 0.8).dashed();
        let drawn = chart.line(line).line(Line::new("")).render(600);
        assert_ne!(drawn, empty);
        LineChart::new("").range(1.0, 1.0).line(Line::new("one").point(3.0, 2.0)).render(0);
    }
}
