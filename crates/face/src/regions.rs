//! The parts of a face as masks, placed by its landmarks.

use eyebar_tensor::Tensor;

use crate::error::FaceError;
use crate::landmarks::{FaceFrame, Landmarks, Point};

/// A part of the picture of a face. Together they cover the picture, none overlaps another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Region {
    /// Eyes with brows and the bridge of the nose.
    Eyes,
    /// Nose, below the eyes.
    Nose,
    /// Mouth with lips.
    Mouth,
    /// Above the brows, up to the hair.
    Forehead,
    /// Beside nose and mouth.
    Cheeks,
    /// Below the mouth.
    Chin,
    /// Hair, ears, jaw line and the upper neck: the rest of the head.
    HairAndOutline,
    /// All else.
    Background,
}

impl Region {
    /// All regions, in the order of tables.
    pub const ALL: [Self; 8] = [
        Self::Eyes,
        Self::Nose,
        Self::Mouth,
        Self::Forehead,
        Self::Cheeks,
        Self::Chin,
        Self::HairAndOutline,
        Self::Background,
    ];

    /// The name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eyes => "eyes",
            Self::Nose => "nose",
            Self::Mouth => "mouth",
            Self::Forehead => "forehead",
            Self::Cheeks => "cheeks",
            Self::Chin => "chin",
            Self::HairAndOutline => "hair and outline",
            Self::Background => "background",
        }
    }
}

/// A region with its pixels.
#[derive(Debug, Clone)]
pub struct NamedRegion {
    /// The name for tables.
    pub name: &'static str,
    /// 1 inside, 0 outside: `[H, W]`.
    pub mask: Tensor,
}

/// Which region each pixel of a picture belongs to.
#[derive(Debug, Clone)]
pub struct FacialRegions {
    labels: Tensor<Region>,
}

impl FacialRegions {
    /// The regions of a face in a picture of `width` × `height`, laid out in units of the distance between the eyes and
    /// turned with the face. A pixel belongs to the region that its centre lies in.
    ///
    /// # Errors
    /// When the landmarks do not form a face, or the picture has more pixels than a tensor holds.
    pub fn new(landmarks: &Landmarks, width: u32, height: u32) -> Result<Self, FaceError> {
        let layout = Layout::new(landmarks)?;
        let shape = [height as usize, width as usize];
        if eyebar_tensor::element_count(&shape).is_err() {
            let (name, value) = ("picture size", format!("{width} × {height}"));
            return Err(FaceError::Option { name, value, remedy: "it is too large; shrink the picture first" });
        }
        let columns = width as usize;
        let labels = Tensor::from_fn(&shape, |at| layout.region(((at % columns) as f32, (at / columns) as f32)));
        Ok(Self { labels })
    }

    /// The region of each pixel, `[H, W]`.
    pub fn labels(&self) -> &Tensor<Region> {
        &self.labels
    }

    /// 1 where a pixel belongs to `region`, 0 elsewhere: `[H, W]`.
    pub fn mask(&self, region: Region) -> Tensor {
        self.labels.map(|&label| f32::from(u8::from(label == region)))
    }

    /// The masks of all regions, in the order of [`Region::ALL`].
    pub fn masks(&self) -> Vec<NamedRegion> {
        Region::ALL.map(|region| NamedRegion { name: region.name(), mask: self.mask(region) }).into()
    }
}

/// The measures of one face, in its frame (units of d, the eyes at v = 0).
struct Layout {
    frame: FaceFrame,
    nose: Point,
    mouth: Point,
    /// Half the distance between the corners of the mouth.
    mouth_half: f32,
    /// Where the middle of the skull lies, along u.
    skull: f32,
}

/// Upper and lower end of the eyes.
const BROWS: f32 = -0.42;
const EYES_END: f32 = 0.28;
/// Of the oval of the face: half its width, its upper end, and its lower end below the mouth.
const FACE_HALF_WIDTH: f32 = 1.12;
const HAIRLINE: f32 = -1.05;
const CHIN: f32 = 0.85;
/// The same of the head.
const HEAD_HALF_WIDTH: f32 = 1.6;
const CROWN: f32 = -2.1;
const NECK: f32 = 1.25;

impl Layout {
    fn new(landmarks: &Landmarks) -> Result<Self, FaceError> {
        let frame = landmarks.frame()?;
        let [right, left] = [landmarks.right_mouth, landmarks.left_mouth].map(|corner| frame.from_photo(corner));
        // Nose and mouth of a bowed head come near the eyes; they never go above them.
        let below = |(u, v): Point, least: f32| (u, v.max(least));
        let nose = below(frame.from_photo(landmarks.nose), EYES_END);
        let mouth = below(frame.from_photo(landmarks.mouth_centre()), nose.1 + 0.2);
        let skull = landmarks.skull_shift(&frame);
        Ok(Self { frame, skull, nose, mouth, mouth_half: ((left.0 - right.0) / 2.0).clamp(0.25, 0.75) })
    }

