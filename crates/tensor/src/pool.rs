//! Pooling kernels and their gradients.

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
