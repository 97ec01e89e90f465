//! What is put into the box.

use std::collections::HashMap;

use eyebar_imaging::resize::{crop, resize};
use eyebar_imaging::{Rect, Rgb, RgbImage, blur};

use super::place::Placed;

/// From this σ (in pixels) on, the picture is shrunk before it is blurred.
const SHRINK_FROM: f32 = 16.0;
/// σ after shrinking, at least.
const SMALL_SIGMA: f32 = 8.0;
/// Where the Gaussian is cut off, in σ.
const TRUNCATE: f32 = 4.0;

/// The part of `image` inside `rect`, blurred with a Gaussian of `sigma` pixels; its surroundings flow in.
///
/// A wide Gaussian is applied to a shrunken copy: the two triangle filters of shrinking and enlarging by k add k²/3 to
/// the variance, which the Gaussian gives up.
pub(super) fn blurred(image: &RgbImage, sigma: f32, rect: Rect) -> RgbImage {
    let (x0, y0, x1, y1) = rect.clip(image.width(), image.height());
    // A σ of several pictures flattens all there is.
    let sigma = sigma.min(2.0 * image.width().max(image.height()) as f32);
    if sigma < SHRINK_FROM || x0 == x1 || y0 == y1 {
        return blur::gaussian_region(image, sigma, rect);
    }
    let factor = (sigma / SMALL_SIGMA).floor();
    let reach = (TRUNCATE * sigma).ceil() as u32;
    let (left, top) = (x0.saturating_sub(reach), y0.saturating_sub(reach));
    let (right, bottom) = (x1.saturating_add(reach).min(image.width()), y1.saturating_add(reach).min(image.height()));
    let around = crop(image, Rect::new(left as i32, top as i32, right - left, bottom - top));
    let small = |size: u32| (size as f32 / factor).round().max(1.0) as u32;
    let shrunken = resize(&around, small(around.width()), small(around.height()));
    let scaled = sigma / factor;
    let soft = blur::gaussian(&shrunken, (scaled * scaled - 1.0 / 3.0).sqrt());
    let soft = resize(&soft, around.width(), around.height());
    crop(&soft, Rect::new((x0 - left) as i32, (y0 - top) as i32, x1 - x0, y1 - y0))
}

/// The part of `image` inside the bounds of `placed`, in square cells along its edges, `cells` of them across; each cell
/// has the mean colour of what of it lies in the picture.
pub(super) fn pixelated(image: &RgbImage, placed: &Placed, cells: u32) -> RgbImage {
    let (x0, y0, x1, y1) = placed.bounds().clip(image.width(), image.height());
    let size = placed.width / cells as f32;
    let last_row = (placed.height / size).ceil() - 1.0;
    let cell = |x: u32, y: u32| {
        let (s, t) = placed.local((x as f32 + 0.5, y as f32 + 0.5));
        let inside = (0.0..placed.width).contains(&s) && (0.0..placed.height).contains(&t);
        // Pixels that the edge cuts take the colour of the cell next to them.
        let index = |at: f32, last: f32| (at / size).floor().clamp(0.0, last.max(0.0)) as u32;
        ((index(s, cells as f32 - 1.0), index(t, last_row)), inside)
    };
    let mut sums: HashMap<(u32, u32), [u64; 4]> = HashMap::new();
    for y in y0..y1 {
        for x in x0..x1 {
            let (key, inside) = cell(x, y);
            if inside {
                let [r, g, b] = image.get_pixel(x, y).0.map(u64::from);
                let sum = sums.entry(key).or_default();
                *sum = [sum[0] + r, sum[1] + g, sum[2] + b, sum[3] + 1];
            }
        }
    }
    RgbImage::from_fn(x1 - x0, y1 - y0, |x, y| match sums.get(&cell(x0 + x, y0 + y).0) {
        Some(&[r, g, b, count]) => Rgb([r, g, b].map(|sum| ((sum + count / 2) / count) as u8)),
        None => *image.get_pixel(x0 + x, y0 + y),
    })
}

