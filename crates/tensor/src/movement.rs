//! Kernels that move elements: strided views, paste, gather.

use crate::team;

/// Elements from which it pays to use several threads.
const PARALLEL_ELEMENTS: usize = 1 << 16;

/// Side of the tiles of a transposition: both sides of a tile fit into the first-level cache.
const TILE: usize = 32;

/// Where the elements of a tensor lie in a flat buffer: element `[i, j, …]` at `offset + i·strides[0] + j·strides[1] …`.
///
/// A stride may be negative (reversed axes) or 0 (broadcast axes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Index of element `[0, 0, …]`.
    pub offset: usize,
    /// Step for each axis, in elements.
    pub strides: Vec<isize>,
}

impl View {
    /// The view of a row-major buffer of `shape`.
    pub fn contiguous(shape: &[usize]) -> Self {
        Self { offset: 0, strides: crate::strides(shape).into_iter().map(usize::cast_signed).collect() }
    }
}

/// Copies the elements that `view` shows of `src` into `dst`, which is row-major of `shape`.
///
/// # Panics
/// When the view reaches outside `src` or `dst` does not hold `shape`.
pub fn read_view<T: Copy + Send + Sync>(src: &[T], view: &View, shape: &[usize], dst: &mut [T]) {
    assert_eq!(dst.len(), shape.iter().product(), "dst holds {shape:?}");
    if dst.is_empty() {
        return;
    }
    let (shape, strides) = simplify(shape, &view.strides);
    let offset = view.offset.cast_signed();
    let Some(&rows) = shape.first() else {
        dst[0] = src[view.offset];
        return;
    };
    if dst.len() < PARALLEL_ELEMENTS || rows == 1 {
        copy_block(src, offset, &shape, &strides, dst);
        return;
    }
    let row = dst.len() / rows;
    let block = (PARALLEL_ELEMENTS / 4).div_ceil(row);
    team::each_chunk(dst, block * row, 1, |index, out| {
        let mut shape = shape.clone();
        shape[0] = out.len() / row;
        copy_block(src, offset + (index * block).cast_signed() * strides[0], &shape, &strides, out);
    });
}

/// Writes `src`, row-major of `shape`, to the elements of `dst` that `view` shows; the others stay.
///
/// # Panics
/// When the view reaches outside `dst` or `src` does not hold `shape`.
pub fn write_view<T: Copy>(src: &[T], shape: &[usize], view: &View, dst: &mut [T]) {
    assert_eq!(src.len(), shape.iter().product(), "src holds {shape:?}");
    if !src.is_empty() {
        let (shape, strides) = simplify(shape, &view.strides);
        paste_block(src, &shape, view.offset.cast_signed(), &strides, dst);
    }
}

/// Drops axes of length 1 and joins neighbours that lie in one line.
fn simplify(shape: &[usize], strides: &[isize]) -> (Vec<usize>, Vec<isize>) {
    let (mut joined, mut steps): (Vec<usize>, Vec<isize>) = (Vec::new(), Vec::new());
    for (&len, &stride) in shape.iter().zip(strides).filter(|(len, _)| **len != 1) {
        match (joined.last_mut(), steps.last_mut()) {
            (Some(outer), Some(step)) if *step == stride * len.cast_signed() => {
                *outer *= len;
                *step = stride;
            }
            _ => {
                joined.push(len);
                steps.push(stride);
            }
        }
    }
    (joined, steps)
}

fn at(offset: isize) -> usize {
    usize::try_from(offset).expect("a view stays inside its buffer")
}

fn copy_block<T: Copy>(src: &[T], offset: isize, shape: &[usize], strides: &[isize], dst: &mut [T]) {
    match *shape {
        [] => dst[0] = src[at(offset)],
        [len] => copy_line(src, offset, strides[0], &mut dst[..len]),
        [rows, columns] if strides[0] == 1 && strides[1] > 1 => {
            transpose(&src[at(offset)..], strides[1].cast_unsigned(), rows, columns, dst);
        }
        [rows, ..] => {
            let inner = dst.len() / rows;
            for (row, out) in dst.chunks_exact_mut(inner).enumerate() {
                copy_block(src, offset + row.cast_signed() * strides[0], &shape[1..], &strides[1..], out);
            }
        }
    }
}

