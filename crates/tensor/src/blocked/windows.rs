//! Windows that slide over a blocked plane: which pixels of a row see which taps.

use std::ops::Range;

use super::BLOCK;
use crate::conv::Conv2d;

/// A tap of a window: its number, and its distance from the window's corner in elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tap {
    pub(super) index: usize,
    pub(super) offset: isize,
}

/// The pixels of a row of the output, cut into spans that see the same taps.
pub(super) struct Spans<'a> {
    conv: &'a Conv2d,
    row: usize,
    /// Columns whose windows lie inside the image.
    middle: Range<usize>,
    next: usize,
}

impl<'a> Spans<'a> {
    pub(super) fn new(conv: &'a Conv2d, row: usize) -> Self {
        let reach = (conv.kernel.1 - 1) * conv.dilation.1;
        let first = conv.pad.1.div_ceil(conv.stride.1).min(conv.output.1);
        let end = match (conv.input.1 + conv.pad.1).checked_sub(reach) {
            Some(room) => room.div_ceil(conv.stride.1).clamp(first, conv.output.1),
            None => first,
        };
        Self { conv, row, middle: first..end, next: 0 }
    }

    /// The next span, in order; `taps` becomes those that lie inside the image for all of it.
    pub(super) fn next(&mut self, taps: &mut Vec<Tap>) -> Option<Range<usize>> {
        let conv = self.conv;
        if self.next == conv.output.1 {
            return None;
        }
        let range = match self.middle.contains(&self.next) {
            true => self.middle.clone(),
            false => self.next..self.next + 1,
        };
        self.next = range.end;
        taps.clear();
        let rows = inside(self.row * conv.stride.0, conv.pad.0, conv.dilation.0, conv.input.0, conv.kernel.0);
        let columns = inside(range.start * conv.stride.1, conv.pad.1, conv.dilation.1, conv.input.1, conv.kernel.1);
        for ky in rows {
            for kx in columns.clone() {
                let offset = (ky * conv.dilation.0 * conv.input.1 + kx * conv.dilation.1) * BLOCK;
                taps.push(Tap { index: ky * conv.kernel.1 + kx, offset: offset as isize });
            }
        }
        Some(range)
    }
}

/// The taps k with start + k · dilation − pad in `0..inputs`.
fn inside(start: usize, pad: usize, dilation: usize, inputs: usize, kernel: usize) -> Range<usize> {
    let first = pad.saturating_sub(start).div_ceil(dilation).min(kernel);
    let end = (inputs + pad).saturating_sub(start).div_ceil(dilation).clamp(first, kernel);
    first..end
}

/// Place of the corner of a window in its plane, in elements; negative in the padding.
pub(super) fn corner(conv: &Conv2d, row: usize, column: usize) -> isize {
    let y = (row * conv.stride.0) as isize - conv.pad.0 as isize;
    let x = (column * conv.stride.1) as isize - conv.pad.1 as isize;
    (y * conv.input.1 as isize + x) * BLOCK as isize
}
