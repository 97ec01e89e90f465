//! Who is enrolled with which photograph.

use crate::error::AuditError;
use crate::random::Random;

/// For each draw the number of the photograph that everybody is enrolled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draws {
    enrolled: Vec<Vec<usize>>,
}

impl Draws {
    /// `draws` draws for `people` who have `photos` photographs each.
    ///
    /// # Errors
    /// When there are fewer than two people or photographs, or no draw.
    pub fn new(people: usize, photos: usize, draws: usize, seed: u64) -> Result<Self, AuditError> {
        if people < 2 || photos < 2 || draws == 0 {
            return Err(AuditError::TooLittle {
                reason: format!("{people} people with {photos} photographs each, and {draws} draws"),
                remedy: "give two people or more with two photographs or more each, and at least one draw",
            });
        }
        let draw = |draw: usize| {
            // Spread, so that neighbouring seeds share no draws.
            let mut random = Random::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(draw as u64));
            (0..people).map(|_| random.below(photos)).collect()
        };
        Ok(Self { enrolled: (0..draws).map(draw).collect() })
    }

    /// The draws: everybody's photograph in each.
    pub fn iter(&self) -> impl Iterator<Item = &[usize]> {
        self.enrolled.iter().map(Vec::as_slice)
    }

    /// Number of draws; never 0.
    pub fn count(&self) -> usize {
        self.enrolled.len()
    }
}
