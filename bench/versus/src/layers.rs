//! Time of every step of a run against what the machine could do.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;

use crate::work::{Run, plan};

/// Runs that medians are taken of.
const RUNS: usize = 15;

/// Prints, for every step of a work, its median time, its operations and bytes, and the share of the machine's peak: of
/// arithmetic (the direct sum's operations, of which Winograd's algorithm needs fewer) and of memory bandwidth.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let Run { executor, input, image } = plan(arguments)?;
    let steps: Vec<_> = executor.steps().collect();
    let mut times = vec![Vec::with_capacity(RUNS); steps.len()];
    for round in 0..=RUNS {
        let mut last = Instant::now();
        let results = executor.run_watched(&[(input, &image)], &mut |step| {
            let now = Instant::now();
            if round > 0 {
                times[step].push((now - last).as_secs_f64());
            }
            last = Instant::now();
        })?;
        executor.recycle(results);
    }
    let (arithmetic, memory) = (peak_arithmetic(), peak_memory());
    let threads = rayon::current_num_threads();
    println!("{threads} threads: {:.0} GFLOP/s, {:.1} GB/s read from memory", arithmetic / 1e9, memory / 1e9);
    println!("{:52} {:22} {:>8} {:>8} {:>7} {:>6} {:>6}", "step", "algorithm", "ms", "MFLOP", "MB", "arith", "mem");
    let (mut total, mut operations) = (0.0, 0.0);
    for (step, times) in steps.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let seconds = times[times.len() / 2];
        let (flops, bytes) = (2.0 * step.multiply_adds as f64, step.bytes as f64);
        let shape: Vec<_> = step.shape.iter().map(ToString::to_string).collect();
        let name = format!("{} {} {}", step.operator, shape.join("×"), step.node);
        let name: String = name.chars().take(52).collect();
        println!(
            "{name:52} {:22} {:8.3} {:8.1} {:7.2} {:5.0}% {:5.0}%",
            step.algorithm,
            seconds * 1e3,
            flops / 1e6,
            bytes / 1e6,
            100.0 * flops / seconds / arithmetic,
            100.0 * bytes / seconds / memory,
        );
        total += seconds;
        operations += flops;
    }
    println!("total {:.2} ms, {:.0}% of peak arithmetic", total * 1e3, 100.0 * operations / total / arithmetic);
    Ok(())
}

/// Operations a second of all threads in multiply-adds that wait for nothing.
fn peak_arithmetic() -> f64 {
    const ROUNDS: usize = 20_000_000;
    let start = Instant::now();
    let lanes: usize = (0..rayon::current_num_threads()).into_par_iter().map(|_| multiply_adds(ROUNDS)).sum();
    2.0 * (ROUNDS * lanes) as f64 / start.elapsed().as_secs_f64()
}

/// Does `rounds` rounds of multiply-adds; returns how many numbers each works on.
#[cfg(target_arch = "x86_64")]
fn multiply_adds(rounds: usize) -> usize {
    /// Enough chains to hide the latency.
    const CHAINS: usize = 10;
    #[target_feature(enable = "avx512f,fma")]
    fn avx512(rounds: usize) -> usize {
        black_box(chains::<{ CHAINS * 16 }>(rounds));
        CHAINS * 16
    }
    #[target_feature(enable = "avx2,fma")]
    fn avx2(rounds: usize) -> usize {
        black_box(chains::<{ CHAINS * 8 }>(rounds));
        CHAINS * 8
    }
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: detected.
        unsafe { avx512(rounds) }
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: detected.
        unsafe { avx2(rounds) }
    } else {
        black_box(chains::<32>(rounds));
        32
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn multiply_adds(rounds: usize) -> usize {
    black_box(chains::<32>(rounds));
    32
}

#[inline(always)]
fn chains<const NUMBERS: usize>(rounds: usize) -> [f32; NUMBERS] {
    let (factor, summand) = (black_box(0.999f32), black_box(0.001f32));
    let mut sums = [1.0f32; NUMBERS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = sum.mul_add(factor, summand);
        }
    }
    sums
}

/// Bytes a second that all threads read of an array larger than the caches.
fn peak_memory() -> f64 {
    let array = vec![1.0f32; 1 << 26];
    let read = || {
        let sum = |part: &[f32]| {
            part.as_chunks::<64>().0.iter().fold([0.0f32; 64], |mut sums, chunk| {
                sums.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value);
                sums
            })
        };
        let start = Instant::now();
        black_box(array.par_chunks(1 << 16).map(|part| sum(part)[0]).sum::<f32>());
        start.elapsed().as_secs_f64()
    };
    let least = (0..5).map(|_| read()).fold(f64::INFINITY, f64::min);
    size_of_val(&array[..]) as f64 / least
}