fn copy_line<T: Copy>(src: &[T], offset: isize, stride: isize, dst: &mut [T]) {
    match stride {
        0 => dst.fill(src[at(offset)]),
        1 => dst.copy_from_slice(&src[at(offset)..][..dst.len()]),
        2.. => {
            let from = src[at(offset)..].iter().step_by(stride.cast_unsigned());
            dst.iter_mut().zip(from).for_each(|(out, value)| *out = *value);
        }
        _ => {
            let from = src[..=at(offset)].iter().rev().step_by(stride.unsigned_abs());
            dst.iter_mut().zip(from).for_each(|(out, value)| *out = *value);
        }
    }
}

/// `dst[r][c] = src[c · stride + r]`, tile by tile.
fn transpose<T: Copy>(src: &[T], stride: usize, rows: usize, columns: usize, dst: &mut [T]) {
    for row in (0..rows).step_by(TILE) {
        for column in (0..columns).step_by(TILE) {
            let width = TILE.min(columns - column);
            for r in row..rows.min(row + TILE) {
                let out = &mut dst[r * columns + column..][..width];
                let from = src[column * stride + r..].iter().step_by(stride);
                out.iter_mut().zip(from).for_each(|(out, value)| *out = *value);
            }
        }
    }
}

fn paste_block<T: Copy>(src: &[T], shape: &[usize], offset: isize, strides: &[isize], dst: &mut [T]) {
    match *shape {
        [] => dst[at(offset)] = src[0],
        [len] if strides[0] == 1 => dst[at(offset)..][..len].copy_from_slice(src),
        [len] => {
            for (index, value) in src[..len].iter().enumerate() {
                dst[at(offset + index.cast_signed() * strides[0])] = *value;
            }
        }
        [rows, ..] => {
            let inner = src.len() / rows;
            for (row, from) in src.chunks_exact(inner).enumerate() {
                paste_block(from, &shape[1..], offset + row.cast_signed() * strides[0], &strides[1..], dst);
            }
        }
    }
}

/// Joins `inputs` along an axis: input `k` is `[outer, widths[k]]`, `dst` is `[outer, Σ widths]`, where a width counts
/// the axis and all the axes after it.
///
/// # Panics
/// When a length does not fit.
pub fn concatenate<T: Copy + Send + Sync>(inputs: &[(&[T], usize)], dst: &mut [T]) {
    let total: usize = inputs.iter().map(|(_, width)| width).sum();
    if total == 0 {
        return;
    }
    for (row, out) in dst.chunks_exact_mut(total).enumerate() {
        let mut rest = out;
        for (input, width) in inputs {
            let (out, tail) = rest.split_at_mut(*width);
            out.copy_from_slice(&input[row * width..][..*width]);
            rest = tail;
        }
    }
}

/// An axis of a row-major tensor, with the axes before and after it joined: `[outer, len, inner]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Product of the axes before.
    pub outer: usize,
    /// Length of the axis.
    pub len: usize,
    /// Product of the axes after.
    pub inner: usize,
}

impl Axis {
    /// Axis `axis` of `shape`.
    ///
    /// # Panics
    /// When there is no such axis.
    pub fn of(shape: &[usize], axis: usize) -> Self {
        Self { outer: shape[..axis].iter().product(), len: shape[axis], inner: shape[axis + 1..].iter().product() }
    }
}

