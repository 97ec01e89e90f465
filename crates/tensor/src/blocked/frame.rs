//! A part of an image with the padding around it, so that windows need no look at borders.

use crate::conv::Conv2d;

/// Largest frame that is built at all (64 MiB): beyond it, pads or dilations are absurd.
pub(super) const LARGEST_FRAME: usize = 1 << 24;

/// Rows of an image, framed: `[planes, rows, width, lanes]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) rows: usize,
    pub(super) width: usize,
    pub(super) lanes: usize,
}

impl Frame {
    /// Whether windows of `conv` reach outside the image, so that it has to be framed.
    pub(super) fn is_needed(conv: &Conv2d) -> bool {
        let reach = Self::new(conv, conv.output.0, 1);
        conv.pad != (0, 0) || reach.rows > conv.input.0 || reach.width > conv.input.1
    }

    /// The image itself, where no frame is needed.
    pub(super) fn none(conv: &Conv2d, lanes: usize) -> Self {
        Self { rows: conv.input.0, width: conv.input.1, lanes }
    }

    /// The frame that the windows of `rows` rows of the output reach into.
    pub(super) fn new(conv: &Conv2d, rows: usize, lanes: usize) -> Self {
        let extent = |outputs: usize, stride: usize, kernel: usize, dilation: usize| {
            outputs.saturating_sub(1).saturating_mul(stride).saturating_add((kernel - 1).saturating_mul(dilation) + 1)
        };
        Self {
            rows: extent(rows, conv.stride.0, conv.kernel.0, conv.dilation.0),
            width: extent(conv.output.1, conv.stride.1, conv.kernel.1, conv.dilation.1),
            lanes,
        }
    }

    /// The taps of a window, in elements from its corner.
    pub(super) fn taps(&self, conv: &Conv2d) -> Vec<usize> {
        let mut taps = Vec::with_capacity(conv.kernel.0 * conv.kernel.1);
        for ky in 0..conv.kernel.0 {
            for kx in 0..conv.kernel.1 {
                taps.push((ky * conv.dilation.0 * self.width + kx * conv.dilation.1) * self.lanes);
            }
        }
        taps
    }

    /// Elements of a plane.
    pub(super) fn plane(&self) -> usize {
        self.rows.saturating_mul(self.width).saturating_mul(self.lanes)
    }

    /// Copies the rows that the windows of output row `first` and the following reach into; zero where outside.
    /// `image` is `[planes, H, W, lanes]`.
    pub(super) fn fill(&self, conv: &Conv2d, first: usize, image: &[f32], framed: &mut [f32]) {
        let lanes = self.lanes;
        let row_len = conv.input.1 * lanes;
        let left = conv.pad.1.min(self.width) * lanes;
        let copied = row_len.min(self.width * lanes - left);
        let planes = image.chunks_exact(conv.input.0 * row_len);
        for (plane, framed) in planes.zip(framed.chunks_exact_mut(self.plane())) {
            for (index, row) in framed.chunks_exact_mut(self.width * lanes).enumerate() {
                let place = (first * conv.stride.0 + index).checked_sub(conv.pad.0).filter(|&y| y < conv.input.0);
                match place {
                    Some(y) => {
                        row[..left].fill(0.0);
                        row[left..left + copied].copy_from_slice(&plane[y * row_len..][..copied]);
                        row[left + copied..].fill(0.0);
                    }
                    None => row.fill(0.0),
                }
            }
        }
    }
}

/// Where the windows of one pixel of the output after the other begin in a frame.
pub(super) struct Walk {
    offset: usize,
    column: usize,
    columns: usize,
    along: usize,
    to_next_row: usize,
}

impl Walk {
    /// From pixel `pixel` of the output on; the frame begins at row `row` of the output.
    pub(super) fn new(conv: &Conv2d, frame: Frame, row: usize, pixel: usize) -> Self {
        let columns = conv.output.1;
        let (down, along) = (conv.stride.0 * frame.width * frame.lanes, conv.stride.1 * frame.lanes);
        let column = pixel % columns;
        Self {
            offset: (pixel / columns - row) * down + column * along,
            column,
            columns,
            along,
            to_next_row: down.wrapping_sub((columns - 1) * along),
        }
    }

    /// The next window's place, in elements.
    #[inline(always)]
    pub(super) fn step(&mut self) -> usize {
        let place = self.offset;
        self.column += 1;
        let ended = self.column == self.columns;
        self.offset = place.wrapping_add(if ended { self.to_next_row } else { self.along });
        self.column = if ended { 0 } else { self.column };
        place
    }
}
