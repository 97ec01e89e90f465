//! Random numbers that are the same everywhere and in every version.
//!
//! xoshiro256++ (Blackman and Vigna 2021) seeded through SplitMix64 is fixed by its definition, unlike generators that a
//! library may exchange; the conversion to floats is our own for the same reason.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

pub(crate) struct Random(Xoshiro256PlusPlus);

impl Random {
    /// Stream `stream` of `seed`.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed ^ stream.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// Uniform in `from..to`.
    pub(crate) fn uniform(&mut self, from: f32, to: f32) -> f32 {
        let unit = (self.0.next_u64() >> 40) as f32 / (1u32 << 24) as f32;
        from + (to - from) * unit
    }

    /// Standard normal (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f32 {
        let (u, v) = (1.0 - self.uniform(0.0, 1.0), self.uniform(0.0, 1.0));
        (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
    }
}