    fn region(&self, pixel: Point) -> Region {
        let (u, v) = self.frame.from_photo(pixel);
        // A face that is turned aside leans from the eyes to the mouth.
        let from_axis = |end: Point| u - end.0 * (v / end.1).clamp(-0.5, 1.0);
        let across = from_axis(self.mouth);
        let (mouth_top, mouth_end) = (self.mouth.1 - 0.25, self.mouth.1 + 0.3);
        let nose_end = (self.nose.1 + 0.2).min(mouth_top);
        if !in_oval(across, v, FACE_HALF_WIDTH, HAIRLINE, self.mouth.1 + CHIN) {
            let head = in_oval(u - self.skull, v, HEAD_HALF_WIDTH, CROWN, self.mouth.1 + NECK);
            return if head { Region::HairAndOutline } else { Region::Background };
        }
        if v < BROWS {
            Region::Forehead
        } else if v < EYES_END {
            Region::Eyes
        } else if v < nose_end && from_axis(self.nose).abs() < 0.22 + 0.16 * (v - EYES_END) / (nose_end - EYES_END) {
            Region::Nose
        } else if v >= mouth_end {
            Region::Chin
        } else if v >= mouth_top && across.abs() < self.mouth_half + 0.15 {
            Region::Mouth
        } else {
            Region::Cheeks
        }
    }
}

/// Whether (u, v) lies in the oval |u/a|^2.5 + |v/b|^2.5 < 1 (fuller than an ellipse, as heads are) from `top` to `end`.
fn in_oval(u: f32, v: f32, half_width: f32, top: f32, end: f32) -> bool {
    let (middle, half_height) = ((top + end) / 2.0, (end - top) / 2.0);
    (u / half_width).abs().powf(2.5) + ((v - middle) / half_height).abs().powf(2.5) < 1.0
}

#[cfg(test)]
mod tests {
    use super::{FacialRegions, Region};
    use crate::align::TEMPLATE;
    use crate::landmarks::{Landmarks, Point};

    fn face(scale: f32, x: f32, y: f32) -> Landmarks {
        Landmarks::from_points(TEMPLATE.map(|(u, v)| (u * scale + x, v * scale + y)))
    }

    #[test]
    fn every_pixel_has_one_region() {
        let regions = FacialRegions::new(&face(1.0, 50.0, 40.0), 220, 200).unwrap();
        let masks = regions.masks();
        for at in 0..220 * 200 {
            assert_eq!(masks.iter().map(|region| region.mask.data()[at]).sum::<f32>(), 1.0);
        }
        assert!(masks.iter().all(|region| region.mask.data().contains(&1.0)), "all eight occur");
    }

    #[test]
    fn landmarks_lie_in_their_regions() {
        let landmarks = face(2.0, 30.0, 20.0);
        let turned = landmarks.map(|(x, y)| (300.0 - y, x));
        for landmarks in [landmarks, turned] {
            let regions = FacialRegions::new(&landmarks, 320, 320).unwrap();
            let at = |(x, y): Point| regions.labels().data()[y as usize * 320 + x as usize];
            assert_eq!([landmarks.right_eye, landmarks.left_eye].map(at), [Region::Eyes; 2]);
            assert_eq!(at(landmarks.nose), Region::Nose);
            let corners = [landmarks.right_mouth, landmarks.left_mouth, landmarks.mouth_centre()];
            assert_eq!(corners.map(at), [Region::Mouth; 3]);
        }
    }

    #[test]
    fn regions_turn_with_the_face() {
        // A quarter turn about the middle of a square takes pixels to pixels.
        let side = 240usize;
        let upright = face(1.3, 40.0, 50.0);
        let turned = upright.map(|(x, y)| (side as f32 - 1.0 - y, x));
        let labels = |landmarks| FacialRegions::new(&landmarks, side as u32, side as u32).unwrap().labels;
        let (before, after) = (labels(upright), labels(turned));
        let differing = (0..side * side).filter(|at| {
            let (x, y) = (at % side, at / side);
            before.data()[*at] != after.data()[x * side + side - 1 - y]
        });
        assert!(differing.count() < 20, "rounding on the borders aside");
    }

    #[test]
    fn borders_and_nonsense() {
        assert_eq!(FacialRegions::new(&face(1.0, -60.0, -60.0), 1, 1).unwrap().labels().len(), 1);
        assert_eq!(FacialRegions::new(&face(1.0, 0.0, 0.0), 0, 5).unwrap().labels().len(), 0);
        assert!(FacialRegions::new(&face(0.0, 0.0, 0.0), 10, 10).is_err());
        assert!(FacialRegions::new(&face(1.0, 0.0, 0.0), u32::MAX, u32::MAX).is_err());
        // Nose and mouth above the eyes.
        let odd = Landmarks::from_points([(10.0, 50.0), (40.0, 50.0), (25.0, 20.0), (40.0, 5.0), (10.0, 5.0)]);
        assert!(FacialRegions::new(&odd, 60, 60).unwrap().masks().len() == 8);
    }
}
