//! Colour maps, overlays, masks, shapes and text.

use eyebar_imaging::draw::polygon_mask;
use eyebar_imaging::overlay::{colourise, normalise, overlay};
use eyebar_imaging::text::{Align, TextStyle};
use eyebar_imaging::{Canvas, Colormap, Rect, Rgb, RgbImage, Scale};
use eyebar_tensor::Tensor;

const WHITE: [u8; 3] = [255; 3];
const BLACK: [u8; 3] = [0; 3];

fn map(values: &[f32]) -> Tensor {
    Tensor::new(&[1, values.len()], values.to_vec()).expect("one row")
}

#[test]
fn colour_maps_have_names_and_known_ends() {
    for colormap in Colormap::ALL {
        assert_eq!(colormap.to_string().parse::<Colormap>(), Ok(colormap));
        assert_eq!(colormap.colour(-3.0), colormap.colour(0.0));
        assert_eq!(colormap.colour(f32::NAN), colormap.colour(0.0));
        assert_eq!(colormap.colour(7.0), colormap.colour(1.0));
    }
    assert_eq!(Colormap::Viridis.colour(0.0), [68, 1, 84]);
    assert_eq!(Colormap::Jet.colour(1.0), [127, 0, 0]);
    assert_eq!(Colormap::Grey.colour(0.5), [128; 3]);
    assert!(Colormap::Diverging.colour(0.5).iter().all(|&c| c > 240));
    assert!("plasma".parse::<Colormap>().expect_err("unknown").to_string().contains("viridis"));
}

#[test]
fn normalised_maps_are_never_nan() {
    assert_eq!(normalise(&map(&[0.0, 2.0, 4.0, -4.0]), Scale::Max).data(), [0.0, 0.5, 1.0, 0.0]);
    assert_eq!(normalise(&map(&[1.0, 2.0, 3.0]), Scale::MinMax).data(), [0.0, 0.5, 1.0]);
    assert_eq!(normalise(&map(&[-1.0, 0.0, 2.0]), Scale::Symmetric).data(), [0.25, 0.5, 1.0]);
    for flat in [&[0.0, 0.0][..], &[f32::NAN, f32::INFINITY], &[]] {
        for (scale, rest) in [(Scale::Max, 0.0), (Scale::MinMax, 0.0), (Scale::Symmetric, 0.5)] {
            assert!(normalise(&map(flat), scale).data().iter().all(|&v| v == rest), "{flat:?} {scale:?}");
        }
    }
    assert_eq!(normalise(&map(&[-2.0, -1.0]), Scale::Max).data(), [0.0, 0.0]);
    assert_eq!(normalise(&map(&[7.0, 7.0]), Scale::MinMax).data(), [0.0, 0.0]);
    assert_eq!(normalise(&map(&[f32::MAX, f32::MIN]), Scale::MinMax).data(), [1.0, 0.0]);
}

#[test]
fn overlays_blend() {
    let photo = RgbImage::from_pixel(6, 4, Rgb([100; 3]));
    let hot = Tensor::full(&[2, 2], 1.0);
    let [r, g, b] = Colormap::Jet.colour(1.0);
    assert_eq!(overlay(&photo, &hot, Colormap::Jet, 0.0), photo);
    assert_eq!(overlay(&photo, &hot, Colormap::Jet, 1.0).get_pixel(3, 2).0, [r, g, b]);
    assert_eq!(overlay(&photo, &hot, Colormap::Jet, 0.5).get_pixel(0, 0).0, [114, 50, 50]);
    assert_eq!(colourise(&hot, Colormap::Jet).dimensions(), (2, 2));
    // A peak between two pixels of the photo shows the colour of what is left of it, not of the maximum.
    let peak = normalise(&map(&[0.0, 0.0, 8.0, 0.0, 0.0, 0.0]), Scale::Max);
    let grey = overlay(&RgbImage::new(3, 1), &peak, Colormap::Grey, 1.0);
    assert_eq!(grey.pixels().map(|pixel| pixel.0[0]).collect::<Vec<_>>(), [0, 128, 0]);
}

#[test]
fn polygons_cover_their_area_also_when_clipped() {
    let sum = |points: &[(f32, f32)]| polygon_mask(points, Rect::new(0, 0, 20, 10)).data().iter().sum::<f32>();
    assert!((sum(&[(2.5, 1.0), (12.0, 1.0), (12.0, 7.25), (2.5, 7.25)]) - 59.375).abs() < 1e-3);
    assert!((sum(&[(3.0, 2.0), (10.0, 4.0), (6.0, 9.0)]) - 21.5).abs() < 1e-2);
    // Anticlockwise, and mostly outside the picture.
    assert!((sum(&[(-50.0, 5.0), (-50.0, 50.0), (4.0, 50.0), (4.0, 5.0)]) - 20.0).abs() < 1e-3);
    assert!((sum(&[(-9.0, -9.0), (99.0, -9.0), (99.0, 99.0), (-9.0, 99.0)]) - 200.0).abs() < 1e-2);
    for nothing in [&[][..], &[(1.0, 1.0), (5.0, 5.0)], &[(30.0, 1.0), (40.0, 1.0), (40.0, 9.0)]] {
        assert_eq!(sum(nothing), 0.0);
    }
    assert_eq!(sum(&[(f32::NAN, 1.0), (5.0, 1.0), (5.0, 5.0)]), 0.0);
    assert!(sum(&[(f32::MAX, f32::MAX), (f32::MIN, f32::MAX), (0.0, f32::MIN)]).is_finite());
}

