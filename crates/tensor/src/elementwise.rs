//! Element-wise kernels: unary maps and broadcast binary maps.
//!
//! Each output element depends on its own inputs alone, so splitting the work among threads changes no result.

use crate::team;

/// Elements one task computes.
pub(crate) const CHUNK: usize = 1 << 14;

/// Below this many elements the threads cost more than they gain.
pub(crate) const PARALLEL: usize = 1 << 16;

/// out = f(input), element by element.
///
/// # Panics
/// When the lengths differ.
pub fn map<T: Copy + Sync, U: Send>(input: &[T], out: &mut [U], f: impl Fn(T) -> U + Sync) {
    assert_eq!(input.len(), out.len(), "one output for each input");
    let apply = |(out, input): (&mut [U], &[T])| {
        for (out, &input) in out.iter_mut().zip(input) {
            *out = f(input);
        }
    };
    if out.len() < PARALLEL {
        apply((out, input));
    } else {
        team::each_chunk(out, CHUNK, 1, |index, out| apply((out, &input[index * CHUNK..])));
    }
}

/// out = f(a, b), element by element, all of the same length.
///
/// # Panics
/// When the lengths differ.
pub fn zip<A: Copy + Sync, B: Copy + Sync, U: Send>(a: &[A], b: &[B], out: &mut [U], f: impl Fn(A, B) -> U + Sync) {
    assert!(a.len() == out.len() && b.len() == out.len(), "one output for each pair of inputs");
    let apply = |((out, a), b): ((&mut [U], &[A]), &[B])| {
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *out = f(a, b);
        }
    };
    if out.len() < PARALLEL {
        apply(((out, a), b));
    } else {
        team::each_chunk(out, CHUNK, 1, |index, out| apply(((out, &a[index * CHUNK..]), &b[index * CHUNK..])));
    }
}

/// The shape to which all of `shapes` broadcast (NumPy's rule: aligned at the last axis, a 1 stretches), if any.
pub fn broadcast_shape(shapes: &[&[usize]]) -> Option<Vec<usize>> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut out = vec![1; rank];
    for shape in shapes {
        for (out, &dim) in out[rank - shape.len()..].iter_mut().zip(*shape) {
            match (*out, dim) {
                (_, 1) => {}
                (1, dim) => *out = dim,
                (out, dim) if out == dim => {}
                _ => return None,
            }
        }
    }
    Some(out)
}

/// out = f(a, b) with NumPy's broadcasting; `shape` is the shape of `out`, `a` and `b` come with theirs.
///
/// # Panics
/// When a slice does not fill its shape, or a shape does not broadcast to `shape`.
pub fn broadcast<A: Copy + Sync, B: Copy + Sync, U: Send>(
    (a, a_shape): (&[A], &[usize]),
    (b, b_shape): (&[B], &[usize]),
    out: &mut [U],
    shape: &[usize],
    f: impl Fn(A, B) -> U + Sync,
) {
    assert_eq!(out.len(), shape.iter().product::<usize>(), "the output fills its shape");
    let loops = Loops::new(shape, [a_shape, b_shape]);
    if out.is_empty() {
        return;
    }
    assert_eq!(a.len(), a_shape.iter().product::<usize>(), "a fills its shape");
    assert_eq!(b.len(), b_shape.iter().product::<usize>(), "b fills its shape");
    if out.len() < PARALLEL {
        loops.run(0, a, b, out, &f);
    } else {
        team::each_chunk(out, CHUNK, 1, |index, out| loops.run(index * CHUNK, a, b, out, &f));
    }
}

/// A loop over `count` elements: the steps of both operands, 0 where one is stretched.
#[derive(Debug, Clone, Copy)]
struct Axis {
    count: usize,
    steps: [usize; 2],
}

/// A nest of loops with as few levels as the shapes allow: equal shapes are one loop, a channel scale is three.
struct Loops {
    outer: Vec<Axis>,
    /// Steps are 0 or 1.
    inner: Axis,
}

impl Loops {
    fn new(shape: &[usize], operands: [&[usize]; 2]) -> Self {
        let steps = operands.map(|operand| stretched_strides(operand, shape));
        let mut axes: Vec<Axis> = Vec::new();
        for (index, &count) in shape.iter().enumerate().filter(|&(_, &count)| count != 1) {
            let axis = Axis { count, steps: [steps[0][index], steps[1][index]] };
            match axes.last_mut() {
                Some(last) if (0..2).all(|i| last.steps[i] == axis.steps[i] * count) => {
                    *last = Axis { count: last.count * count, steps: axis.steps };
                }
                _ => axes.push(axis),
            }
        }
        let inner = axes.pop().unwrap_or(Axis { count: 1, steps: [1, 1] });
        Self { outer: axes, inner }
    }

