//! A part of an image with the padding around it, so that windows need no look at borders.

use crate::conv::Conv2d;

/// Rows of an image, framed: `[planes, rows, width, lanes]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) rows: usize,
    pub(super) width: usize,
    pub(super) lanes: usize,
}

impl Frame {
    /// The frame that the windows of `rows` rows of the output reach into.
    pub(super) fn new(conv: &Conv2d, rows: usize, lanes: usize) -> Self {
        let extent = |outputs: usize, stride: usize, kernel: usize, dilation: usize| {
            (outputs - 1).saturating_mul(stride).saturating_add((kernel - 1).saturating_mul(dilation) + 1)
        };
        Self {
            rows: extent(rows, conv.stride.0, conv.kernel.0, conv.dilation.0),
            width: extent(conv.output.1, conv.stride.1, conv.kernel.1, conv.dilation.1),
            lanes,
        }
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
