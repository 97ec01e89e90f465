//! Masks on whole photographs.

mod common;

use common::photo;
use eyebar_face::{FaceError, Landmarks, Mask, MaskOptions, Masked, Placement};
use eyebar_imaging::draw::polygon_mask;
use eyebar_imaging::{Rect, Rgb, RgbImage};
use eyebar_tensor::Tensor;

const KINDS: [Mask; 8] = [
    Mask::EYE_BAR,
    Mask::EYES_NOSE,
    Mask::FACE,
    Mask::HEAD,
    Mask::Blur { sigma: 0.3 },
    Mask::Pixelate { cells: 8 },
    Mask::Noise,
    Mask::Custom { left: -1.0, top: -0.5, right: 0.25, bottom: 0.5 },
];

/// As OpenCV finds them.
fn astronaut() -> Landmarks {
    let points = [(200.146, 101.805), (247.218, 102.557), (220.299, 124.727), (198.874, 143.183), (239.808, 143.866)];
    Landmarks::from_points(points)
}

fn apply(mask: Mask, image: &RgbImage, faces: &[Landmarks]) -> Masked {
    mask.apply(image, Placement::Landmarks(faces), &MaskOptions::default()).expect("a masked photograph")
}

/// How much of each pixel is covered, `[H, W]`, from one mask of the whole picture a face.
fn covered(masked: &Masked) -> Tensor {
    let (width, height) = masked.image.dimensions();
    let mut covered: Tensor = Tensor::zeros(&[height as usize, width as usize]);
    for polygon in &masked.polygons {
        let mask = polygon_mask(polygon, Rect::new(0, 0, width, height));
        covered.data_mut().iter_mut().zip(mask.data()).for_each(|(most, &weight)| *most = most.max(weight));
    }
    covered
}

#[test]
fn changes_what_is_covered_and_nothing_else() {
    let image = photo("astronaut.png");
    for mask in KINDS {
        let masked = apply(mask, &image, &[astronaut()]);
        let weights = covered(&masked);
        let share = weights.data().iter().map(|&weight| f64::from(weight)).sum::<f64>() / (512.0 * 512.0);
        assert!((masked.covered_share() - share).abs() < 1e-6, "{mask}: {} for {share}", masked.covered_share());
        let (mut changed, mut covered) = (0, 0);
        for ((before, after), &weight) in image.pixels().zip(masked.image.pixels()).zip(weights.data()) {
            assert!((0.0..=1.0).contains(&weight));
            assert!(weight > 0.0 || before == after, "{mask} changed a pixel that it does not cover");
            covered += usize::from(weight > 0.99);
            changed += usize::from(weight > 0.99 && before != after);
        }
        assert!(covered > 500 && changed * 10 > covered * 9, "{mask}: {changed} of {covered}");
        assert_eq!(masked.image, apply(mask, &image, &[astronaut()]).image, "{mask} twice");
    }
}

#[test]
fn the_bar_hides_the_eyes_in_its_colour() {
    let image = photo("astronaut.png");
    let options = MaskOptions { colour: [10, 200, 30], ..MaskOptions::default() };
    let faces = [astronaut()];
    let masked = Mask::EYE_BAR.apply(&image, Placement::Landmarks(&faces), &options).expect("a mask");
    for (x, y) in [faces[0].right_eye, faces[0].left_eye] {
        assert_eq!(masked.image.get_pixel(x as u32, y as u32), &Rgb([10, 200, 30]));
    }
    // 2.2 d × 0.7 d.
    let area = masked.covered_share() * 512.0 * 512.0;
    assert!((area / f64::from(faces[0].eye_distance().powi(2)) - 1.54).abs() < 0.001, "{area}");
}

#[test]
fn turns_with_the_face() {
    // A quarter turn takes pixels to pixels, so that bars, cells and blur must turn exactly, rounding aside.
    let image = photo("astronaut.png");
    let turned_image = image::rotated(&image);
    let turned = astronaut().map(|(x, y)| (511.0 - y, x));
    for mask in KINDS.into_iter().filter(|mask| *mask != Mask::Noise) {
        let expected = image::rotated(&apply(mask, &image, &[astronaut()]).image);
        let found = apply(mask, &turned_image, &[turned]).image;
        let differing =
            found.pixels().zip(expected.pixels()).filter(|(a, b)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > 6));
        assert!(differing.count() < 60, "{mask}");
    }
}