/// A part of a picture has the mask that the whole picture has there.
#[test]
fn polygons_may_be_gone_through_part_by_part() {
    for points in [
        [(2.5, 1.25), (17.0, 3.0), (14.5, 28.0), (1.0, 22.5)],
        [(-9.0, 12.0), (10.0, -8.0), (33.0, 14.0), (11.0, 44.0)],
    ] {
        let whole = polygon_mask(&points, Rect::new(0, 0, 20, 30));
        for rect in [Rect::new(0, 0, 20, 7), Rect::new(0, 7, 20, 16), Rect::new(5, 23, 9, 7), Rect::new(19, 29, 1, 1)] {
            let part = polygon_mask(&points, rect);
            assert_eq!(part.shape(), [rect.height as usize, rect.width as usize]);
            for (at, value) in part.data().iter().enumerate() {
                let (x, y) = (at % rect.width as usize, at / rect.width as usize);
                let expected = whole.data()[(y + rect.y as usize) * 20 + x + rect.x as usize];
                assert!((value - expected).abs() < 1e-5, "{rect:?} at {x}, {y}: {value} for {expected}");
            }
        }
    }
    assert!(polygon_mask(&[(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)], Rect::new(1, 1, 0, 4)).is_empty());
}

#[test]
fn shapes_are_clipped_to_the_canvas() {
    let mut canvas = Canvas::new(8, 8, WHITE);
    canvas.fill_rect(Rect::new(-2, -2, 4, 4), BLACK);
    canvas.outline(Rect::new(4, 4, 100, 100), 1, BLACK);
    canvas.outline(Rect::new(i32::MAX, i32::MIN, u32::MAX, u32::MAX), u32::MAX, BLACK);
    canvas.line((-10.0, 3.5), (4.0, 3.5), 1.0, BLACK);
    let image = canvas.into_image();
    let black = |x, y| image.get_pixel(x, y).0 == BLACK;
    assert!(black(0, 0) && black(1, 1) && !black(2, 0) && black(4, 7) && black(7, 4) && !black(5, 5));
    assert!(black(0, 3) && black(3, 3) && !black(4, 3) && !black(0, 2));
}

#[test]
fn text_is_measured_wrapped_and_cut() {
    let style = TextStyle::new(20.0, BLACK);
    assert!(style.width("wide words") > style.width("wide"));
    assert!(TextStyle::bold(20.0, BLACK).width("word") > style.width("word"));
    assert_eq!(style.width(""), 0.0);
    let text = "a rather long caption that needs several lines and a Donaudampfschifffahrtsgesellschaftskapitän";
    for width in [60.0, 150.0, 400.0] {
        let lines = style.wrap(text, width, 99);
        assert!(lines.iter().all(|line| style.width(line) <= width), "{lines:?}");
        let squeezed = |text: &str| text.replace(' ', "");
        assert_eq!(squeezed(&lines.concat()), squeezed(text), "nothing is lost");
        let two = style.wrap(text, width, 2);
        assert!(two.len() == 2 && two[1].ends_with('…') && style.width(&two[1]) <= width, "{two:?}");
    }
    assert_eq!(style.wrap("one\ntwo", 400.0, 9), ["one", "two"]);
    assert_eq!(style.wrap("some 12 %", style.width("some 12"), 9), ["some", "12\u{A0}%"]);
    assert_eq!(style.ellipsise("short", 400.0), "short");
    assert_eq!(style.ellipsise("", 0.0), "");
}

#[test]
fn every_promised_letter_is_in_the_font() {
    let missing = TextStyle::new(40.0, BLACK);
    let draw = |letter: &str, style: &TextStyle| {
        let mut canvas = Canvas::new(60, 60, WHITE);
        canvas.text(letter, 5.0, 2.0, style, Align::Left);
        canvas.into_image()
    };
    for style in [missing, TextStyle::bold(40.0, BLACK)] {
        let replacement = draw("\u{4E00}", &style);
        assert!(replacement.pixels().any(|pixel| pixel.0 != WHITE), "what is missing shows as a box");
        for letter in "AZaz09äöüßéŁłŒŠž→≥≤·–—±×σ²³…“”‘’%".chars() {
            let drawn = draw(&letter.to_string(), &style);
            assert!(drawn != replacement && drawn.pixels().any(|pixel| pixel.0 != WHITE), "{letter}");
        }
    }
}

#[test]
fn text_stays_where_it_is_put() {
    let style = TextStyle::new(30.0, BLACK);
    for (align, x) in [(Align::Left, 20.0), (Align::Centre, 100.0), (Align::Right, 180.0)] {
        let mut canvas = Canvas::new(200, 60, WHITE);
        canvas.text("Hxg", x, 10.0, &style, align);
        let image = canvas.into_image();
        let dark: Vec<(u32, u32)> = image.enumerate_pixels().filter(|p| p.2.0[0] < 128).map(|p| (p.0, p.1)).collect();
        let left = dark.iter().map(|p| p.0).min().expect("text") as f32;
        let right = dark.iter().map(|p| p.0).max().expect("text") as f32;
        let expected = match align {
            Align::Left => x,
            Align::Centre => x - style.width("Hxg") / 2.0,
            Align::Right => x - style.width("Hxg"),
        };
        assert!((left - expected).abs() < 5.0 && (right - expected - style.width("Hxg")).abs() < 5.0, "{align:?}");
        assert!(dark.iter().all(|p| (10..49).contains(&p.1)), "within the line box");
    }
}
