//! Reductions over axes.
//!
//! A sum is never split among threads, so that it does not depend on their number. Sums are carried in f64 across
//! blocks, so that a mean over a large feature map keeps the precision of its elements.

use crate::elementwise::{CHUNK, PARALLEL};
use crate::team;

/// What becomes of the elements that fall together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Their sum; of no element: 0.
    Sum,
    /// The sum of their squares.
    SumOfSquares,
    /// The largest, NaN if there is one; of no element: −∞.
    Max,
    /// The smallest, NaN if there is one; of no element: ∞.
    Min,
}

/// Reduces `input` of `shape` over the axes for which `reduced` is true into `out`: the remaining axes, in order.
///
/// # Panics
/// When the lengths do not fit together.
pub fn reduce(input: &[f32], shape: &[usize], reduced: &[bool], out: &mut [f32], reduction: Reduction) {
    assert_eq!(shape.len(), reduced.len(), "a flag for each axis");
    assert_eq!(input.len(), shape.iter().product::<usize>(), "the input fills its shape");
    let kept: usize = shape.iter().zip(reduced).filter(|&(_, &reduced)| !reduced).map(|(&count, _)| count).product();
    assert_eq!(out.len(), kept, "an output for each place that is kept");
    if input.is_empty() {
        out.fill(reduction.of_nothing());
        return;
    }
    match reduction {
        Reduction::Sum => Plan::new(shape, reduced).sums(input, out, |x| x),
        Reduction::SumOfSquares => Plan::new(shape, reduced).sums(input, out, |x| x * x),
        Reduction::Max => Plan::new(shape, reduced).extrema(input, out, |a, b| if b > a || b.is_nan() { b } else { a }),
        Reduction::Min => Plan::new(shape, reduced).extrema(input, out, |a, b| if b < a || b.is_nan() { b } else { a }),
    }
}

impl Reduction {
    fn of_nothing(self) -> f32 {
        match self {
            Self::Sum | Self::SumOfSquares => 0.0,
            Self::Max => f32::NEG_INFINITY,
            Self::Min => f32::INFINITY,
        }
    }
}

/// Σ f(x) over a contiguous row: lanes of f32 within a block, f64 across blocks.
pub fn row_sum(row: &[f32], f: impl Fn(f32) -> f32) -> f64 {
    const LANES: usize = 16;
    const BLOCK: usize = 64 * LANES;
    let block_sum = |block: &[f32]| {
        let (chunks, rest) = block.as_chunks::<LANES>();
        let mut lanes = [0.0f32; LANES];
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane += f(x);
            }
        }
        lanes.iter().copied().map(f64::from).sum::<f64>() + rest.iter().map(|&x| f64::from(f(x))).sum::<f64>()
    };
    row.chunks(BLOCK).map(block_sum).sum()
}

/// The axes as nested loops, neighbours of the same kind merged.
struct Plan {
    /// Kept axes but for a last one, (count, stride).
    outer: Vec<(usize, usize)>,
    /// Reduced axes but for a last one, (count, stride).
    inside: Vec<(usize, usize)>,
    /// Length of the contiguous last axis.
    row: usize,
    /// Whether that one is reduced.
    row_is_reduced: bool,
}

impl Plan {
    fn new(shape: &[usize], reduced: &[bool]) -> Self {
        let mut axes: Vec<(usize, bool)> = Vec::new();
        for (&count, &reduced) in shape.iter().zip(reduced).filter(|&(&count, _)| count != 1) {
            match axes.last_mut() {
                Some(last) if last.1 == reduced => last.0 *= count,
                _ => axes.push((count, reduced)),
            }
        }
        let (row, row_is_reduced) = axes.pop().unwrap_or((1, true));
        let (mut outer, mut inside, mut stride) = (Vec::new(), Vec::new(), row);
        for (count, reduced) in axes.into_iter().rev() {
            if reduced { &mut inside } else { &mut outer }.push((count, stride));
            stride *= count;
        }
        outer.reverse();
        inside.reverse();
        Self { outer, inside, row, row_is_reduced }
    }

