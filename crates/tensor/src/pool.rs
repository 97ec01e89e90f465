//! Pooling kernels and their gradients.
//!
//! A window is a product of two windows along the axes, so a maximum (or sum) is first taken down the columns, which
//! runs over whole rows, and then along the row that is left.

use crate::team;

/// Elements from which it pays to use several threads.
const PARALLEL_ELEMENTS: usize = 1 << 15;

/// A sliding window along one spatial axis.
///
/// Window `o` covers the input positions `o·stride + k·dilation − pad_begin`, `k < kernel`; positions outside
/// `0..input` are padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WindowAxis {
    /// Positions of the input.
    pub input: usize,
    /// Taps of the window.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// Step between taps.
    pub dilation: usize,
    /// Padding before the input.
    pub pad_begin: usize,
    /// Padding after the input.
    pub pad_end: usize,
    /// Number of windows.
    pub output: usize,
}

impl WindowAxis {
    /// Positions from the first to the last tap, both included.
    pub fn extent(&self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }
}

impl WindowAxis {
    /// An axis of length 1 that windows leave alone: makes two dimensions of one.
    pub const SINGLE: Self = Self { input: 1, kernel: 1, stride: 1, dilation: 1, pad_begin: 0, pad_end: 0, output: 1 };

    /// The input positions of window `index` that are not padding.
    fn taps(&self, index: usize) -> std::iter::StepBy<std::ops::Range<usize>> {
        let start = index * self.stride;
        let end = start + (self.kernel - 1) * self.dilation + 1;
        // The first tap at or after the padding.
        let first = start + self.pad_begin.saturating_sub(start).div_ceil(self.dilation) * self.dilation;
        let inside = first - self.pad_begin..end.saturating_sub(self.pad_begin).min(self.input);
        inside.step_by(self.dilation)
    }

    /// Whether every window has a tap inside the input.
    pub fn always_reaches(&self) -> bool {
        (0..self.output).all(|index| self.taps(index).len() > 0)
    }

    /// The taps that lie inside the input for at least one window.
    fn useful_taps(&self) -> std::ops::Range<usize> {
        let last_start = self.output.saturating_sub(1) * self.stride;
        let first = self.pad_begin.saturating_sub(last_start).div_ceil(self.dilation);
        let end = (self.input + self.pad_begin).div_ceil(self.dilation).min(self.kernel);
        first.min(end)..end
    }

    /// The windows whose tap `k` is not padding, and the position of that tap for the first of them.
    fn windows(&self, k: usize) -> (std::ops::Range<usize>, usize) {
        let shift = k * self.dilation;
        let first = self.pad_begin.saturating_sub(shift).div_ceil(self.stride);
        let last = (self.input + self.pad_begin).saturating_sub(shift).div_ceil(self.stride).min(self.output);
        if first >= last {
            return (0..0, 0);
        }
        (first..last, first * self.stride + shift - self.pad_begin)
    }

    /// How many taps of each window an average divides by: those inside the input, or inside the padding too.
    pub fn counts(&self, include_padding: bool) -> Vec<f32> {
        let end = self.input + self.pad_begin + self.pad_end;
        let padded = |index: usize| end.saturating_sub(index * self.stride).div_ceil(self.dilation).min(self.kernel);
        let count = |index| if include_padding { padded(index) } else { self.taps(index).len() };
        // A window of padding alone averages to 0, not to 0 / 0.
        (0..self.output).map(|index| count(index).max(1) as f32).collect()
    }
}

/// Rows and columns of planes that a window slides over.
pub type Axes = [WindowAxis; 2];

fn sizes(axes: &Axes) -> (usize, usize) {
    (axes[0].input * axes[1].input, axes[0].output * axes[1].output)
}

/// Calls `f` for each plane of `a` and `b`.
fn for_planes<A: Sync, B: Send>(a: (&[A], usize), b: (&mut [B], usize), f: impl Fn(&[A], &mut [B]) + Sync) {
    if a.1 > 0 && b.1 > 0 {
        team::each_pair(a, b, f);
    }
}

/// Maximum that passes NaN on.
fn maximum(a: f32, b: f32) -> f32 {
    if b > a || b.is_nan() { b } else { a }
}

