//! From a photograph to the upright crop that the embedder was trained on, and back.

use eyebar_imaging::warp::warp_affine;
use eyebar_imaging::{Affine, RgbImage};
use eyebar_tensor::Tensor;

use crate::error::FaceError;
use crate::landmarks::{Landmarks, Point};

/// Width and height of an aligned crop, in pixels.
pub const SIDE: u32 = 112;

/// Where the five landmarks come to lie in the crop (the template of InsightFace, used by OpenCV's `FaceRecognizerSF`),
/// in the order of [`Landmarks::points`].
pub const TEMPLATE: [Point; 5] =
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)];

/// The rotation, uniform scale and shift from the photograph to the crop that takes the landmarks nearest to
/// [`TEMPLATE`] (least squares, Umeyama 1991).
///
/// # Errors
/// When the landmarks coincide or are not finite.
pub fn alignment(landmarks: &Landmarks) -> Result<Affine, FaceError> {
    let wide = |(x, y): Point| (f64::from(x), f64::from(y));
    Affine::similarity(&landmarks.points().map(wide), &TEMPLATE.map(wide))
        .ok_or_else(|| FaceError::Landmarks { reason: "all five points coincide, or one is not finite".to_owned() })
}

/// The face upright, 112 × 112 pixels, black where it lies beyond the photograph (OpenCV's `alignCrop`).
///
/// # Errors
/// As [`alignment`].
pub fn aligned(image: &RgbImage, landmarks: &Landmarks) -> Result<RgbImage, FaceError> {
    Ok(warp_affine(image, &alignment(landmarks)?, SIDE, SIDE))
}

/// A map over the aligned crop (`[h, w]`, of any size, such as a Grad-CAM of 14 × 14) as a map `[height, width]` over
/// the photograph: bilinear, 0 outside the crop. `alignment` is the transform from photograph to crop.
///
/// # Panics
/// When `map` is not two-dimensional.
pub fn map_to_photo(map: &Tensor, alignment: &Affine, width: u32, height: u32) -> Tensor {
    let &[rows, columns] = map.shape() else { panic!("a map is [H, W], not {:?}", map.shape()) };
    let across = width as usize;
    Tensor::from_fn(&[height as usize, across], |index| {
        let (x, y) = alignment.apply(((index % across) as f64, (index / across) as f64));
        let side = f64::from(SIDE);
        // From pixel centres at integers to shares of the crop.
        let (x, y) = ((x + 0.5) / side, (y + 0.5) / side);
        if map.is_empty() || !((0.0..1.0).contains(&x) && (0.0..1.0).contains(&y)) {
            return 0.0;
        }
        let (left, right, along) = neighbours(x, columns);
        let (top, bottom, down) = neighbours(y, rows);
        let row = |row: usize| {
            let row = &map.data()[row * columns..(row + 1) * columns];
            row[left] * (1.0 - along) + row[right] * along
        };
        row(top) * (1.0 - down) + row(bottom) * down
    })
}

/// The two cells about a position (a share of the whole) and the weight of the second.
fn neighbours(share: f64, cells: usize) -> (usize, usize, f32) {
    let position = (share * cells as f64 - 0.5).max(0.0);
    let low = (position as usize).min(cells - 1);
    (low, (low + 1).min(cells - 1), (position - low as f64) as f32)
}

#[cfg(test)]
mod tests {
    use super::{Landmarks, SIDE, TEMPLATE, aligned, alignment, map_to_photo};
    use eyebar_imaging::{Rgb, RgbImage};
    use eyebar_tensor::Tensor;

    #[test]
    fn the_template_stays_where_it_is() {
        let image = RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([x as u8, y as u8, (x ^ y) as u8]));
        assert_eq!(aligned(&image, &Landmarks::from_points(TEMPLATE)).unwrap(), image);
    }

    #[test]
    fn takes_a_turned_and_scaled_face_to_the_template() {
        // Turned by 90° and three times as large.
        let landmarks = Landmarks::from_points(TEMPLATE.map(|(x, y)| (300.0 - 3.0 * y, 3.0 * x + 7.0)));
        let transform = alignment(&landmarks).unwrap();
        for ((x, y), (u, v)) in landmarks.points().into_iter().zip(TEMPLATE) {
            let (a, b) = transform.apply((x.into(), y.into()));
            assert!((a - f64::from(u)).abs() < 1e-4 && (b - f64::from(v)).abs() < 1e-4, "({a}, {b})");
        }
    }

    #[test]
    fn a_map_lands_where_the_crop_came_from() {
        // The crop is the square from (40, 20) on, at twice its size.
        let landmarks = Landmarks::from_points(TEMPLATE.map(|(x, y)| (x / 2.0 + 40.0, y / 2.0 + 20.0)));
        let map = Tensor::new(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let on_photo = map_to_photo(&map, &alignment(&landmarks).unwrap(), 120, 100);
        assert_eq!(on_photo.shape(), [100, 120]);
        let at = |x: usize, y: usize| on_photo.data()[y * 120 + x];
        assert_eq!((at(39, 40), at(60, 19), at(97, 40), at(60, 77)), (0.0, 0.0, 0.0, 0.0));
        assert_eq!((at(41, 21), at(94, 21), at(41, 74), at(94, 74)), (1.0, 2.0, 3.0, 4.0));
        assert!((at(68, 48) - 2.5).abs() < 0.1, "{}", at(68, 48));
    }

    #[test]
    fn refuses_points_that_coincide() {
        let image = RgbImage::new(1, 1);
        assert!(aligned(&image, &Landmarks::from_points([(5.0, 5.0); 5])).is_err());
    }
}
