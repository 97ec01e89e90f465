//! From rows to blocks and back.

use super::BLOCK;
use crate::shared::SharedMut;
use crate::team;

/// Blocks that hold `channels`.
pub fn blocks(channels: usize) -> usize {
    channels.div_ceil(BLOCK)
}

/// Pixels that one task moves: with their 16 lanes they stay in the first cache.
const PIXELS_PER_TASK: usize = 1024;

/// `[N, C, pixels]` → `[N, ⌈C / 16⌉, pixels, 16]`; spare lanes become 0.
///
/// # Panics
/// When the sizes do not fit.
pub fn block(dense: &[f32], channels: usize, pixels: usize, out: &mut [f32]) {
    let count = blocks(channels);
    assert_eq!(dense.len() * count * BLOCK, out.len() * channels, "arrays do not fit");
    if dense.is_empty() {
        return;
    }
    let parts = pixels.div_ceil(PIXELS_PER_TASK);
    let out = SharedMut::new(out);
    team::each(out.len() / (pixels * BLOCK) * parts, |task| {
        let (index, start) = (task / parts, task % parts * PIXELS_PER_TASK);
        let (image, first) = (index / count, index % count * BLOCK);
        let real = BLOCK.min(channels - first);
        let planes = &dense[(image * channels + first) * pixels..][..real * pixels];
        let len = PIXELS_PER_TASK.min(pixels - start);
        // SAFETY: each pixel of a block belongs to one task.
        let out = unsafe { out.slice((index * pixels + start) * BLOCK, len * BLOCK) };
        for (at, lanes) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            *lanes = std::array::from_fn(|lane| match lane < real {
                true => planes[lane * pixels + start + at],
                false => 0.0,
            });
        }
    });
}

/// `[N, ⌈C / 16⌉, pixels, 16]` → `[N, C, pixels]`.
///
/// # Panics
/// When the sizes do not fit.
pub fn unblock(blocked: &[f32], channels: usize, pixels: usize, out: &mut [f32]) {
    let count = blocks(channels);
    assert_eq!(out.len() * count * BLOCK, blocked.len() * channels, "arrays do not fit");
    if out.is_empty() {
        return;
    }
    team::each_chunk(out, pixels, (PIXELS_PER_TASK / pixels).max(1), |plane, out| {
        let (image, channel) = (plane / channels, plane % channels);
        let block = &blocked[(image * count + channel / BLOCK) * pixels * BLOCK..][..pixels * BLOCK];
        for (value, lanes) in out.iter_mut().zip(block.as_chunks::<BLOCK>().0) {
            *value = lanes[channel % BLOCK];
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, block, blocks, unblock};

    #[test]
    fn blocks_are_undone() {
        for (images, channels, pixels) in [(1, 1, 1), (2, 3, 5), (1, 16, 7), (3, 33, 2050)] {
            let dense: Vec<f32> = (1..=images * channels * pixels).map(|i| i as f32).collect();
            let mut blocked = vec![f32::NAN; images * blocks(channels) * pixels * BLOCK];
            block(&dense, channels, pixels, &mut blocked);
            for (index, &value) in blocked.iter().enumerate() {
                let (pixel, lane) = (index / BLOCK % pixels, index % BLOCK);
                let (image, block) =
                    (index / BLOCK / pixels / blocks(channels), index / BLOCK / pixels % blocks(channels));
                let channel = block * BLOCK + lane;
                let expected =
                    if channel < channels { dense[(image * channels + channel) * pixels + pixel] } else { 0.0 };
                assert_eq!(value, expected);
            }
            let mut back = vec![f32::NAN; dense.len()];
            unblock(&blocked, channels, pixels, &mut back);
            assert_eq!(back, dense);
        }
    }
}