mod image {
    use super::RgbImage;

    /// A quarter turn clockwise.
    pub(super) fn rotated(image: &RgbImage) -> RgbImage {
        let height = image.height();
        RgbImage::from_fn(height, image.width(), |x, y| *image.get_pixel(y, height - 1 - x))
    }
}

#[test]
fn several_faces() {
    let image = photo("astronaut.png");
    // Far from the first; overlapping boxes follow.
    let other = astronaut().map(|(x, y)| (x + 200.0, y + 250.0));
    let both = apply(Mask::FACE, &image, &[astronaut(), other]);
    let one = apply(Mask::FACE, &image, &[astronaut()]);
    assert_eq!(both.polygons.len(), 2);
    assert_eq!(both.polygons[0], one.polygons[0]);
    assert!((both.covered_share() - 2.0 * one.covered_share()).abs() < 1e-6);
    let near = astronaut().map(|(x, y)| (x + 20.0, y + 30.0));
    let overlapping = apply(Mask::FACE, &image, &[astronaut(), near]);
    let share = covered(&overlapping).data().iter().map(|&weight| f64::from(weight)).sum::<f64>() / (512.0 * 512.0);
    assert!((overlapping.covered_share() - share).abs() < 1e-6 && share < 1.9 * one.covered_share());
}

#[test]
fn faces_cut_by_the_border_and_tiny_pictures() {
    let image = photo("astronaut.png");
    let outside = astronaut().map(|(x, y)| (x - 215.0, y - 100.0));
    let tiny = RgbImage::from_pixel(1, 1, Rgb([9, 9, 9]));
    for mask in KINDS {
        let masked = apply(mask, &image, &[outside]);
        assert!(masked.covered_share() > 0.0, "{mask}");
        let far = astronaut().map(|(x, y)| (x + 5000.0, y));
        // Beside a face that is seen, one that lies beyond the photograph matters to a box of one's own alone.
        let both = mask.apply(&image, Placement::Landmarks(&[astronaut(), far]), &MaskOptions::default());
        match mask {
            Mask::Custom { .. } => assert!(matches!(both, Err(FaceError::NothingHidden { .. }))),
            _ => assert_eq!(both.expect("a mask").image, apply(mask, &image, &[astronaut()]).image, "{mask}"),
        }
        let huge = astronaut().map(|(x, y)| (x * 1e4, y * 1e4));
        for (image, face) in [(&image, far), (&tiny, astronaut()), (&tiny, huge)] {
            let nothing = mask.apply(image, Placement::Landmarks(&[face]), &MaskOptions::default());
            assert!(matches!(nothing, Err(FaceError::NothingHidden { .. })), "{mask}");
        }
    }
    // The one pixel is covered.
    let on_pixel = astronaut().map(|(x, y)| (x - 223.0, y - 102.0));
    for mask in [Mask::EYE_BAR, Mask::FACE, Mask::HEAD, Mask::Noise] {
        let masked = apply(mask, &tiny, &[on_pixel]);
        assert!((masked.covered_share() - 1.0).abs() < 1e-3 && masked.image != tiny, "{mask}");
    }
}

#[test]
fn fixed_places_need_no_face() {
    let image = photo("chelsea.png");
    let fixed = |mask: Mask| mask.apply(&image, Placement::Fixed, &MaskOptions::default());
    let (width, height) = image.dimensions();
    let masked = fixed(Mask::EYE_BAR).expect("a mask");
    let weights = covered(&masked);
    let first = weights.data().iter().position(|&weight| weight > 0.0).expect("something covered");
    assert_eq!(first, (0.28 * f64::from(height)).floor() as usize * width as usize, "the whole width, from 28 %");
    let custom = fixed(Mask::Custom { left: 0.0, top: 0.0, right: 0.5, bottom: 1.0 }).expect("a mask");
    assert!((custom.covered_share() - 0.5).abs() < 0.002, "fractions of the picture");
    assert!(matches!(fixed(Mask::HEAD), Err(FaceError::NoFixedPlace { .. })));
}