/// `out[o] = fold(out[o], row[o · stride + tap])` for all windows and taps of a row.
#[inline(always)]
fn along_row(row: &[f32], axis: &WindowAxis, out: &mut [f32], fold: impl Fn(f32, f32) -> f32) {
    for k in axis.useful_taps() {
        let (windows, start) = axis.windows(k);
        if windows.is_empty() {
            continue;
        }
        let (out, from) = (&mut out[windows], &row[start..]);
        match axis.stride {
            1 => out.iter_mut().zip(from).for_each(|(out, value)| *out = fold(*out, *value)),
            2 => {
                // Pairs instead of every second element: this form becomes vector code.
                let (pairs, _) = from.as_chunks::<2>();
                let (body, tail) = out.split_at_mut(out.len().min(pairs.len()));
                body.iter_mut().zip(pairs).for_each(|(out, pair)| *out = fold(*out, pair[0]));
                tail.iter_mut().zip(from.iter().skip(2 * pairs.len())).for_each(|(out, value)| {
                    *out = fold(*out, *value);
                });
            }
            stride => {
                let from = from.iter().step_by(stride);
                out.iter_mut().zip(from).for_each(|(out, value)| *out = fold(*out, *value));
            }
        }
    }
}

/// Folds each window of a plane, starting from `start`.
#[inline(always)]
fn fold_plane(x: &[f32], axes: &Axes, y: &mut [f32], start: f32, fold: impl Fn(f32, f32) -> f32 + Copy) {
    let [rows, columns] = axes;
    let mut row = vec![start; columns.input];
    for (index, out) in y.chunks_exact_mut(columns.output).enumerate() {
        row.fill(start);
        for place in rows.taps(index) {
            let from = &x[place * columns.input..][..columns.input];
            row.iter_mut().zip(from).for_each(|(kept, value)| *kept = fold(*kept, *value));
        }
        out.fill(start);
        along_row(&row, columns, out, fold);
    }
}

/// Largest value of each window of each plane; NaN where a window holds one, −∞ where it holds padding alone.
///
/// `x` is `[planes, rows, columns]` of the input, `y` of the output.
pub fn max_pool(x: &[f32], axes: &Axes, y: &mut [f32]) {
    let (input, output) = sizes(axes);
    for_planes((x, input), (y, output), |x, y| fold_plane(x, axes, y, f32::NEG_INFINITY, maximum));
}

/// Gradient of [`max_pool`]: each window passes its cotangent to its first maximum in row-major order, as in PyTorch.
pub fn max_pool_gradient(x: &[f32], dy: &[f32], axes: &Axes, dx: &mut [f32]) {
    let (input, output) = sizes(axes);
    dx.fill(0.0);
    if input == 0 || output == 0 {
        return;
    }
    team::each_chunk(dx, input, (PARALLEL_ELEMENTS / input).max(1), |index, dx| {
        let (x, dy) = (&x[index * input..][..input], &dy[index * output..][..output]);
        if is_quartering(axes) {
            quartering_gradient(x, dy, axes, dx);
            return;
        }
        for (row, dy) in dy.chunks_exact(axes[1].output).enumerate() {
            for (column, dy) in dy.iter().enumerate() {
                if let Some(place) = first_maximum(x, axes, row, column) {
                    dx[place] += dy;
                }
            }
        }
    });
}

/// Whether the windows are 2 × 2 side by side: every pool of VGG.
fn is_quartering(axes: &Axes) -> bool {
    axes.iter().all(|axis| {
        (axis.kernel, axis.stride, axis.dilation, axis.pad_begin) == (2, 2, 1, 0) && 2 * axis.output <= axis.input
    })
}

/// [`max_pool_gradient`] of one plane where every cell belongs to one window at most.
fn quartering_gradient(x: &[f32], dy: &[f32], axes: &Axes, dx: &mut [f32]) {
    let (width, windows) = (axes[1].input, axes[1].output);
    let rows = x.chunks_exact(2 * width).zip(dx.chunks_exact_mut(2 * width));
    for (dy, (x, dx)) in dy.chunks_exact(windows).zip(rows) {
        let (upper, lower) = x.split_at(width);
        let (dx_upper, dx_lower) = dx.split_at_mut(width);
        let cells = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
        let gradients = dx_upper.as_chunks_mut::<2>().0.iter_mut().zip(dx_lower.as_chunks_mut::<2>().0);
        for ((dy, (upper, lower)), (dx_upper, dx_lower)) in dy.iter().zip(cells).zip(gradients) {
            let (mut most, mut place) = (upper[0], 0);
            for (index, value) in [(1, upper[1]), (2, lower[0]), (3, lower[1])] {
                let larger = value > most || value.is_nan();
                (most, place) = if larger { (value, index) } else { (most, place) };
            }
            let share = |index| if place == index { *dy } else { 0.0 };
            *dx_upper = [share(0), share(1)];
            *dx_lower = [share(2), share(3)];
        }
    }
}

fn first_maximum(x: &[f32], axes: &Axes, row: usize, column: usize) -> Option<usize> {
    let width = axes[1].input;
    let columns = axes[1].taps(column);
    let mut places = axes[0].taps(row).flat_map(|row| columns.clone().map(move |column| row * width + column));
    let mut place = places.next()?;
    let mut most = x[place];
    for row in axes[0].taps(row) {
        for column in columns.clone() {
            let value = x[row * width + column];
            if value > most || value.is_nan() {
                (most, place) = (value, row * width + column);
            }
        }
    }
    Some(place)
}