/// Random colours for the pixels inside `rect`, uniform over 0..255; the colour of a pixel depends on `seed` and on its
/// position in the photograph alone.
pub(super) fn noise(image: &RgbImage, seed: u64, rect: Rect) -> RgbImage {
    let (x0, y0, x1, y1) = rect.clip(image.width(), image.height());
    RgbImage::from_fn(x1 - x0, y1 - y0, |x, y| {
        let position = u64::from(y0 + y) << 32 | u64::from(x0 + x);
        let [r, g, b, ..] = split_mix(split_mix(seed) ^ position).to_le_bytes();
        Rgb([r, g, b])
    })
}

/// SplitMix64 (Steele, Lea, Flood 2014, *Fast splittable pseudorandom number generators*).
fn split_mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Placed, blurred, noise, pixelated, split_mix};
    use eyebar_imaging::{Rect, Rgb, RgbImage, blur};

    fn picture() -> RgbImage {
        // Large shapes with hard edges.
        RgbImage::from_fn(300, 260, |x, y| {
            let inside = (x as f32 - 150.0).hypot(y as f32 - 120.0) < 70.0;
            Rgb([if inside { 250 } else { 20 }, (x / 2) as u8, if (x / 40 + y / 40) % 2 == 0 { 255 } else { 0 }])
        })
    }

    #[test]
    fn a_wide_blur_is_that_gaussian() {
        let image = picture();
        for (sigma, rect) in [(17.0, Rect::new(80, 40, 140, 150)), (30.0, Rect::new(-10, 100, 200, 300))] {
            let (fast, exact) = (blurred(&image, sigma, rect), blur::gaussian_region(&image, sigma, rect));
            assert_eq!(fast.dimensions(), exact.dimensions());
            let worst = fast.as_raw().iter().zip(exact.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(worst <= 4, "σ {sigma}: {worst} levels");
        }
        assert_eq!(blurred(&image, 1e9, Rect::new(0, 0, 10, 10)).dimensions(), (10, 10));
    }

    #[test]
    fn cells_keep_the_mean_and_turn_with_the_box() {
        let image = picture();
        let upright = Placed { corner: (100.0, 60.0), along: (1.0, 0.0), width: 80.0, height: 60.0, d: 1.0 };
        let cells = pixelated(&image, &upright, 4);
        assert_eq!(cells.dimensions(), (80, 60));
        let mean = image.enumerate_pixels().filter(|(x, y, _)| (100..120).contains(x) && (60..80).contains(y));
        let mean = mean.map(|(_, _, pixel)| f64::from(pixel.0[0])).sum::<f64>() / 400.0;
        assert!((f64::from(cells.get_pixel(0, 0).0[0]) - mean).abs() <= 0.5);
        assert_eq!(cells.get_pixel(0, 0), cells.get_pixel(19, 19));

        let half = std::f32::consts::FRAC_1_SQRT_2;
        let turned = Placed { along: (half, half), corner: (150.0, 60.0), ..upright };
        let colours: std::collections::HashSet<_> = pixelated(&image, &turned, 4).pixels().map(|p| p.0).collect();
        assert!(colours.len() <= 12, "4 × 3 cells, {} colours", colours.len());
    }

    #[test]
    fn noise_depends_on_seed_and_place_only() {
        // The first output of the reference implementation for the seed 0.
        assert_eq!(split_mix(0), 0xe220_a839_7b1d_cdaf);
        let image = picture();
        let whole = noise(&image, 7, Rect::new(0, 0, 100, 100));
        let part = noise(&image, 7, Rect::new(40, 30, 10, 10));
        assert_eq!(whole.get_pixel(42, 33), part.get_pixel(2, 3));
        assert_ne!(whole, noise(&image, 8, Rect::new(0, 0, 100, 100)));
        let mean = whole.as_raw().iter().map(|&v| f64::from(v)).sum::<f64>() / 30_000.0;
        assert!((mean - 127.5).abs() < 2.0, "{mean}");
    }
}
