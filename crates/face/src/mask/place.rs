//! Where a mask lies: its box on one face, or at fixed fractions of the picture.

use eyebar_imaging::Rect;

use super::{Mask, Part};
use crate::error::FaceError;
use crate::landmarks::{FaceFrame, Landmarks, Point};

/// Half the width of all masks but `head`, in d.
const HALF_WIDTH: f32 = 1.1;
/// Half the height of the bar, in d.
const BAR: f32 = 0.35;

/// A turned box in the photograph, in the coordinates of [`eyebar_imaging::draw`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// The corner that is upper left on an upright face.
    pub(super) corner: Point,
    /// Unit vector along the upper edge.
    pub(super) along: Point,
    /// Length of the upper edge in pixels.
    pub(super) width: f32,
    /// Length of the side edges in pixels.
    pub(super) height: f32,
    /// The unit of strengths, in pixels.
    pub(super) d: f32,
}

impl Placed {
    /// The corners, upper left first, then clockwise (on an upright face).
    pub(super) fn polygon(&self) -> [Point; 4] {
        [(0.0, 0.0), (self.width, 0.0), (self.width, self.height), (0.0, self.height)].map(|(s, t)| {
            let (along, down) = (self.along, self.down());
            (self.corner.0 + s * along.0 + t * down.0, self.corner.1 + s * along.1 + t * down.1)
        })
    }

    /// Distances of a position from the corner, along the upper and the side edge.
    pub(super) fn local(&self, (x, y): Point) -> Point {
        let (x, y) = (x - self.corner.0, y - self.corner.1);
        let (along, down) = (self.along, self.down());
        (x * along.0 + y * along.1, x * down.0 + y * down.1)
    }

    fn down(&self) -> Point {
        (-self.along.1, self.along.0)
    }

    /// The pixels that the box touches.
    pub(super) fn bounds(&self) -> Rect {
        bounds(&self.polygon())
    }
}

/// The pixels that a box touches.
pub(super) fn bounds(corners: &[Point; 4]) -> Rect {
    let range = |pick: fn(Point) -> f32| {
        let values = corners.map(pick);
        let low = values.into_iter().fold(f32::INFINITY, f32::min).floor() as i32;
        let high = values.into_iter().fold(f32::NEG_INFINITY, f32::max).ceil() as i32;
        (low, (i64::from(high) - i64::from(low)).clamp(0, i64::from(u32::MAX)) as u32)
    };
    let ((x, width), (y, height)) = (range(|p| p.0), range(|p| p.1));
    Rect::new(x, y, width, height)
}

/// The mask on a face.
pub(super) fn on_face(mask: &Mask, landmarks: &Landmarks) -> Result<Placed, FaceError> {
    let frame = landmarks.frame()?;
    let [left, top, right, bottom] = extent(mask, landmarks, &frame);
    if matches!(mask, Mask::Custom { .. }) {
        let head = extent(&Mask::HEAD, landmarks, &frame);
        if right <= head[0] || left >= head[2] || bottom <= head[1] || top >= head[3] {
            let [left, top, right, bottom] = head;
            return Err(mask.hides_nothing(format!(
                "its box lies beside the head, which reaches from {left:.1}, {top:.1} to {right:.1}, {bottom:.1} eye \
                 distances from the midpoint between the eyes; hint: give a box on it, such as \
                 custom:-1.1,-0.35,1.1,0.35 for the eyes"
            )));
        }
    }
    // From pixel centres at integers to the outer corner of the first pixel at (0, 0).
    let (x, y) = frame.to_photo((left, top));
    let (width, height) = ((right - left) * frame.d, (bottom - top) * frame.d);
    Ok(Placed { corner: (x + 0.5, y + 0.5), along: frame.along, width, height, d: frame.d })
}

/// Left, top, right and bottom in the frame of the face.
fn extent(mask: &Mask, landmarks: &Landmarks, frame: &FaceFrame) -> [f32; 4] {
    // A head bowed or thrown back far may have its nose or mouth beside the eyes; a mask never ends above the bar.
    let below = |point: Point, distance: f32| (frame.from_photo(point).1 + distance).max(BAR);
    let face = || [-HALF_WIDTH, -0.9, HALF_WIDTH, below(landmarks.mouth_centre(), 0.8)];
    match *mask {
        Mask::Box { part, scale } => {
            let own = match part {
                Part::EyeBar => [-HALF_WIDTH, -BAR, HALF_WIDTH, BAR],
                Part::EyesNose => [-HALF_WIDTH, -BAR, HALF_WIDTH, below(landmarks.nose, 0.2)],
                Part::Face => face(),
                Part::Head => {
                    let shift = landmarks.skull_shift(frame);
                    [-1.9 + shift.min(0.0), -2.3, 1.9 + shift.max(0.0), below(landmarks.mouth_centre(), 1.3)]
                }
            };
            scaled(own, scale)
        }
        Mask::Blur { .. } | Mask::Pixelate { .. } | Mask::Noise => face(),
        Mask::Custom { left, top, right, bottom } => [left, top, right, bottom],
    }
}

/// A box grown about its middle.
fn scaled([left, top, right, bottom]: [f32; 4], scale: f32) -> [f32; 4] {
    let (across, down) = ((right - left) * (scale - 1.0) / 2.0, (bottom - top) * (scale - 1.0) / 2.0);
    [left - across, top - down, right + across, bottom + down]
}

