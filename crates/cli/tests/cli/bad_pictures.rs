//! Pictures that are broken, and those that only look so.

use image::{ImageBuffer, Rgb, RgbImage};

use crate::harness::{Folder, fixture, photo};

const COMMANDS: [&[&str]; 4] =
    [&["predict", "p"], &["cam", "p"], &["mask", "p", "--place", "fixed"], &["predict", "p", "--model", "sface"]];

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
        (png_header(0, 5), "PNG"),
        (std::fs::read(fixture("reference/networks/vgg16.onnx")).expect("a model"), "not an image"),
    ];
    let folder = Folder::new();
    for (bytes, part) in files {
        folder.write("p", bytes);
        for command in COMMANDS {
            folder.eyebar(command).fails(1, &["p: ", part]);
        }
    }
    assert_eq!(folder.files(), ["p"]);
    folder.eyebar(&["predict", "none.jpg"]).fails(1, &["none.jpg", "check that the file exists"]);
    folder.eyebar(&["predict", "."]).fails(1, &["directory"]);
}

#[test]
fn pictures_of_every_format_work() {
    let folder = Folder::new();
    let listing = std::fs::read_dir(fixture("images/formats")).expect("the folder of formats");
    let files: Vec<_> = listing.map(|entry| entry.expect("an entry").path().to_string_lossy().into_owned()).collect();
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        let run = folder.eyebar(&["predict", &file, "--json"]).succeeds();
        assert_eq!(run.json()["classes"].as_array().map(Vec::len), Some(5), "{run}");
        folder.eyebar(&["mask", &file, "--place", "fixed", "--out", "masked.png"]).succeeds();
    }
}

/// A turned photograph with the EXIF orientation that turns it back is the photograph itself.
#[test]
fn a_photograph_is_turned_upright() {
    let folder = Folder::new();
    let upright =
        folder.eyebar(&["mask", &fixture("images/formats/orientation_6.jpg"), "--place", "fixed", "--out", "a.png"]);
    upright.succeeds();
    let size = |name: &str| image::open(folder.path(name)).expect("a picture").to_rgb8().dimensions();
    assert_eq!(size("a.png"), (24, 16));
    let bytes = folder.bytes("a.png");
    assert!(!bytes.windows(4).any(|window| window == b"eXIf"), "metadata is never written again");
}

#[test]
fn tiny_and_narrow_pictures() {
    let folder = Folder::new();
    for (width, height) in [(1, 1), (1, 300), (300, 1), (2, 2)] {
        RgbImage::from_pixel(width, height, Rgb([200, 120, 90])).save(folder.path("p.png")).expect("writable");
        for command in ["predict", "cam"] {
            folder.eyebar(&[command, "p.png"]).succeeds();
        }
        folder.eyebar(&["mask", "p.png", "--place", "fixed", "--out", "masked.png"]).succeeds();
        folder.eyebar(&["mask", "p.png"]).fails(3, &["p.png", "no face", "hint"]);
        folder.eyebar(&["predict", "p.png", "--model", "sface"]).fails(3, &["p.png", "no face", "hint"]);
    }
}

#[test]
fn sixteen_bits_show_the_same_face() {
    let folder = Folder::new();
    let portrait = image::open(photo("astronaut.png")).expect("the portrait").to_rgb8();
    let wide: ImageBuffer<Rgb<u16>, Vec<u16>> = ImageBuffer::from_fn(portrait.width(), portrait.height(), |x, y| {
        Rgb(portrait.get_pixel(x, y).0.map(|v| u16::from(v) * 257))
    });
    wide.save(folder.path("wide.png")).expect("writable");
    let embed = |file: &str, raw: &str| {
        folder.eyebar(&["predict", file, "--model", "sface", "--raw", raw]).succeeds();
        folder.bytes(raw)
    };
    assert!(embed("wide.png", "a.npy") == embed(&photo("astronaut.png"), "b.npy"));
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
