//! Products of one vector with many rows of small integers: the first look of a search.

use crate::simd::{Isa, Simd, dispatch};

/// Largest absolute value of an element of the vector: sums of `i32` hold products with rows of 4096 elements.
pub const LARGEST: i16 = 4095;

/// out\[n\] = rows\[n, d\] · vector\[d\], exact; d is the length of `vector`.
///
/// # Panics
/// When the sizes do not fit, or `vector` is empty, longer than 4096, or has an element beyond ±[`LARGEST`].
pub fn dots(isa: Isa, rows: &[i8], vector: &[i16], out: &mut [i32]) {
    assert!((1..=4096).contains(&vector.len()) && rows.len() == out.len() * vector.len(), "rows do not fit");
    assert!(vector.iter().all(|value| value.unsigned_abs() <= LARGEST.unsigned_abs()), "the vector is too large");
    // SAFETY: `isa` proves the instruction set.
    unsafe { dispatch!(isa, dot_rows(rows: &[i8], vector: &[i16], out: &mut [i32])) };
}

/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn dot_rows<S: Simd>(rows: &[i8], vector: &[i16], out: &mut [i32]) {
    const WIDE: usize = 32;
    let (vector_chunks, vector_rest) = vector.as_chunks::<WIDE>();
    for (row, out) in rows.chunks_exact(vector.len()).zip(out) {
        let (chunks, rest) = row.as_chunks::<WIDE>();
        let mut sums = [0; WIDE];
        // Plain loops: the compiler makes them products of pairs, of as many lanes as the instruction set has.
        for (a, b) in chunks.iter().zip(vector_chunks) {
            for lane in 0..WIDE {
                sums[lane] += i32::from(a[lane]) * i32::from(b[lane]);
            }
        }
        let mut sum = 0;
        for lane in sums {
            sum += lane;
        }
        for (&a, &b) in rest.iter().zip(vector_rest) {
            sum += i32::from(a) * i32::from(b);
        }
        *out = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::{Isa, LARGEST, dots};

    #[test]
    fn sums_are_exact() {
        let mut rng = fastrand::Rng::with_seed(1);
        for isa in Isa::all() {
            for dimension in [1, 7, 16, 31, 128, 512, 4096] {
                let vector: Vec<i16> = (0..dimension).map(|_| rng.i16(-LARGEST..=LARGEST)).collect();
                let rows: Vec<i8> = (0..9 * dimension).map(|_| rng.i8(..)).collect();
                let mut out = [0; 9];
                dots(isa, &rows, &vector, &mut out);
                for (row, sum) in rows.chunks_exact(dimension).zip(out) {
                    let exact: i64 = row.iter().zip(&vector).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
                    assert_eq!(exact, i64::from(sum), "{} {dimension}", isa.name());
                }
            }
            let extreme = vec![-LARGEST; 4096];
            let mut out = [0];
            dots(isa, &[i8::MIN; 4096], &extreme, &mut out);
            assert_eq!(i64::from(out[0]), 4096 * 128 * i64::from(LARGEST));
        }
    }
}