#[test]
fn noise_follows_its_seed() {
    let image = photo("astronaut.png");
    let noise = |seed| {
        let options = MaskOptions { seed, ..MaskOptions::default() };
        Mask::Noise.apply(&image, Placement::Landmarks(&[astronaut()]), &options).expect("a mask").image
    };
    assert_eq!(noise(1), noise(1));
    assert_ne!(noise(1), noise(2));
}

#[test]
fn refuses_what_would_hide_nothing() {
    let image = photo("astronaut.png");
    let refused = |mask: Mask, faces: &[Landmarks]| {
        let error = mask.apply(&image, Placement::Landmarks(faces), &MaskOptions::default()).expect_err("a refusal");
        let text = error.to_string();
        assert!(text.contains("hint"), "{text}");
        error
    };
    assert!(matches!(refused(Mask::EYE_BAR, &[]), FaceError::NoFace));
    assert!(matches!(refused(Mask::Blur { sigma: 0.0 }, &[astronaut()]), FaceError::Option { .. }));
    assert!(matches!(refused(Mask::Pixelate { cells: 0 }, &[astronaut()]), FaceError::Option { .. }));
    assert!(matches!(refused(Mask::Pixelate { cells: 900 }, &[astronaut()]), FaceError::NothingHidden { .. }));
    assert!(matches!(refused(Mask::Blur { sigma: 0.001 }, &[astronaut()]), FaceError::NothingHidden { .. }));
    // Cells of 1.3 and a σ of 0.45 pixels.
    assert!(matches!(refused(Mask::Pixelate { cells: 80 }, &[astronaut()]), FaceError::NothingHidden { .. }));
    assert!(matches!(refused(Mask::Blur { sigma: 0.0096 }, &[astronaut()]), FaceError::NothingHidden { .. }));
    let flat = Landmarks::from_points([(3.0, 3.0); 5]);
    assert!(matches!(refused(Mask::FACE, &[flat]), FaceError::Landmarks { .. }));
}

/// A box that misses the head or the photograph, and cells or a blur on a plain colour.
#[test]
fn refuses_a_box_that_misses_and_a_change_that_is_none() {
    let image = photo("astronaut.png");
    let refusal = |mask: Mask, image: &RgbImage, placement: Placement<'_>| {
        let result = mask.apply(image, placement, &MaskOptions::default());
        let text = result.err().unwrap_or_else(|| panic!("{mask} was taken")).to_string();
        assert!(text.contains("hides nothing here") && text.contains("hint"), "{text}");
        text
    };
    let custom = |left, top, right, bottom| Mask::Custom { left, top, right, bottom };
    let faces = [astronaut()];
    let on_face = Placement::Landmarks(&faces);
    // Beside the head, but in the photograph; above the photograph; a sliver.
    assert!(refusal(custom(3.0, 1.0, 4.0, 2.0), &image, on_face).contains("beside the head"));
    assert!(refusal(custom(-1.0, -2.3, 1.0, -2.2), &image, on_face).contains("beyond the photograph"));
    assert!(refusal(custom(0.0, 0.0, 1e-4, 1.0), &image, on_face).contains("beyond the photograph"));
    for beyond in [custom(2.0, 0.1, 3.0, 0.9), custom(0.1, -1.0, 0.9, -0.5)] {
        assert!(refusal(beyond, &image, Placement::Fixed).contains("beyond the photograph"));
    }
    assert!(custom(1.0, -1.0, 3.0, 1.0).apply(&image, on_face, &MaskOptions::default()).is_ok(), "an ear");

    let plain = RgbImage::from_pixel(400, 400, Rgb([90, 120, 60]));
    for mask in [Mask::Blur { sigma: 0.3 }, Mask::Pixelate { cells: 8 }] {
        for placement in [on_face, Placement::Fixed] {
            assert!(refusal(mask, &plain, placement).contains("not one pixel changes"));
        }
    }
    // A black bar on black hides as well as any other.
    let black = RgbImage::new(400, 400);
    assert!(Mask::EYE_BAR.apply(&black, on_face, &MaskOptions::default()).is_ok());
}