    fn sums(&self, input: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32 + Sync) {
        if self.row_is_reduced {
            self.each(input.len(), out, 1, |base, out| {
                let mut sum = 0.0;
                each_offset(&self.inside, base, &mut |at| sum += row_sum(&input[at..at + self.row], &f));
                out[0] = sum as f32;
            });
        } else {
            self.each(input.len(), out, self.row, |base, out| {
                let mut sums = vec![0.0f64; self.row];
                each_offset(&self.inside, base, &mut |at| {
                    for (sum, &x) in sums.iter_mut().zip(&input[at..at + self.row]) {
                        *sum += f64::from(f(x));
                    }
                });
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = sum as f32;
                }
            });
        }
    }

    fn extrema(&self, input: &[f32], out: &mut [f32], pick: impl Fn(f32, f32) -> f32 + Sync) {
        if self.row_is_reduced {
            self.each(input.len(), out, 1, |base, out| {
                out[0] = input[base];
                each_offset(&self.inside, base, &mut |at| {
                    out[0] = input[at..at + self.row].iter().fold(out[0], |a, &b| pick(a, b));
                });
            });
        } else {
            self.each(input.len(), out, self.row, |base, out| {
                out.copy_from_slice(&input[base..base + self.row]);
                each_offset(&self.inside, base, &mut |at| {
                    for (out, &x) in out.iter_mut().zip(&input[at..at + self.row]) {
                        *out = pick(*out, x);
                    }
                });
            });
        }
    }

    /// Calls `f` with the offset of the first input and the `length` outputs of each place of the outer axes.
    fn each(&self, inputs: usize, out: &mut [f32], length: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
        let places = out.len() / length;
        let work = |place: usize, out: &mut [f32]| f(self.outer_offset(place), out);
        if inputs < PARALLEL {
            out.chunks_mut(length).enumerate().for_each(|(place, out)| work(place, out));
        } else {
            let together = (CHUNK / (inputs / places)).max(1);
            team::each_chunk(out, length, together, work);
        }
    }

    fn outer_offset(&self, mut place: usize) -> usize {
        let mut offset = 0;
        for &(count, stride) in self.outer.iter().rev() {
            offset += place % count * stride;
            place /= count;
        }
        offset
    }
}

fn each_offset(axes: &[(usize, usize)], base: usize, f: &mut impl FnMut(usize)) {
    match axes.split_first() {
        None => f(base),
        Some((&(count, stride), rest)) => {
            for index in 0..count {
                each_offset(rest, base + index * stride, f);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Reduction, reduce, row_sum};

    /// Each output from its definition, in f64.
    fn naive(input: &[f32], shape: &[usize], reduced: &[bool], reduction: Reduction) -> Vec<f32> {
        let kept: usize = shape.iter().zip(reduced).filter(|&(_, r)| !r).map(|(n, _)| n).product();
        let mut out = vec![f64::from(reduction.of_nothing()); kept];
        for (flat, &x) in input.iter().enumerate() {
            let (mut rest, mut place, mut stride) = (flat, 0, 1);
            for (&count, &reduced) in shape.iter().zip(reduced).rev() {
                if !reduced {
                    place += rest % count * stride;
                    stride *= count;
                }
                rest /= count;
            }
            let x = f64::from(x);
            out[place] = match reduction {
                Reduction::Sum => out[place] + x,
                Reduction::SumOfSquares => out[place] + x * x,
                Reduction::Max => out[place].max(x),
                Reduction::Min => out[place].min(x),
            };
        }
        out.into_iter().map(|v| v as f32).collect()
    }

    fn noise(count: usize) -> Vec<f32> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn every_choice_of_axes_equals_the_naive_one() {
        let shapes: &[&[usize]] = &[&[], &[1], &[5], &[2, 3, 4, 5], &[3, 1, 17, 2], &[2, 64, 33, 35], &[2, 0, 3]];
        for shape in shapes {
            let input = noise(shape.iter().product());
            for choice in 0..1u32 << shape.len() {
                let reduced: Vec<_> = (0..shape.len()).map(|axis| choice >> axis & 1 == 1).collect();
                for reduction in [Reduction::Sum, Reduction::SumOfSquares, Reduction::Max, Reduction::Min] {
                    let expected = naive(&input, shape, &reduced, reduction);
                    let mut out = vec![f32::NAN; expected.len()];
                    reduce(&input, shape, &reduced, &mut out, reduction);
                    let close = |(&a, &b): (&f32, &f32)| a == b || (a - b).abs() <= 1e-5 * b.abs().max(1.0);
                    assert!(out.iter().zip(&expected).all(close), "{reduction:?} of {shape:?} over {reduced:?}");
                }
            }
        }
    }

    #[test]
    fn a_long_sum_keeps_its_precision() {
        let row = vec![0.1f32; 10_000_000];
        let exact = f64::from(0.1f32) * 1e7;
        assert!((row_sum(&row, |x| x) / exact - 1.0).abs() < 1e-6);
    }

    #[test]
    fn nan_is_not_lost() {
        let mut out = [0.0; 2];
        reduce(&[1.0, f32::NAN, 2.0, 4.0, 5.0, 6.0], &[2, 3], &[false, true], &mut out, Reduction::Max);
        assert!(out[0].is_nan() && out[1] == 6.0);
        reduce(&[f32::NAN, 1.0, 2.0, 4.0, 5.0, 6.0], &[2, 3], &[false, true], &mut out, Reduction::Min);
        assert!(out[0].is_nan() && out[1] == 4.0);
    }
}
