//! Pictures that only look wrong: they work, and say what their plain forms say.

use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage};

use crate::harness::{Folder, fixture, photo};

fn portrait() -> RgbImage {
    image::open(photo("astronaut.png")).expect("the portrait").to_rgb8()
}

/// The embedding of the face in a picture of `folder`, as a file's bytes.
fn embedding(folder: &Folder, file: &str) -> Vec<u8> {
    folder.eyebar(&["predict", file, "--model", "sface", "--raw", "e.npy"]).succeeds();
    folder.bytes("e.npy")
}

/// The logits of a picture of `folder`, as a file's bytes.
fn logits(folder: &Folder, file: &str) -> Vec<u8> {
    folder.eyebar(&["predict", file, "--raw", "y.npy"]).succeeds();
    folder.bytes("y.npy")
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

/// EXIF with an orientation alone, as TIFF.
fn exif(orientation: u8) -> Vec<u8> {
    [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[orientation], &[0; 6]].concat()
}

/// A JPEG with the EXIF orientation put before everything else.
fn oriented(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let body = [&b"Exif\0\0"[..], &exif(orientation)].concat();
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &body, &jpeg[2..]].concat()
}

/// How a picture that is stored turned is put upright, by the definition of each orientation in EXIF 2.3.
fn upright(stored: &DynamicImage, orientation: u8) -> DynamicImage {
    match orientation {
        2 => stored.fliph(),
        3 => stored.rotate180(),
        4 => stored.flipv(),
        5 => stored.rotate90().fliph(),
        6 => stored.rotate90(),
        7 => stored.rotate270().fliph(),
        8 => stored.rotate270(),
        _ => stored.clone(),
    }
}

/// What has to be done to an upright picture to store it in this orientation.
fn turned(picture: &DynamicImage, orientation: u8) -> DynamicImage {
    // Each mirror and half turn undoes itself, and the quarter turns undo each other.
    upright(
        picture,
        match orientation {
            6 => 8,
            8 => 6,
            other => other,
        },
    )
}

#[test]
fn a_photograph_is_turned_upright() {
    let folder = Folder::new();
    let face = DynamicImage::from(portrait());
    for orientation in 1..=8 {
        let mut jpeg = std::io::Cursor::new(Vec::new());
        turned(&face, orientation).write_to(&mut jpeg, ImageFormat::Jpeg).expect("a JPEG");
        let jpeg = jpeg.into_inner();
        let stored = image::load_from_memory(&jpeg).expect("the JPEG");
        upright(&stored, orientation).save(folder.path("upright.png")).expect("writable");
        folder.write("turned.jpg", oriented(&jpeg, orientation));
        assert!(logits(&folder, "turned.jpg") == logits(&folder, "upright.png"), "orientation {orientation}");
        if orientation == 6 {
            assert!(embedding(&folder, "turned.jpg") == embedding(&folder, "upright.png"), "the same face");
            for file in ["turned.jpg", "upright.png"] {
                folder.eyebar(&["mask", file, "--out", &format!("masked-{file}.png")]).succeeds();
                folder.eyebar(&["cam", file, "--raw", &format!("{file}.npy")]).succeeds();
            }
            assert!(folder.bytes("masked-turned.jpg.png") == folder.bytes("masked-upright.png.png"));
            assert!(folder.bytes("turned.jpg.npy") == folder.bytes("upright.png.npy"));
        }
    }
    folder.write("nonsense.jpg", oriented(&std::fs::read(photo("obama.jpg")).expect("a photograph"), 77));
    assert!(logits(&folder, "nonsense.jpg") == logits(&folder, &photo("obama.jpg")), "an orientation that is none");
}

/// The answer does not change with the way in which the same colours are stored.
#[test]
fn the_same_picture_in_another_form() {
    let folder = Folder::new();
    let face = portrait();
    let (width, height) = face.dimensions();
    let wide: ImageBuffer<Rgb<u16>, Vec<u16>> =
        ImageBuffer::from_fn(width, height, |x, y| Rgb(face.get_pixel(x, y).0.map(|v| u16::from(v) * 257)));
    wide.save(folder.path("wide.png")).expect("writable");
    assert!(embedding(&folder, "wide.png") == embedding(&folder, &photo("astronaut.png")), "16 bits");

    let grey: GrayImage = image::imageops::grayscale(&face);
    let three = RgbImage::from_fn(width, height, |x, y| Rgb([grey.get_pixel(x, y).0[0]; 3]));
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_fn(width, height, |x, y| Luma([u16::from(grey.get_pixel(x, y).0[0]) * 257]));
    grey.save(folder.path("grey.png")).expect("writable");
    three.save(folder.path("three.png")).expect("writable");
    deep.save(folder.path("deep.png")).expect("writable");
    let expected = embedding(&folder, "three.png");
    assert!(embedding(&folder, "grey.png") == expected, "grey");
    assert!(embedding(&folder, "deep.png") == expected, "grey of 16 bits");
    assert!(expected != embedding(&folder, &photo("astronaut.png")), "colours count");
}

/// The separations of a printer give back the colours of the screen, but for a rounding or two of JPEG.
#[test]
fn cmyk_looks_like_rgb() {
    let folder = Folder::new();
    let masked = |file: &str| {
        folder
            .eyebar(&["mask", &fixture(&format!("images/formats/{file}")), "--place", "fixed", "--out", "m.png"])
            .succeeds();
        image::open(folder.path("m.png")).expect("a picture").to_rgb8()
    };
    let plain = masked("rgb.jpg");
    for file in ["cmyk.jpg", "ycck.jpg"] {
        for (a, b) in plain.pixels().zip(masked(file).pixels()) {
            assert!(a.0.iter().zip(b.0).all(|(a, b)| a.abs_diff(b) < 16), "{file}: {a:?} and {b:?}");
        }
    }
}

#[test]
fn tiny_and_narrow_pictures() {
    let folder = Folder::new();
    for (width, height) in [(1, 1), (1, 300), (300, 1), (2, 2)] {
        RgbImage::from_pixel(width, height, Rgb([200, 120, 90])).save(folder.path("p.png")).expect("writable");
        for command in
            [&["predict", "p.png"][..], &["cam", "p.png"], &["occlude", "p.png", "--patch", "112", "--stride", "112"]]
        {
            folder.eyebar(command).succeeds();
        }
        folder.eyebar(&["mask", "p.png", "--place", "fixed", "--out", "masked.png"]).succeeds();
        folder.eyebar(&["mask", "p.png"]).fails(3, &["p.png", "no face", "hint"]);
        folder.eyebar(&["predict", "p.png", "--model", "sface"]).fails(3, &["p.png", "no face", "hint"]);
    }
}
