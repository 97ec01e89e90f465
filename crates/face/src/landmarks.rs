//! The five landmarks of a face and the frame that they span.

use crate::error::FaceError;

/// A position: x, y.
pub type Point = (f32, f32);

/// The five landmarks, in pixels; right and left are the person's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Landmarks {
    /// Centre of the right eye.
    pub right_eye: Point,
    /// Centre of the left eye.
    pub left_eye: Point,
    /// Tip of the nose.
    pub nose: Point,
    /// Right corner of the mouth.
    pub right_mouth: Point,
    /// Left corner of the mouth.
    pub left_mouth: Point,
}

impl Landmarks {
    /// Right eye, left eye, nose, right and left corner of the mouth: the order of YuNet and of SFace's template.
    pub fn from_points([right_eye, left_eye, nose, right_mouth, left_mouth]: [Point; 5]) -> Self {
        Self { right_eye, left_eye, nose, right_mouth, left_mouth }
    }

    /// The inverse of [`Landmarks::from_points`].
    pub fn points(&self) -> [Point; 5] {
        [self.right_eye, self.left_eye, self.nose, self.right_mouth, self.left_mouth]
    }

    /// The landmarks with each point moved by `f`.
    pub fn map(&self, f: impl FnMut(Point) -> Point) -> Self {
        Self::from_points(self.points().map(f))
    }

    /// Midpoint between the eyes.
    pub fn eye_centre(&self) -> Point {
        middle(self.right_eye, self.left_eye)
    }

    /// Midpoint between the corners of the mouth.
    pub fn mouth_centre(&self) -> Point {
        middle(self.right_mouth, self.left_mouth)
    }

    /// Distance between the eyes, d: the unit of all masks and regions.
    pub fn eye_distance(&self) -> f32 {
        (self.left_eye.0 - self.right_eye.0).hypot(self.left_eye.1 - self.right_eye.1)
    }

    /// By how far (in d, along the eye line) the middle of the skull lies beside the midpoint between the eyes: 0 for a
    /// face that looks straight on, at most 0.8. When a head is turned aside, the nose moves one way and the skull,
    /// some three times as deep behind the eyes as the nose is before them, the other way.
    pub(crate) fn skull_shift(&self, frame: &FaceFrame) -> f32 {
        (-3.0 * frame.from_photo(self.nose).0).clamp(-0.8, 0.8)
    }

    /// The frame in which masks and regions are laid out.
    ///
    /// # Errors
    /// When a point is not finite, or the eyes coincide.
    pub fn frame(&self) -> Result<FaceFrame, FaceError> {
        let refuse = |reason: &str| Err(FaceError::Landmarks { reason: reason.to_owned() });
        if self.points().iter().any(|(x, y)| !(x.is_finite() && y.is_finite())) {
            return refuse("a coordinate is not a finite number");
        }
        let d = self.eye_distance();
        if !(d.is_normal() && d < 1e6) {
            return refuse(&format!("the eyes are {d} pixels apart"));
        }
        let along = ((self.left_eye.0 - self.right_eye.0) / d, (self.left_eye.1 - self.right_eye.1) / d);
        Ok(FaceFrame { centre: self.eye_centre(), along, d })
    }
}

/// Coordinates (u, v) of a face: the origin is midway between the eyes, u runs along the eye line from the right eye to
/// the left, v at a right angle to it towards the chin, and both are counted in eye distances d. The eyes lie at
/// (−½, 0) and (½, 0).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaceFrame {
    /// The origin, in pixels.
    pub centre: Point,
    /// Unit vector of u, in the picture.
    pub along: Point,
    /// Distance between the eyes in pixels.
    pub d: f32,
}

impl FaceFrame {
    /// Unit vector of v, in the picture.
    pub fn down(&self) -> Point {
        (-self.along.1, self.along.0)
    }

    /// The position in the photograph of (u, v).
    pub fn to_photo(&self, (u, v): Point) -> Point {
        let (along, down) = (self.along, self.down());
        (self.centre.0 + self.d * (u * along.0 + v * down.0), self.centre.1 + self.d * (u * along.1 + v * down.1))
    }

    /// (u, v) of a position in the photograph.
    pub fn from_photo(&self, (x, y): Point) -> Point {
        let (along, down) = (self.along, self.down());
        let (x, y) = ((x - self.centre.0) / self.d, (y - self.centre.1) / self.d);
        (x * along.0 + y * along.1, x * down.0 + y * down.1)
    }
}

fn middle(a: Point, b: Point) -> Point {
    ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::{Landmarks, Point};

    fn near((x, y): Point, (u, v): Point) -> bool {
        (x - u).abs() < 1e-4 && (y - v).abs() < 1e-4
    }

    #[test]
    fn the_frame_puts_the_eyes_at_half_a_unit() {
        let points = [(10.0, 20.0), (40.0, 60.0), (11.0, 52.0), (-3.0, 50.0), (14.0, 80.0)];
        let landmarks = Landmarks::from_points(points);
        let frame = landmarks.frame().unwrap();
        assert_eq!(frame.d, 50.0);
        assert!(near(frame.from_photo(landmarks.right_eye), (-0.5, 0.0)));
        assert!(near(frame.from_photo(landmarks.left_eye), (0.5, 0.0)));
        assert!(frame.from_photo(landmarks.mouth_centre()).1 > 0.0, "the mouth lies towards the chin");
        for point in points {
            assert!(near(frame.to_photo(frame.from_photo(point)), point));
        }
    }

    #[test]
    fn refuses_what_is_no_face() {
        let same = Landmarks::from_points([(1.0, 1.0); 5]);
        assert!(same.frame().unwrap_err().to_string().contains("0 pixels apart"));
        let mut broken = same;
        broken.nose.0 = f32::NAN;
        assert!(broken.frame().is_err());
    }
}
