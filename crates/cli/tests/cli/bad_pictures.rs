//! Pictures that are broken, or show no face.

use crate::harness::{Folder, fixture, photo};

/// Every way in which a picture comes in.
const COMMANDS: [&[&str]; 6] = [
    &["predict", "p"],
    &["cam", "p"],
    &["occlude", "p"],
    &["mask", "p", "--place", "fixed"],
    &["predict", "p", "--model", "sface"],
    &["cam", "good.png", "--model", "sface", "--target", "similarity:p"],
];

/// The header of a PNG of `width` × `height`, correct to the check sum, and nothing behind it.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut sum = u32::MAX;
    for byte in &chunk {
        sum = (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg()));
    }
    [&b"\x89PNG\r\n\x1a\n\0\0\0\x0d"[..], &chunk, &(!sum).to_be_bytes(), b"\0\0\0\x08IDAT\x78\x9c\0\0"].concat()
}

/// The header of a BMP of `width` × `height` pixels of three bytes.
fn bmp_header(width: u32, height: u32) -> Vec<u8> {
    let numbers = [54, 40, width, height, 1 | 24 << 16, 0, 0, 2835, 2835, 0, 0];
    let rest = numbers.iter().flat_map(|number: &u32| number.to_le_bytes());
    [b'B', b'M'].into_iter().chain([0; 8]).chain(rest).collect()
}

/// A JPEG that says of itself to have `side` × `side` pixels.
fn enlarged_jpeg(mut bytes: Vec<u8>, side: u16) -> Vec<u8> {
    let frame = bytes.windows(4).position(|b| b[..3] == [0xFF, 0xC0, 0] || b[..3] == [0xFF, 0xC2, 0]);
    let size = frame.expect("a frame header") + 5;
    bytes[size..size + 4].copy_from_slice(&[side.to_be_bytes(), side.to_be_bytes()].concat());
    bytes
}

#[test]
fn broken_pictures() {
    let jpeg = std::fs::read(photo("macron-2014.jpg")).expect("a photograph");
    let png = std::fs::read(fixture("images/formats/rgb.png")).expect("a picture");
    let files = [
        (Vec::new(), "empty"),
        (b"not an image".to_vec(), "not an image"),
        (jpeg[..jpeg.len() / 2].to_vec(), "truncated"),
        (png[..png.len() / 2].to_vec(), "PNG"),
        (png_header(30_000, 30_000), "30000 × 30000"),
        (png_header(20_000, 1), "20000 × 1"),
        (png_header(u32::MAX >> 1, u32::MAX >> 1), "PNG"),
        (png_header(0, 5), "PNG"),
        (bmp_header(30_000, 30_000), "30000 × 30000"),
        (enlarged_jpeg(jpeg.clone(), 30_000), "30000 × 30000"),
        (std::fs::read(fixture("reference/networks/vgg16.onnx")).expect("a model"), "not an image"),
    ];
    let folder = Folder::new();
    folder.write("good.png", std::fs::read(photo("astronaut.png")).expect("a photograph"));
    for (bytes, part) in files {
        folder.write("p", bytes);
        for command in COMMANDS {
            folder.eyebar(command).fails(1, &["p: ", part, "hint"]);
        }
    }
    assert_eq!(folder.files(), ["good.png", "p"]);
    folder.eyebar(&["predict", "none.jpg"]).fails(1, &["none.jpg", "check that the file exists"]);
    folder.eyebar(&["predict", "."]).fails(1, &["directory"]);
}

#[test]
fn no_face() {
    let folder = Folder::new();
    let cat = photo("chelsea.png");
    for command in [&["mask", &cat][..], &["predict", &cat, "--model", "sface"], &["cam", &cat, "--model", "sface"]] {
        folder.eyebar(command).fails(3, &["chelsea.png", "no face", "hint"]);
    }
    let other = format!("similarity:{cat}");
    let portrait = photo("astronaut.png");
    folder.eyebar(&["cam", &portrait, "--model", "sface", "--target", &other]).fails(3, &["chelsea.png", "no face"]);
    assert!(folder.files().is_empty());
}
