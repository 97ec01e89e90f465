//! Which instruction set to use.

use std::sync::OnceLock;

/// An instruction set that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Level);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Scalar,
    Avx2,
    Avx512,
}

impl Isa {
    /// The environment variable that asks for a lesser instruction set.
    pub const VARIABLE: &str = "EYEBAR_ISA";
    /// What [`Isa::VARIABLE`] may say, the least first.
    pub const NAMES: [&str; 3] = ["scalar", "avx2", "avx512"];

    /// The best instruction set of this processor, or the lesser one that the environment variable `EYEBAR_ISA`
    /// (`scalar`, `avx2`, `avx512`) asks for. Found once for the process.
    pub fn detect() -> Self {
        static DETECTED: OnceLock<Isa> = OnceLock::new();
        *DETECTED.get_or_init(|| {
            let asked = match std::env::var(Self::VARIABLE).as_deref() {
                Ok("scalar") => Level::Scalar,
                Ok("avx2") => Level::Avx2,
                _ => Level::Avx512,
            };
            Self(best().min(asked))
        })
    }

    /// Every instruction set of this processor, the least first; tests compare them.
    pub fn all() -> Vec<Self> {
        [Level::Scalar, Level::Avx2, Level::Avx512].into_iter().filter(|level| *level <= best()).map(Self).collect()
    }

    /// `scalar`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Scalar => "scalar",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    pub(crate) fn level(self) -> Level {
        self.0
    }
}

#[cfg(target_arch = "x86_64")]
fn best() -> Level {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = avx2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq");
    match (avx512, avx2) {
        (true, _) => Level::Avx512,
        (false, true) => Level::Avx2,
        (false, false) => Level::Scalar,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn best() -> Level {
    Level::Scalar
}
