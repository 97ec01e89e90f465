//! Sliding windows over spatial axes: what convolution and pooling share.

use eyebar_tensor::pool::WindowAxis;

use crate::error::OperatorError;
use crate::onnx::{Attribute, NodeReader};

/// Largest kernel, stride, dilation or padding along one axis: anything beyond comes from a broken file.
const MAX_WINDOW: usize = 1 << 20;

/// Most taps of a window over all axes.
const MAX_TAPS: usize = 1 << 20;

/// How the borders are padded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Padding {
    /// As many cells as stated for each axis; empty for none.
    Explicit {
        /// Before the first cell.
        begin: Vec<usize>,
        /// After the last cell.
        end: Vec<usize>,
    },
    /// ⌈input / stride⌉ windows, the odd cell of padding after the input.
    SameUpper,
    /// ⌈input / stride⌉ windows, the odd cell of padding before the input.
    SameLower,
    /// No padding.
    Valid,
}

/// The window attributes of a node. A list that the file leaves out is empty and stands for ONNX's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    /// Taps for each axis; a convolution may leave it to its weights.
    pub(super) kernel: Vec<usize>,
    /// Step between windows, 1 by default.
    pub(super) strides: Vec<usize>,
    /// Padding, none by default.
    pub(super) pads: Padding,
    /// Step between taps, 1 by default.
    pub(super) dilations: Vec<usize>,
    /// Whether the number of windows is rounded up. A window that starts in the end padding is dropped, as in PyTorch.
    pub(super) ceil_mode: bool,
}

/// A window fitted to an input: one entry for each spatial axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Geometry {
    /// The axes in order.
    pub(super) axes: Vec<WindowAxis>,
}

impl Geometry {
    /// Number of windows along each axis.
    pub(super) fn output(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.output).collect()
    }
}

