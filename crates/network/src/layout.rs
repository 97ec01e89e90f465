//! How activations lie in memory, and the kernels that ask for it.

use eyebar_tensor::Tensor;
use eyebar_tensor::blocked::{self, BLOCK};
use eyebar_tensor::conv::Conv2d;

use crate::error::OperatorError;
use crate::operator::{Arguments, Kernel};
use crate::pool::Pool;
use crate::value::{TensorType, Value};

/// How an activation lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Row-major.
    Dense,
    /// `[N, C, H, W]` as `[N, ⌈C / 16⌉, H, W, 16]` ([`eyebar_tensor::blocked`]).
    Blocked,
}

/// A kernel whose output is blocked.
pub struct BlockedKernel {
    /// Takes its inputs as `inputs` says.
    pub kernel: Box<dyn Kernel>,
    /// The layout of each input; `None` for one that the kernel has packed or does not read.
    pub inputs: Vec<Option<Layout>>,
}

/// A kernel on blocked activations whose outputs depend on near inputs only, for images of any size.
pub struct LocalKernel {
    /// The windows that slide over the image; `None` where every element depends on those at its own place.
    pub windows: Option<Conv2d>,
    /// What a window sees outside the image.
    pub outside: f32,
    /// Does the work.
    pub work: Box<dyn LocalWork>,
}

/// The work of a [`LocalKernel`].
pub trait LocalWork: Send + Sync {
    /// The output of a batch: of the kernel's windows, on images of the size and with the padding that `windows` says.
    ///
    /// # Errors
    /// As [`Kernel::run`].
    fn run(&self, windows: Option<&Conv2d>, arguments: Arguments<'_>, pool: &Pool) -> Result<Value, OperatorError>;
}

/// `[N, ⌈C / 16⌉, H, W, 16]` for `[N, C, H, W]`.
///
/// # Panics
/// When the shape has another rank.
pub(crate) fn blocked_shape(shape: &[usize]) -> Vec<usize> {
    let &[images, channels, height, width] = shape else { panic!("{shape:?} has no channels and pixels") };
    vec![images, blocked::blocks(channels), height, width, BLOCK]
}

/// Bytes of a value of this type in a layout.
pub(crate) fn bytes(kind: &TensorType, layout: Layout) -> usize {
    let elements = match layout {
        Layout::Dense => kind.len(),
        Layout::Blocked => blocked_shape(&kind.shape).iter().fold(1usize, |count, &dim| count.saturating_mul(dim)),
    };
    elements.saturating_mul(kind.dtype.size())
}

/// `value`, whose dense shape is `shape`, in `layout`; it was in the other.
pub(crate) fn reorder(value: &Value, shape: &[usize], layout: Layout, pool: &Pool) -> Value {
    let tensor = value.as_f32().expect("only f32 activations are blocked");
    let (channels, pixels) = (shape[1], shape[2] * shape[3]);
    let out = match layout {
        Layout::Blocked => {
            let mut out = pool.take(&blocked_shape(shape));
            blocked::block(tensor.data(), channels, pixels, out.data_mut());
            out
        }
        Layout::Dense => {
            let mut out = pool.take(shape);
            blocked::unblock(tensor.data(), channels, pixels, out.data_mut());
            out
        }
    };
    out.into()
}

/// A constant that is one number for each channel (`[C, 1, 1]` or `[1, C, 1, 1]`), blocked: `[1, ⌈C / 16⌉, 1, 1, 16]`.
pub(crate) fn blocked_channels(tensor: &Tensor, channels: usize) -> Option<Tensor> {
    let shape: Vec<_> = std::iter::repeat_n(1, 4usize.checked_sub(tensor.shape().len())?)
        .chain(tensor.shape().iter().copied())
        .collect();
    (shape == [1, channels, 1, 1]).then(|| {
        let mut out = Tensor::zeros(&blocked_shape(&shape));
        blocked::block(tensor.data(), channels, 1, out.data_mut());
        out
    })
}