/// `dst[o, i, :] = src[o, indices[i], :]`.
///
/// # Panics
/// When an index is not below `axis.len` or a length does not fit.
pub fn take<T: Copy + Send + Sync>(src: &[T], axis: Axis, indices: &[usize], dst: &mut [T]) {
    let Axis { len, inner, .. } = axis;
    if dst.is_empty() {
        return;
    }
    team::each_pair((src, len * inner), (dst, indices.len() * inner), |src, dst| {
        if inner == 1 {
            dst.iter_mut().zip(indices).for_each(|(out, &index)| *out = src[index]);
        } else {
            for (out, &index) in dst.chunks_exact_mut(inner).zip(indices) {
                out.copy_from_slice(&src[index * inner..][..inner]);
            }
        }
    });
}

/// Gradient of [`take`]: `dx[o, indices[i], :] += dy[o, i, :]`, with `dx` overwritten.
///
/// # Panics
/// As [`take`].
pub fn take_gradient(dy: &[f32], axis: Axis, indices: &[usize], dx: &mut [f32]) {
    let Axis { len, inner, .. } = axis;
    dx.fill(0.0);
    if dx.is_empty() || dy.is_empty() {
        return;
    }
    team::each_pair((dy, indices.len() * inner), (dx, len * inner), |dy, dx| {
        for (from, &index) in dy.chunks_exact(inner).zip(indices) {
            let out = &mut dx[index * inner..][..inner];
            out.iter_mut().zip(from).for_each(|(out, value)| *out += value);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{Axis, View, read_view, take, take_gradient, write_view};

    /// Element by element, from the definition of a view.
    fn naive(src: &[usize], view: &View, shape: &[usize]) -> Vec<usize> {
        let strides = crate::strides(shape);
        (0..shape.iter().product())
            .map(|flat: usize| {
                let place = (0..shape.len()).map(|a| (flat / strides[a] % shape[a]) as isize * view.strides[a]);
                src[(view.offset as isize + place.sum::<isize>()) as usize]
            })
            .collect()
    }

    #[test]
    fn views_agree_with_their_definition() {
        let src: Vec<usize> = (0..200_000).collect();
        let cases: [(&[usize], usize, &[isize]); 9] = [
            (&[3, 40, 50], 0, &[1, 150, 3]),
            (&[40, 50, 3], 0, &[50, 1, 2000]),
            (&[400, 500], 0, &[1, 400]),
            (&[300, 17, 20], 5, &[340, 20, 1]),
            (&[4, 5], 19, &[-5, -1]),
            (&[3, 4, 5], 2, &[0, 7, 0]),
            (&[2, 3], 100, &[-40, 2]),
            (&[], 7, &[]),
            (&[1, 1, 6], 3, &[9, 9, 3]),
        ];
        for (shape, offset, strides) in cases {
            let view = View { offset, strides: strides.to_vec() };
            let expected = naive(&src, &view, shape);
            let mut found = vec![0; expected.len()];
            read_view(&src, &view, shape, &mut found);
            assert_eq!(found, expected, "{shape:?} {strides:?}");
            if !strides.contains(&0) {
                let mut back = vec![usize::MAX; src.len()];
                write_view(&found, shape, &view, &mut back);
                assert_eq!(naive(&back, &view, shape), expected, "{shape:?} {strides:?}");
                assert_eq!(back.iter().filter(|v| **v != usize::MAX).count(), expected.len());
            }
        }
    }

    #[test]
    fn the_gradient_of_take_is_its_transpose() {
        let axis = Axis { outer: 2, len: 3, inner: 2 };
        let indices = [2, 0, 2, 2];
        let x: Vec<f32> = (0..12).map(|v| v as f32).collect();
        let v: Vec<f32> = (0..16).map(|v| (v * v % 7) as f32).collect();
        let (mut y, mut dx) = (vec![0.0; 16], vec![f32::NAN; 12]);
        take(&x, axis, &indices, &mut y);
        take_gradient(&v, axis, &indices, &mut dx);
        assert_eq!(&y[..4], &[4.0, 5.0, 0.0, 1.0]);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert_eq!(dot(&y, &v), dot(&x, &dx));
    }
}
