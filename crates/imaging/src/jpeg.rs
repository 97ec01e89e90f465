//! The marker structure of JPEG files (ITU-T T.81, annex B): which segments there are, and whether the picture ends.

/// A segment before the first scan: its marker byte and its payload.
pub(crate) struct Segment<'a> {
    pub(crate) marker: u8,
    pub(crate) payload: &'a [u8],
}

/// The walk through a JPEG file.
pub(crate) struct Structure<'a> {
    pub(crate) segments: Vec<Segment<'a>>,
    /// Whether an end-of-image marker closes the picture.
    pub(crate) complete: bool,
}

const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;
const COMMENT: u8 = 0xFE;

/// Walks the markers of `bytes`. Damage ends the walk; it is the decoder's part to name it.
///
/// Decoders fill the missing part of a truncated scan with grey and call it a success, hence this check.
pub(crate) fn walk(bytes: &[u8]) -> Structure<'_> {
    let mut found = Structure { segments: Vec::new(), complete: false };
    let mut at = 2;
    loop {
        let Some(marker) = next_marker(bytes, &mut at) else { return found };
        match marker {
            END_OF_IMAGE => {
                found.complete = true;
                return found;
            }
            // Restart markers, TEM and SOI stand alone.
            0xD0..=0xD8 | 0x01 => {}
            _ => {
                let Some(payload) = payload(bytes, at) else { return found };
                at += 2 + payload.len();
                if (0xE0..=0xEF).contains(&marker) || marker == COMMENT {
                    found.segments.push(Segment { marker, payload });
                }
                if marker == START_OF_SCAN {
                    skip_entropy_coded(bytes, &mut at);
                }
            }
        }
    }
}

/// Moves `at` behind the next marker and returns it.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let offset = bytes.get(*at..)?.iter().position(|&b| b == 0xFF)?;
        *at += offset + 1;
        let byte = *bytes.get(*at)?;
        if byte != 0 && byte != 0xFF {
            *at += 1;
            return Some(byte);
        }
    }
}

fn payload(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    bytes.get(at + 2..(at + length).max(at + 2))
}

/// Moves `at` to the `0xFF` of the marker that ends the scan.
fn skip_entropy_coded(bytes: &[u8], at: &mut usize) {
    while let Some(offset) = bytes.get(*at..).and_then(|rest| rest.iter().position(|&b| b == 0xFF)) {
        *at += offset;
        match bytes.get(*at + 1) {
            Some(0x00 | 0xFF | 0xD0..=0xD7) => *at += 1,
            _ => return,
        }
    }
    *at = bytes.len();
}
