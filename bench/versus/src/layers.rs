//! Time of every step of a run against what the machine could do.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use eyebar_tensor::simd::{Isa, multiply_adds};
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
    let lanes: usize =
        (0..rayon::current_num_threads()).into_par_iter().map(|_| multiply_adds(Isa::detect(), ROUNDS)).sum();
    2.0 * (ROUNDS * lanes) as f64 / start.elapsed().as_secs_f64()
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