/// Mean of each window of each plane, over the cells inside the input or, with `include_padding`, also inside the
/// padding. Shapes as in [`max_pool`].
pub fn average_pool(x: &[f32], axes: &Axes, include_padding: bool, y: &mut [f32]) {
    let (input, output) = sizes(axes);
    let (down, along) = (axes[0].counts(include_padding), axes[1].counts(include_padding));
    for_planes((x, input), (y, output), |x, y| {
        fold_plane(x, axes, y, 0.0, |a, b| a + b);
        for (out, down) in y.chunks_exact_mut(along.len()).zip(&down) {
            out.iter_mut().zip(&along).for_each(|(out, along)| *out /= down * along);
        }
    });
}

/// Gradient of [`average_pool`].
pub fn average_pool_gradient(dy: &[f32], axes: &Axes, include_padding: bool, dx: &mut [f32]) {
    let (input, output) = sizes(axes);
    let [rows, columns] = axes;
    let (down, along) = (rows.counts(include_padding), columns.counts(include_padding));
    for_planes((dy, output), (dx, input), |dy, dx| {
        dx.fill(0.0);
        let mut row = vec![0.0; columns.input];
        for (index, dy) in dy.chunks_exact(columns.output).enumerate() {
            row.fill(0.0);
            for (column, value) in dy.iter().enumerate() {
                let share = value / (down[index] * along[column]);
                columns.taps(column).for_each(|place| row[place] += share);
            }
            for place in rows.taps(index) {
                let out = &mut dx[place * columns.input..][..columns.input];
                out.iter_mut().zip(&row).for_each(|(out, value)| *out += value);
            }
        }
    });
}

/// Lanes that a line is folded in, so that the compiler can use vectors whatever their length.
const LANES: usize = 16;

fn fold_line(line: &[f32], start: f32, fold: impl Fn(f32, f32) -> f32) -> f32 {
    let (blocks, rest) = line.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(lane, value)| *lane = fold(*lane, *value));
    }
    lanes.iter().chain(rest).fold(start, |folded, value| fold(folded, *value))
}

/// Mean of each line of `cells` values; `x` is `[lines, cells]`, `y` is `[lines]`.
pub fn mean_of_lines(x: &[f32], cells: usize, y: &mut [f32]) {
    for_planes((x, cells), (y, 1), |line, mean| mean[0] = fold_line(line, 0.0, |a, b| a + b) / cells as f32);
}

/// Maximum of each line of `cells` values, NaN where one is. Shapes as in [`mean_of_lines`].
pub fn max_of_lines(x: &[f32], cells: usize, y: &mut [f32]) {
    for_planes((x, cells), (y, 1), |line, most| most[0] = fold_line(line, f32::NEG_INFINITY, maximum));
}

#[cfg(test)]
mod tests {
    use super::{Axes, WindowAxis, average_pool, average_pool_gradient, max_pool, max_pool_gradient};

    fn axis(input: usize, kernel: usize, stride: usize, dilation: usize, begin: usize, end: usize) -> WindowAxis {
        let extent = (kernel - 1) * dilation + 1;
        let output = (input + begin + end - extent) / stride + 1;
        WindowAxis { input, kernel, stride, dilation, pad_begin: begin, pad_end: end, output }
    }

    fn cases() -> Vec<Axes> {
        vec![
            [axis(6, 2, 2, 1, 0, 0), axis(8, 2, 2, 1, 0, 0)],
            [axis(7, 2, 2, 1, 0, 0), axis(9, 2, 2, 1, 0, 0)],
            [axis(7, 3, 2, 1, 1, 1), axis(9, 3, 2, 1, 1, 1)],
            [axis(9, 3, 1, 2, 2, 1), axis(8, 2, 3, 3, 1, 3)],
            [axis(5, 5, 1, 1, 2, 2), axis(6, 3, 1, 1, 0, 1)],
            [WindowAxis::SINGLE, axis(11, 3, 2, 1, 1, 0)],
            [axis(9, 5, 2, 1, 4, 4), axis(3, 9, 1, 1, 8, 8)],
            // Windows that lie in the padding alone.
            [axis(1, 2, 1, 3, 2, 2), axis(2, 2, 1, 3, 2, 2)],
        ]
    }

    fn numbers(count: usize) -> Vec<f32> {
        (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 1e7 - 0.8).collect()
    }

