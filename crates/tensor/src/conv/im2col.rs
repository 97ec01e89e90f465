//! Convolution as a matrix product whose right matrix is packed straight from the image (Chellapilla, Puri, Simard 2006).

use super::Conv2d;
use crate::gemm::{PackedLeft, multiply_panels, panel_columns};
use crate::scratch::with_scratch;
use crate::shared::SharedMut;
use crate::simd::Isa;
use crate::team;

/// Right panels that one task packs and multiplies.
const PANELS_PER_TASK: usize = 4;

/// Filters that one task computes where there are too few positions to share out.
const FILTERS_PER_TASK: usize = 64;

/// Packs the weights of each group.
pub(super) fn pack(isa: Isa, conv: &Conv2d, weights: &[f32]) -> Vec<PackedLeft> {
    let depth = conv.depth();
    let filters = conv.group_filters();
    (0..conv.groups)
        .map(|group| PackedLeft::new(isa, filters, depth, |row, k| weights[(group * filters + row) * depth + k]))
        .collect()
}

pub(super) fn run(conv: &Conv2d, groups: &[PackedLeft], input: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    let Some(first) = groups.first() else { return };
    let width = panel_columns(first.isa());
    let positions = conv.positions();
    let step = width * PANELS_PER_TASK;
    let images = input.len() / conv.input_len().max(1);
    let blocks = positions.div_ceil(step);
    let filters = conv.group_filters();
    let row_step = if images * conv.groups * blocks > 2 { filters } else { FILTERS_PER_TASK };
    let row_blocks = filters.div_ceil(row_step);
    let tasks = images * conv.groups * blocks * row_blocks;
    let out = SharedMut::new(out);
    team::each(tasks, |task| {
        let (block, task) = (task % blocks, task / blocks);
        let (row_block, task) = (task % row_blocks, task / row_blocks);
        let (group, image) = (task % conv.groups, task / conv.groups);
        let columns = block * step..positions.min((block + 1) * step);
        let rows = row_block * row_step..filters.min((row_block + 1) * row_step);
        let image_data = &input[image * conv.input_len()..][..conv.input_len()];
        let first_filter = group * filters + rows.start;
        let out = out.starting_at(image * conv.output_len() + first_filter * positions + columns.start);
        with_scratch(columns.len().next_multiple_of(width) * conv.depth(), |packed| {
            pack_columns(conv, image_data, group, columns.clone(), width, packed);
            // SAFETY: tasks cover disjoint (image, filter, position) boxes.
            unsafe { multiply_panels(&groups[group], rows.clone(), packed, columns.len(), out, positions) };
        });
        if let Some(bias) = bias {
            for row in 0..rows.len() {
                // SAFETY: as above.
                for value in unsafe { out.slice(row * positions, columns.len()) } {
                    *value += bias[first_filter + row];
                }
            }
        }
    });
}

/// Packs the taps of output positions `columns` of one group: panels of `depth` × `width`, zero where outside.
fn pack_columns(
    conv: &Conv2d,
    image: &[f32],
    group: usize,
    columns: std::ops::Range<usize>,
    width: usize,
    packed: &mut [f32],
) {
    let depth = conv.depth();
    let (height, row_len) = conv.input;
    packed.fill(0.0);
    for (panel, packed) in packed.chunks_exact_mut(width * depth).enumerate() {
        let start = columns.start + panel * width;
        let end = columns.end.min(start + width);
        let mut k = 0;
        for channel in 0..conv.group_channels() {
            let plane = &image[(group * conv.group_channels() + channel) * height * row_len..][..height * row_len];
            for ky in 0..conv.kernel.0 {
                for kx in 0..conv.kernel.1 {
                    let (valid, first_column) = conv.output_columns(kx);
                    let row = &mut packed[k * width..(k + 1) * width];
                    let mut position = start;
                    while position < end {
                        let (y, x) = (position / conv.output.1, position % conv.output.1);
                        let length = (conv.output.1 - x).min(end - position);
                        if let Some(input_row) = conv.input_row(y, ky) {
                            let from = x.max(valid.start);
                            let to = (x + length).min(valid.end);
                            if from < to {
                                let source = input_row * row_len + first_column + (from - valid.start) * conv.stride.1;
                                let target = &mut row[position - start + from - x..][..to - from];
                                copy_strided(&plane[source..], conv.stride.1, target);
                            }
                        }
                        position += length;
                    }
                    k += 1;
                }
            }
        }
    }
}

#[inline]
fn copy_strided(from: &[f32], stride: usize, to: &mut [f32]) {
    const WHOLE_PANEL: usize = 32;
    if stride == 1 {
        // Most rows fill a panel: a length known to the compiler is copied in two vectors, without a call.
        match (<&mut [f32; WHOLE_PANEL]>::try_from(&mut *to), from.first_chunk()) {
            (Ok(to), Some(from)) => *to = *from,
            _ => to.copy_from_slice(&from[..to.len()]),
        }
    } else {
        for (to, from) in to.iter_mut().zip(from.iter().step_by(stride)) {
            *to = *from;
        }
    }
}