impl Window {
    /// Reads `kernel_shape`, `strides`, `pads`, `auto_pad`, `dilations` and `ceil_mode`.
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let list = |name: &str, smallest: usize| -> Result<Vec<usize>, OperatorError> {
            let values = node.sizes(name)?.unwrap_or_default();
            if values.iter().all(|value| (smallest..=MAX_WINDOW).contains(value)) {
                return Ok(values);
            }
            Err(OperatorError::Attribute(format!("{name} {values:?} must lie between {smallest} and {MAX_WINDOW}")))
        };
        let pads = match node.string("auto_pad")?.unwrap_or("NOTSET") {
            "" | "NOTSET" => {
                let pads = list("pads", 0)?;
                if pads.len() % 2 != 0 {
                    return Err(OperatorError::Attribute(format!(
                        "pads {pads:?} need a begin and an end for each axis"
                    )));
                }
                let (begin, end) = pads.split_at(pads.len() / 2);
                Padding::Explicit { begin: begin.to_vec(), end: end.to_vec() }
            }
            "SAME_UPPER" => Padding::SameUpper,
            "SAME_LOWER" => Padding::SameLower,
            "VALID" => Padding::Valid,
            other => return Err(OperatorError::Attribute(format!("auto_pad {other:?} is unknown"))),
        };
        Ok(Self {
            kernel: list("kernel_shape", 1)?,
            strides: list("strides", 1)?,
            pads,
            dilations: list("dilations", 1)?,
            ceil_mode: node.flag("ceil_mode", false),
        })
    }

    /// Fits the window to an input whose spatial dimensions are `input`; `kernel` is the size of the window, which a
    /// convolution takes from its weights.
    pub(super) fn resolve(&self, input: &[usize], kernel: &[usize]) -> Result<Geometry, OperatorError> {
        let rank = input.len();
        if kernel.len() != rank {
            return Err(OperatorError::Shape(format!("a window of {kernel:?} does not slide over {input:?}")));
        }
        if !self.kernel.is_empty() && self.kernel != kernel {
            let message = format!("kernel_shape {:?} contradicts the weights, which have {kernel:?}", self.kernel);
            return Err(OperatorError::Attribute(message));
        }
        let taps = kernel.iter().fold(1usize, |taps, &k| taps.saturating_mul(k));
        if kernel.iter().any(|k| !(1..=MAX_WINDOW).contains(k)) || taps > MAX_TAPS {
            return Err(OperatorError::Shape(format!("a window of {kernel:?} has no or too many taps")));
        }
        let strides = self.per_axis("strides", &self.strides, rank, 1)?;
        let dilations = self.per_axis("dilations", &self.dilations, rank, 1)?;
        let none = Vec::new();
        let (begin, end) = match &self.pads {
            Padding::Explicit { begin, end } => (begin, end),
            _ => (&none, &none),
        };
        let begin = self.per_axis("pads", begin, rank, 0)?;
        let end = self.per_axis("pads", end, rank, 0)?;
        let axes = (0..rank).map(|axis| {
            let axis = WindowAxis {
                input: input[axis],
                kernel: kernel[axis],
                stride: strides[axis],
                dilation: dilations[axis],
                pad_begin: begin[axis],
                pad_end: end[axis],
                output: 0,
            };
            match self.pads {
                Padding::SameUpper | Padding::SameLower => Ok(self.same(axis)),
                Padding::Explicit { .. } | Padding::Valid => self.explicit(axis),
            }
        });
        Ok(Geometry { axes: axes.collect::<Result<_, _>>()? })
    }

    fn per_axis(&self, name: &str, values: &[usize], rank: usize, default: usize) -> Result<Vec<usize>, OperatorError> {
        match values.len() {
            0 => Ok(vec![default; rank]),
            found if found == rank => Ok(values.to_vec()),
            found => {
                let message = format!("{name} state {found} axes, but the input has {rank} spatial axes");
                Err(OperatorError::Attribute(message))
            }
        }
    }

    fn same(&self, mut axis: WindowAxis) -> WindowAxis {
        axis.output = axis.input.div_ceil(axis.stride);
        let covered = axis.output.saturating_sub(1).saturating_mul(axis.stride).saturating_add(axis.extent());
        let total = covered.saturating_sub(axis.input);
        axis.pad_begin = if self.pads == Padding::SameUpper { total / 2 } else { total.div_ceil(2) };
        axis.pad_end = total - axis.pad_begin;
        axis
    }

    fn explicit(&self, mut axis: WindowAxis) -> Result<WindowAxis, OperatorError> {
        let WindowAxis { input, stride, pad_begin, pad_end, .. } = axis;
        let extent = axis.extent();
        let padded = input.checked_add(pad_begin + pad_end);
        let room = padded.and_then(|padded| padded.checked_add(if self.ceil_mode { stride - 1 } else { 0 }));
        let room = room.and_then(|room| room.checked_sub(extent)).ok_or_else(|| {
            OperatorError::Shape(format!(
                "a window {extent} wide does not fit into {input} cells padded by {pad_begin} and {pad_end}"
            ))
        })?;
        axis.output = room / stride + 1;
        if self.ceil_mode && (axis.output - 1) * stride >= input + pad_begin {
            axis.output -= 1;
        }
        Ok(axis)
    }

    /// The attributes that [`Window::read`] reads.
    pub(super) fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        let lists = [("kernel_shape", &self.kernel), ("strides", &self.strides), ("dilations", &self.dilations)];
        for (name, values) in lists {
            if !values.is_empty() {
                attributes.push(Attribute::ints(name, values));
            }
        }
        match &self.pads {
            Padding::Explicit { begin, end } => {
                if !begin.is_empty() {
                    attributes.push(Attribute::ints("pads", &[begin.as_slice(), end].concat()));
                }
            }
            Padding::SameUpper => attributes.push(Attribute::string("auto_pad", "SAME_UPPER")),
            Padding::SameLower => attributes.push(Attribute::string("auto_pad", "SAME_LOWER")),
            Padding::Valid => attributes.push(Attribute::string("auto_pad", "VALID")),
        }
        if self.ceil_mode {
            attributes.push(Attribute::int("ceil_mode", 1));
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    use super::{Padding, Window};

    fn window(pads: Padding, stride: usize, dilation: usize, ceil_mode: bool) -> Window {
        Window { kernel: Vec::new(), strides: vec![stride], pads, dilations: vec![dilation], ceil_mode }
    }

    fn pads(begin: usize, end: usize) -> Padding {
        Padding::Explicit { begin: vec![begin], end: vec![end] }
    }

    #[test]
    fn counts_windows_as_pytorch_does() {
        // (input, kernel, stride, dilation, begin, end, ceil) -> output of torch.nn.functional.max_pool1d
        let cases = [
            ((10, 3, 2, 1, 0, 0, false), 4),
            ((10, 3, 2, 1, 0, 0, true), 5),
            ((10, 3, 2, 1, 1, 1, false), 5),
            ((10, 3, 2, 2, 1, 1, false), 4),
            ((3, 2, 3, 1, 1, 1, true), 2),
            ((4, 1, 4, 1, 0, 0, true), 1),
            ((2, 3, 2, 1, 0, 0, true), 1),
        ];
        for ((input, kernel, stride, dilation, begin, end, ceil), expected) in cases {
            let geometry = window(pads(begin, end), stride, dilation, ceil).resolve(&[input], &[kernel]).unwrap();
            assert_eq!(geometry.output(), [expected], "{input} {kernel} {stride} {dilation} {begin} {end} {ceil}");
        }
    }

    #[test]
    fn same_padding_puts_the_odd_cell_where_asked() {
        for (padding, begin, end) in [(Padding::SameUpper, 0, 1), (Padding::SameLower, 1, 0)] {
            let axis = window(padding, 2, 1, false).resolve(&[6], &[3]).unwrap().axes[0];
            assert_eq!((axis.output, axis.pad_begin, axis.pad_end), (3, begin, end));
        }
    }

    #[test]
    fn refuses_a_window_that_does_not_fit() {
        assert!(window(pads(1, 1), 1, 1, false).resolve(&[3], &[6]).is_err());
        assert!(window(pads(1, 1), 1, 1, false).resolve(&[3, 3], &[2, 2]).is_err());
        assert!(window(pads(1, 1), 1, 1, false).resolve(&[usize::MAX], &[2]).is_err());
        assert!(window(pads(0, 0), 1, 1, false).resolve(&[3], &[0]).is_err());
    }
}
