//! What a convolution does to sizes.

/// A two-dimensional convolution of one image, without the batch.
///
/// `input` is `[N, channels, height, width]`, `weights` is `[filters, channels / groups, kernel.0, kernel.1]`, the
/// output is `[N, filters, output.0, output.1]`. Pairs are (rows, columns).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    /// Channels of the input.
    pub channels: usize,
    /// Size of the input.
    pub input: (usize, usize),
    /// Channels of the output.
    pub filters: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Size of the kernel.
    pub kernel: (usize, usize),
    /// Distance of two windows.
    pub stride: (usize, usize),
    /// Distance of two taps of a window.
    pub dilation: (usize, usize),
    /// Zeros above and to the left.
    pub pad: (usize, usize),
    /// Size of the output; it implies the zeros below and to the right.
    pub output: (usize, usize),
}

impl Conv2d {
    /// Elements of one input image.
    pub fn input_len(&self) -> usize {
        self.channels * self.input.0 * self.input.1
    }

    /// Elements of one output image.
    pub fn output_len(&self) -> usize {
        self.filters * self.output.0 * self.output.1
    }

    /// Positions of one output plane.
    pub fn positions(&self) -> usize {
        self.output.0 * self.output.1
    }

    /// Channels one group reads.
    pub fn group_channels(&self) -> usize {
        self.channels / self.groups
    }

    /// Channels one group writes.
    pub fn group_filters(&self) -> usize {
        self.filters / self.groups
    }

    /// Elements of the weights.
    pub fn weights_len(&self) -> usize {
        self.filters * self.depth()
    }

    /// Whether `other` differs in nothing but the sizes of the images and the padding.
    pub fn has_weights_of(&self, other: &Self) -> bool {
        let Self { input, pad, output, .. } = *self;
        Self { input, pad, output, ..*other } == *self
    }

    /// Taps that add up to one output element.
    pub fn depth(&self) -> usize {
        self.group_channels() * self.kernel.0 * self.kernel.1
    }

    /// Multiply-adds of one image.
    pub fn multiply_adds(&self) -> u64 {
        (self.output_len() as u64).saturating_mul(self.depth() as u64)
    }

    /// Row of the input that tap `tap` of output row `out` reads, if it is inside.
    pub fn input_row(&self, out: usize, tap: usize) -> Option<usize> {
        (out * self.stride.0 + tap * self.dilation.0).checked_sub(self.pad.0).filter(|&row| row < self.input.0)
    }

    /// Columns of the output for which tap `tap` reads inside the input, and the input's column of the first.
    pub fn output_columns(&self, tap: usize) -> (std::ops::Range<usize>, usize) {
        inside(tap * self.dilation.1, self.pad.1, self.stride.1, self.input.1, self.output.1)
    }
}

/// Range of o in `0..outputs` with `offset + o * stride - pad` in `0..inputs`, and that value for the first o.
fn inside(offset: usize, pad: usize, stride: usize, inputs: usize, outputs: usize) -> (std::ops::Range<usize>, usize) {
    let first = pad.saturating_sub(offset).div_ceil(stride).min(outputs);
    let end = (inputs + pad).saturating_sub(offset).div_ceil(stride).clamp(first, outputs);
    let start = if first < end { first * stride + offset - pad } else { 0 };
    (first..end, start)
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn inside_agrees_with_trying_every_column() {
        for offset in 0..5usize {
            for pad in 0..4 {
                for stride in 1..4 {
                    for inputs in 1..7 {
                        for outputs in 0..8 {
                            let valid: Vec<_> = (0..outputs)
                                .filter(|o| (offset + o * stride).checked_sub(pad).is_some_and(|c| c < inputs))
                                .collect();
                            let (range, start) = inside(offset, pad, stride, inputs, outputs);
                            assert_eq!(range.clone().collect::<Vec<_>>(), valid);
                            if let Some(first) = valid.first() {
                                assert_eq!(start, offset + first * stride - pad);
                            }
                        }
                    }
                }
            }
        }
    }
}