    /// Computes the flat range of outputs that starts at `start`.
    fn run<A: Copy, B: Copy, U>(&self, start: usize, a: &[A], b: &[B], out: &mut [U], f: &impl Fn(A, B) -> U) {
        let Axis { count, steps } = self.inner;
        let (mut row, mut offset) = (start / count, start % count);
        let mut out = out;
        while !out.is_empty() {
            let length = (count - offset).min(out.len());
            let (part, rest) = out.split_at_mut(length);
            let [base_a, base_b] = self.row_offsets(row);
            let (from_a, from_b) = (base_a + offset * steps[0], base_b + offset * steps[1]);
            match steps {
                [0, _] => {
                    let a = a[from_a];
                    part.iter_mut().zip(&b[from_b..from_b + length]).for_each(|(out, &b)| *out = f(a, b));
                }
                [_, 0] => {
                    let b = b[from_b];
                    part.iter_mut().zip(&a[from_a..from_a + length]).for_each(|(out, &a)| *out = f(a, b));
                }
                _ => {
                    let pairs = a[from_a..from_a + length].iter().zip(&b[from_b..from_b + length]);
                    part.iter_mut().zip(pairs).for_each(|(out, (&a, &b))| *out = f(a, b));
                }
            }
            out = rest;
            row += 1;
            offset = 0;
        }
    }

    fn row_offsets(&self, mut row: usize) -> [usize; 2] {
        let mut offsets = [0; 2];
        for axis in self.outer.iter().rev() {
            let index = row % axis.count;
            row /= axis.count;
            offsets[0] += index * axis.steps[0];
            offsets[1] += index * axis.steps[1];
        }
        offsets
    }
}

/// For each axis of `shape` the step in an operand of shape `operand`: 0 where it is stretched.
fn stretched_strides(operand: &[usize], shape: &[usize]) -> Vec<usize> {
    let missing = shape.len().checked_sub(operand.len()).expect("an operand has no more axes than the output");
    let mut steps = vec![0; shape.len()];
    let mut stride = 1;
    for (axis, &count) in operand.iter().enumerate().rev() {
        assert!(count == 1 || count == shape[missing + axis], "{operand:?} does not broadcast to {shape:?}");
        steps[missing + axis] = if count == 1 { 0 } else { stride };
        stride *= count;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::{PARALLEL, broadcast, broadcast_shape, map, stretched_strides, zip};

    /// Element by element, with no merging of axes.
    fn naive(a: (&[f32], &[usize]), b: (&[f32], &[usize]), shape: &[usize]) -> Vec<f32> {
        let steps = [a, b].map(|(_, operand)| stretched_strides(operand, shape));
        let at = |steps: &[usize], mut flat: usize| {
            let mut offset = 0;
            for (axis, &count) in shape.iter().enumerate().rev() {
                offset += flat % count * steps[axis];
                flat /= count;
            }
            offset
        };
        (0..shape.iter().product()).map(|flat| a.0[at(&steps[0], flat)] - b.0[at(&steps[1], flat)]).collect()
    }

    fn ramp(shape: &[usize], step: f32) -> Vec<f32> {
        (0..shape.iter().product::<usize>()).map(|i| i as f32 * step).collect()
    }

    #[test]
    fn every_way_of_broadcasting_equals_the_naive_one() {
        let shapes: &[(&[usize], &[usize])] = &[
            (&[], &[]),
            (&[2, 3, 4, 5], &[2, 3, 4, 5]),
            (&[2, 3, 4, 5], &[]),
            (&[1, 1], &[2, 3]),
            (&[2, 3, 4, 5], &[3, 1, 1]),
            (&[2, 3, 4, 5], &[5]),
            (&[2, 1, 4, 1], &[3, 1, 5]),
            (&[7, 1], &[1, 9]),
            (&[2, 0, 3], &[3]),
            (&[3, 50, 1000], &[50, 1]),
            (&[1, 1000], &[150, 1]),
            (&[70_000], &[1]),
        ];
        for &(a, b) in shapes {
            for (a, b) in [(a, b), (b, a)] {
                let shape = broadcast_shape(&[a, b]).unwrap();
                let (left, right) = (ramp(a, 1.0), ramp(b, 0.5));
                let mut out = vec![f32::NAN; shape.iter().product()];
                broadcast((&left, a), (&right, b), &mut out, &shape, |a, b| a - b);
                assert_eq!(out, naive((&left, a), (&right, b), &shape), "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn shapes_that_do_not_fit_have_no_common_one() {
        assert_eq!(broadcast_shape(&[&[2, 3], &[2]]), None);
        assert_eq!(broadcast_shape(&[&[0], &[3]]), None);
        assert_eq!(broadcast_shape(&[&[0], &[1], &[4, 1]]), Some(vec![4, 0]));
        assert_eq!(broadcast_shape(&[]), Some(Vec::new()));
    }

    #[test]
    fn many_elements_are_mapped_as_few_are() {
        let input = ramp(&[PARALLEL + 7], 1.0);
        let mut out = vec![f32::NAN; input.len()];
        map(&input, &mut out, |x| x + 1.0);
        assert!(out.iter().zip(&input).all(|(out, x)| *out == x + 1.0));
        zip(&input, &out.clone(), &mut out, |a, b| a - b);
        assert!(out.iter().all(|&difference| difference == -1.0));
    }
}
