//! The environment variable that lowers the instruction set.

use std::ffi::OsStr;

use eyebar_tensor::simd::Isa;

use crate::error::Error;

/// Checks that `EYEBAR_ISA`, where it is set, names an instruction set: a misspelt one would be ignored, and a
/// comparison of two of them would compare one with itself.
///
/// # Errors
/// With the names that are allowed.
pub fn check_instruction_set() -> Result<(), Error> {
    check(std::env::var_os(Isa::VARIABLE).as_deref())
}

fn check(asked: Option<&OsStr>) -> Result<(), Error> {
    match asked {
        Some(asked) if !asked.is_empty() && !Isa::NAMES.iter().any(|name| asked == *name) => {
            Err(Error::Usage(format!(
                "{}={} names no instruction set; hint: write {}, or leave it unset for the best of this processor",
                Isa::VARIABLE,
                asked.display(),
                Isa::NAMES.join(", ")
            )))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Isa, check};

    #[test]
    fn only_known_names() {
        for fine in [None, Some(""), Some("scalar"), Some("avx2"), Some("avx512")] {
            check(fine.map(AsRef::as_ref)).unwrap();
        }
        for wrong in ["skalar", "AVX2", "sse2", " scalar"] {
            let error = check(Some(wrong.as_ref())).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let text = error.to_string();
            assert!(text.contains(wrong) && Isa::NAMES.iter().all(|name| text.contains(name)), "{text}");
        }
    }
}
