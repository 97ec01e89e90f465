//! Kernels on the blocked layout: channels in blocks of 16 that lie side by side.
//!
//! A blocked array is `[N, ⌈C / 16⌉, H, W, 16]`: what a kernel needs of all channels of a pixel is a row of whole
//! vectors, so that neither convolutions nor pools shuffle. The lanes of the last block beyond C ("spare" lanes) hold
//! anything, infinities and NaN too: no kernel that mixes channels reads them.

mod depthwise;
mod direct;
mod epilogue;
mod frame;
mod layout;
mod panel;
mod patch;
mod pool;
mod quantised;
mod windows;
mod winograd;

pub use depthwise::DepthwiseConv;
pub use direct::DirectConv;
pub use epilogue::{Activation, Epilogue};
pub use layout::{block, blocks, unblock};
pub use patch::{Rect, cut};
pub use pool::{global_average, pool_average, pool_max, pool_max_gradient};
pub use quantised::{Quantisation, QuantisedConv};
pub use winograd::WinogradConv;

use crate::conv::Conv2d;

/// Whether weights whose filters are filled up to whole blocks take little memory more.
fn filling_is_small(conv: &Conv2d) -> bool {
    const MOST_FILLING: usize = 4;
    // 16 MiB.
    const SMALL: usize = 1 << 22;
    let packed = conv.depth().saturating_mul(blocks(conv.filters) * BLOCK);
    packed <= conv.weights_len().saturating_mul(MOST_FILLING).max(SMALL)
}

/// Channels of a block.
pub const BLOCK: usize = 16;
