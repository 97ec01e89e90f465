//! What the arithmetic of a core can do at most.

use std::hint::black_box;

use super::{Isa, Simd, dispatch};

/// Vectors that are worked on side by side: enough to hide the latency of a multiply-add.
const CHAINS: usize = 10;

/// Does `rounds` rounds of multiply-adds that wait for nothing; returns how many numbers each round works on. Benchmarks
/// divide the operations by the time.
pub fn multiply_adds(isa: Isa, rounds: usize) -> usize {
    // SAFETY: `isa` proves the instruction set.
    unsafe { dispatch!(isa, chains(rounds: usize) -> usize) }
}

/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn chains<S: Simd>(rounds: usize) -> usize {
    // SAFETY: as the caller promises.
    unsafe {
        let (factor, summand) = (S::splat(black_box(0.999)), S::splat(black_box(0.001)));
        let mut sums = [S::splat(1.0); CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = S::multiply_add(*sum, factor, summand);
            }
        }
        black_box(sums);
    }
    CHAINS * S::LANES
}
