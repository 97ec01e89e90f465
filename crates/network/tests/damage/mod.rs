//! Seeded damage to the bytes of a model file.

use std::ops::Range;

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each name.
    pub(crate) fn new(name: &str) -> Self {
        Self(name.bytes().fold(0x9e37_79b9, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into())))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// `bytes` with one to four of those at `places` changed: a bit, or the whole byte.
pub(crate) fn damaged(bytes: &[u8], places: &[usize], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let place = places[random.below(places.len())];
        bytes[place] = match random.below(4) {
            0 => [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            1 => random.next() as u8,
            _ => bytes[place] ^ (1 << random.below(8)),
        };
    }
    bytes
}

/// Places of the bytes that say how a network is built. Changed weights would show nothing, and a changed name nearly
/// always the same (a value that nobody computes), so only few bytes of names are among them.
pub(crate) fn structure(model: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    walk(model, 0..model.len(), &[7, 5], &mut places);
    let is_name = |&place: &usize| {
        let around = &model[place.saturating_sub(2)..model.len().min(place + 3)];
        around.iter().all(|byte| byte.is_ascii_graphic())
    };
    let (names, rest): (Vec<_>, Vec<_>) = places.into_iter().partition(is_name);
    names.into_iter().step_by(20).chain(rest).collect()
}

/// Collects the places in `range`, without the raw data of tensors: field 9 at the end of the `path` of fields.
fn walk(bytes: &[u8], range: Range<usize>, path: &[u64], places: &mut Vec<usize>) {
    let mut at = range.start;
    while at < range.end {
        let start = at;
        let tag = varint(bytes, &mut at);
        match tag & 7 {
            0 => {
                varint(bytes, &mut at);
            }
            1 => at += 8,
            5 => at += 4,
            _ => {
                let length = varint(bytes, &mut at) as usize;
                places.extend(start..at);
                let inside = at..at + length;
                match path {
                    [field, rest @ ..] if *field == tag >> 3 => walk(bytes, inside, rest, places),
                    [] if tag >> 3 == 9 => {}
                    _ => places.extend(inside),
                }
                at += length;
                continue;
            }
        }
        places.extend(start..at);
    }
}

fn varint(bytes: &[u8], at: &mut usize) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
