//! Every format, mode and orientation gives back the scene of `fixtures/images/make_formats.py`.

mod common;

use common::format_file;
use eyebar_imaging::{Decoded, ImageFormat, Limits, RgbImage, decode};

/// The middles of the scene's quarters: upper left, upper right, lower left, lower right.
const QUARTERS: [[u8; 3]; 4] = [[200, 40, 40], [40, 180, 60], [50, 60, 200], [240, 240, 240]];

fn read(name: &str) -> Decoded {
    decode(&format_file(name), &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn assert_scene(name: &str, image: &RgbImage, expected: [[u8; 3]; 4], tolerance: u8) {
    assert_eq!(image.dimensions(), (24, 16), "{name}");
    for ((x, y), colour) in [(5, 3), (18, 3), (5, 12), (18, 12)].into_iter().zip(expected) {
        let found = image.get_pixel(x, y).0;
        let near = found.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= tolerance);
        assert!(near, "{name} at ({x}, {y}): {found:?}, expected {colour:?}");
    }
}

#[test]
fn colour_files() {
    for name in ["rgb.png", "rgb.webp", "rgb.bmp", "palette.png"] {
        assert_scene(name, &read(name).image, QUARTERS, 0);
    }
    for name in ["rgb.jpg", "progressive.jpg", "cmyk.jpg", "ycck.jpg", "metadata.jpg"] {
        assert_scene(name, &read(name).image, QUARTERS, 3);
    }
    assert_eq!(read("rgb.webp").format, ImageFormat::WebP);
}

#[test]
fn grey_one_bit_and_sixteen_bit_files() {
    let luma = QUARTERS.map(|[r, g, b]| {
        let grey = 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
        [grey.round() as u8; 3]
    });
    for (name, tolerance) in [("grey.png", 1), ("grey16.png", 1), ("grey.jpg", 3)] {
        assert_scene(name, &read(name).image, luma, tolerance);
    }
    let one_bit = read("one_bit.png").image;
    assert!(one_bit.pixels().all(|pixel| pixel.0 == [0; 3] || pixel.0 == [255; 3]));
}

#[test]
fn transparency_lies_over_white() {
    let expected = [QUARTERS[0], QUARTERS[1], [255; 3], [247; 3]];
    for name in ["alpha.png", "alpha.webp"] {
        assert_scene(name, &read(name).image, expected, 1);
    }
}

#[test]
fn exif_orientation_is_applied() {
    for orientation in 2..=8 {
        let name = format!("orientation_{orientation}.jpg");
        let decoded = read(&name);
        assert_eq!(decoded.orientation, orientation, "{name}");
        assert_scene(&name, &decoded.image, QUARTERS, 3);
    }
    let decoded = read("orientation_6.png");
    assert_eq!(decoded.orientation, 6);
    assert_scene("orientation_6.png", &decoded.image, QUARTERS, 0);
    assert_eq!(read("rgb.jpg").orientation, 1);
}

#[test]
fn metadata_is_named() {
    let found = read("metadata.jpg").metadata;
    for part in ["EXIF", "GPS", "time taken", "camera maker", "XMP", "ICC", "comment"] {
        assert!(found.iter().any(|entry| entry.contains(part)), "{part} is missing from {found:?}");
    }
    assert_eq!(read("rgb.png").metadata, Vec::<String>::new());
}

#[test]
fn encoded_pictures_come_back_and_carry_nothing_else() {
    use eyebar_imaging::encode;
    let image = read("metadata.jpg").image;
    let png = decode(&encode::png(&image).unwrap(), &Limits::default()).unwrap();
    assert_eq!(png.image, image);
    assert_eq!(png.metadata, Vec::<String>::new());
    let jpeg = decode(&encode::jpeg(&image, 95).unwrap(), &Limits::default()).unwrap();
    assert!(common::largest_difference(&jpeg.image, &image) <= 40);
    assert_eq!(jpeg.metadata, Vec::<String>::new());
    let pixel = RgbImage::from_pixel(1, 1, eyebar_imaging::Rgb([7, 8, 9]));
    assert_eq!(decode(&encode::png(&pixel).unwrap(), &Limits::default()).unwrap().image, pixel);
}