/// The mask at its fixed place in a picture.
pub(super) fn fixed(mask: &Mask, width: u32, height: u32) -> Result<Placed, FaceError> {
    const FACE: [f32; 4] = [0.10, 0.15, 0.90, 0.80];
    let [left, top, right, bottom] = match *mask {
        Mask::Box { part: Part::EyeBar, scale } => scaled([0.0, 0.28, 1.0, 0.42], scale),
        Mask::Box { part: Part::EyesNose, scale } => scaled([0.0, 0.28, 1.0, 0.58], scale),
        Mask::Box { part: Part::Face, scale } => scaled(FACE, scale),
        Mask::Box { part: Part::Head, .. } => return Err(FaceError::NoFixedPlace { mask: mask.to_string() }),
        Mask::Noise => FACE,
        Mask::Blur { .. } | Mask::Pixelate { .. } => [0.05, 0.10, 0.95, 0.85],
        Mask::Custom { left, top, right, bottom } => [left, top, right, bottom],
    };
    // In f64: 0.28 · 100 must not become 28.000001, and then 29.
    let edge = |fraction: f32, size: u32| (f64::from(fraction) * f64::from(size) * 1e4).round() / 1e4;
    let (x0, x1) = (edge(left, width).floor() as f32, edge(right, width).ceil() as f32);
    let (y0, y1) = (edge(top, height).floor() as f32, edge(bottom, height).ceil() as f32);
    let d = (x1 - x0) / (2.0 * HALF_WIDTH);
    Ok(Placed { corner: (x0, y0), along: (1.0, 0.0), width: x1 - x0, height: y1 - y0, d })
}

#[cfg(test)]
mod tests {
    use super::{Mask, Part, fixed, on_face};
    use crate::align::TEMPLATE;
    use crate::landmarks::{Landmarks, Point};

    fn face() -> Landmarks {
        // d = 100, nose 60 and mouth 110 below the eyes.
        Landmarks::from_points([(100.0, 200.0), (200.0, 200.0), (150.0, 260.0), (110.0, 310.0), (190.0, 310.0)])
    }

    fn corners(mask: Mask) -> (Point, Point) {
        let [a, _, c, _] = on_face(&mask, &face()).unwrap().polygon();
        ((a.0 - 0.5, a.1 - 0.5), (c.0 - 0.5, c.1 - 0.5))
    }

    fn assert_near(found: Point, expected: Point) {
        assert!((found.0 - expected.0).hypot(found.1 - expected.1) < 1e-2, "{found:?} for {expected:?}");
    }

    #[test]
    fn measures_of_an_upright_face() {
        for (mask, upper_left, lower_right) in [
            (Mask::EYE_BAR, (40.0, 165.0), (260.0, 235.0)),
            (Mask::EYES_NOSE, (40.0, 165.0), (260.0, 280.0)),
            (Mask::FACE, (40.0, 110.0), (260.0, 390.0)),
            (Mask::Blur { sigma: 0.3 }, (40.0, 110.0), (260.0, 390.0)),
            (Mask::Box { part: Part::EyeBar, scale: 2.0 }, (-70.0, 130.0), (370.0, 270.0)),
            (Mask::Custom { left: -1.0, top: -2.0, right: 0.5, bottom: 0.0 }, (50.0, 0.0), (200.0, 200.0)),
        ] {
            let (a, c) = corners(mask);
            assert_near(a, upper_left);
            assert_near(c, lower_right);
        }
    }

    #[test]
    fn masks_turn_and_grow_with_the_face() {
        for degrees in [17.0f32, 90.0, 180.0, -123.0] {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let turn = |(x, y): Point| (3.0 * (cos * x - sin * y) + 40.0, 3.0 * (sin * x + cos * y) - 9.0);
            let upright = Landmarks::from_points(TEMPLATE);
            for mask in [Mask::EYE_BAR, Mask::EYES_NOSE, Mask::FACE, Mask::HEAD] {
                let still = on_face(&mask, &upright).unwrap().polygon();
                let turned = on_face(&mask, &upright.map(turn)).unwrap();
                for (point, expected) in turned.polygon().into_iter().zip(still) {
                    let (x, y) = turn((expected.0 - 0.5, expected.1 - 0.5));
                    assert_near(point, (x + 0.5, y + 0.5));
                }
                assert_near(turned.local(turned.polygon()[2]), (turned.width, turned.height));
            }
        }
    }

    #[test]
    fn fixed_places_are_fractions() {
        let rect = |mask, width, height| {
            let bounds = fixed(&mask, width, height).unwrap().bounds();
            [bounds.x, bounds.y, bounds.width as i32, bounds.height as i32]
        };
        assert_eq!(rect(Mask::EYE_BAR, 200, 100), [0, 28, 200, 14]);
        assert_eq!(rect(Mask::EYES_NOSE, 200, 100), [0, 28, 200, 30]);
        assert_eq!(rect(Mask::FACE, 200, 100), [20, 15, 160, 65]);
        assert_eq!(rect(Mask::Pixelate { cells: 4 }, 200, 100), [10, 10, 180, 75]);
        assert_eq!(rect(Mask::EYE_BAR, 1, 1), [0, 0, 1, 1]);
        assert!(fixed(&Mask::HEAD, 200, 100).unwrap_err().to_string().contains("hint"));
    }
}
