//! From a photograph to the upright crop that the embedder was trained on.

use eyebar_imaging::warp::warp_affine;
use eyebar_imaging::{Affine, RgbImage};

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

#[cfg(test)]
mod tests {
    use super::{Landmarks, SIDE, TEMPLATE, aligned, alignment};
    use eyebar_imaging::{Rgb, RgbImage};

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
    fn refuses_points_that_coincide() {
        let image = RgbImage::new(1, 1);
        assert!(aligned(&image, &Landmarks::from_points([(5.0, 5.0); 5])).is_err());
    }
}
