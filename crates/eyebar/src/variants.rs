//! Variants of an enrolled photograph: mirrored, slightly warped, brighter and darker.

use eyebar_face::Landmarks;
use eyebar_imaging::warp::warp_affine;
use eyebar_imaging::{Affine, RgbImage, flip_horizontal};

/// A small warp and a change of brightness.
struct Change {
    /// Turn, in degrees.
    turn: f64,
    /// By which the face gets wider.
    stretch: f64,
    /// By how much of a pixel a row is shifted against the one below.
    shear: f64,
    /// By which all values are multiplied.
    gain: f32,
}

const CHANGES: [Change; 2] = [
    Change { turn: 4.0, stretch: 1.05, shear: 0.05, gain: 1.25 },
    Change { turn: -4.0, stretch: 0.95, shear: -0.05, gain: 0.8 },
];

/// Variants of a photograph with this face, each with the face's landmarks in it.
pub(crate) fn variants(image: &RgbImage, landmarks: &Landmarks) -> Vec<(RgbImage, Landmarks)> {
    let changed = CHANGES.iter().map(|change| change.apply(image, landmarks));
    std::iter::once(mirrored(image, landmarks)).chain(changed).collect()
}

fn mirrored(image: &RgbImage, landmarks: &Landmarks) -> (RgbImage, Landmarks) {
    let last = image.width().saturating_sub(1) as f32;
    let [right_eye, left_eye, nose, right_mouth, left_mouth] = landmarks.points().map(|(x, y)| (last - x, y));
    // What was right is left in a mirror.
    (flip_horizontal(image), Landmarks::from_points([left_eye, right_eye, nose, left_mouth, right_mouth]))
}

impl Change {
    fn apply(&self, image: &RgbImage, landmarks: &Landmarks) -> (RgbImage, Landmarks) {
        let (x, y) = landmarks.nose;
        let (sin, cos) = self.turn.to_radians().sin_cos();
        let about = Affine([[self.stretch * cos, self.shear - sin, 0.0], [sin, cos, 0.0]]);
        let to = Affine([[1.0, 0.0, -f64::from(x)], [0.0, 1.0, -f64::from(y)]]);
        let back = Affine([[1.0, 0.0, f64::from(x)], [0.0, 1.0, f64::from(y)]]);
        let transform = to.then(&about).then(&back);
        let mut warped = warp_affine(image, &transform, image.width(), image.height());
        warped.iter_mut().for_each(|value| *value = (f32::from(*value) * self.gain).round().min(255.0) as u8);
        let moved = landmarks.map(|(x, y)| {
            let (x, y) = transform.apply((x.into(), y.into()));
            (x as f32, y as f32)
        });
        (warped, moved)
    }
}

#[cfg(test)]
mod tests {
    use eyebar_face::{Landmarks, align::TEMPLATE};
    use eyebar_imaging::{Rgb, RgbImage};

    use super::variants;

    #[test]
    fn landmarks_go_with_the_face() {
        let landmarks = Landmarks::from_points(TEMPLATE);
        let mut image = RgbImage::from_pixel(112, 112, Rgb([60, 60, 60]));
        for (x, y) in landmarks.points() {
            for (dx, dy) in [(-1, -1), (0, -1), (1, -1), (-1, 0), (0, 0), (1, 0), (-1, 1), (0, 1), (1, 1)] {
                image.put_pixel((x as i32 + dx) as u32, (y as i32 + dy) as u32, Rgb([200, 200, 200]));
            }
        }
        let all = variants(&image, &landmarks);
        assert_eq!(all.len(), 3);
        for (variant, moved) in all {
            assert!(moved.right_eye.0 < moved.left_eye.0 && moved.right_mouth.0 < moved.left_mouth.0);
            let background = variant.get_pixel(56, 2)[0];
            for (x, y) in moved.points() {
                let value = variant.get_pixel(x.round() as u32, y.round() as u32)[0];
                assert!(value > background + 40, "{value} at {x}, {y}");
            }
        }
    }
}