    /// The values of one window, straight from the definition; padding is `None`.
    fn window(x: &[f32], axes: &Axes, row: usize, column: usize) -> Vec<Option<f32>> {
        let place = |axis: &WindowAxis, o: usize, k: usize| {
            (o * axis.stride + k * axis.dilation).checked_sub(axis.pad_begin).filter(|p| *p < axis.input)
        };
        let mut values = Vec::new();
        for ky in 0..axes[0].kernel {
            for kx in 0..axes[1].kernel {
                let inside = place(&axes[0], row, ky).zip(place(&axes[1], column, kx));
                values.push(inside.map(|(y, x_)| x[y * axes[1].input + x_]));
            }
        }
        values
    }

    #[test]
    fn pools_agree_with_their_definition() {
        for axes in cases() {
            let planes = 3;
            let (input, output) = super::sizes(&axes);
            let x = numbers(planes * input);
            let (mut highest, mut mean, mut padded) =
                (vec![f32::NAN; planes * output], vec![f32::NAN; planes * output], vec![f32::NAN; planes * output]);
            max_pool(&x, &axes, &mut highest);
            average_pool(&x, &axes, false, &mut mean);
            average_pool(&x, &axes, true, &mut padded);
            for (index, &found) in highest.iter().enumerate() {
                let (plane, cell) = (index / output, index % output);
                let all = window(&x[plane * input..], &axes, cell / axes[1].output, cell % axes[1].output);
                let values: Vec<f32> = all.iter().copied().flatten().collect();
                assert_eq!(found, values.iter().copied().fold(f32::NEG_INFINITY, f32::max), "{axes:?}");
                let sum = values.iter().sum::<f32>();
                assert!((mean[index] - sum / values.len().max(1) as f32).abs() < 1e-5, "{axes:?}");
                assert!((padded[index] - sum / all.len() as f32).abs() < 1e-5, "{axes:?}");
            }
        }
    }

    /// Windows and pads a million times the input: only taps inside it cost time.
    #[test]
    fn vast_windows_cost_no_time() {
        let vast = axis(2, 1 << 40, 1, 1, (1 << 40) - 1, 0);
        let axes = [vast, vast];
        let (mut highest, mut mean) = ([f32::NAN; 4], [f32::NAN; 4]);
        for _ in 0..1000 {
            max_pool(&[1.0, 2.0, 3.0, 4.0], &axes, &mut highest);
            average_pool(&[1.0, 2.0, 3.0, 4.0], &axes, false, &mut mean);
        }
        assert_eq!(highest, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(mean, [1.0, 1.5, 2.0, 2.5]);
    }

    #[test]
    fn gradients_agree_with_differences() {
        for axes in cases() {
            let (input, output) = super::sizes(&axes);
            let (x, v) = (numbers(input), numbers(output));
            let (mut of_max, mut of_mean) = (vec![f32::NAN; input], vec![f32::NAN; input]);
            max_pool_gradient(&x, &v, &axes, &mut of_max);
            average_pool_gradient(&v, &axes, false, &mut of_mean);
            let objective = |x: &[f32], pool: &dyn Fn(&[f32], &mut [f32])| {
                let mut y = vec![0.0; output];
                pool(x, &mut y);
                y.iter().zip(&v).filter(|(y, _)| y.is_finite()).map(|(y, v)| f64::from(y * v)).sum::<f64>()
            };
            for index in 0..input {
                let (mut above, mut below) = (x.clone(), x.clone());
                above[index] += 1e-3;
                below[index] -= 1e-3;
                let slope = |pool: &dyn Fn(&[f32], &mut [f32])| {
                    ((objective(&above, pool) - objective(&below, pool)) / 2e-3) as f32
                };
                let highest = slope(&|x, y| max_pool(x, &axes, y));
                let mean = slope(&|x, y| average_pool(x, &axes, false, y));
                assert!((of_max[index] - highest).abs() < 2e-3, "{axes:?} {} {highest}", of_max[index]);
                assert!((of_mean[index] - mean).abs() < 2e-3, "{axes:?} {} {mean}", of_mean[index]);
            }
        }
    }

    #[test]
    fn equal_values_pass_the_gradient_to_the_first() {
        let axes = [axis(2, 2, 2, 1, 0, 0), axis(2, 2, 2, 1, 0, 0)];
        let mut dx = [f32::NAN; 4];
        max_pool_gradient(&[1.0, 1.0, 1.0, 1.0], &[5.0], &axes, &mut dx);
        assert_eq!(dx, [5.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn nan_is_passed_on() {
        let axes = [axis(2, 2, 2, 1, 0, 0), axis(2, 2, 2, 1, 0, 0)];
        let mut y = [0.0];
        max_pool(&[1.0, f32::NAN, 3.0, 1.0], &axes, &mut y);
        assert!(y[0].is_nan());
    }
}
