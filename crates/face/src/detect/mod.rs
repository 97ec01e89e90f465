//! Face detection with YuNet (Wu, Peng, Yu 2023, *YuNet: a tiny millisecond-level face detector*).

mod decode;
mod detector;
mod input;
mod nms;
mod options;

pub use detector::Detector;
pub use options::DetectOptions;

use eyebar_imaging::Rect;

use crate::landmarks::{Landmarks, Point};

/// A face as the detector found it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Face {
    /// x and y of the upper left corner, width and height, in pixels; it may reach beyond the photograph.
    pub bbox: [f32; 4],
    /// The five landmarks.
    pub landmarks: Landmarks,
    /// Confidence, 0 to 1.
    pub score: f32,
}

impl Face {
    /// The box in whole pixels.
    pub fn rect(&self) -> Rect {
        let [x, y, width, height] = self.bbox;
        Rect::new(x.round() as i32, y.round() as i32, width.round() as u32, height.round() as u32)
    }

    /// Centre of the box.
    pub fn centre(&self) -> Point {
        let [x, y, width, height] = self.bbox;
        (x + width / 2.0, y + height / 2.0)
    }
}

/// The face whose box is centred nearest to the middle of a photograph of `width` × `height`: whom a portrait shows.
pub fn nearest_centre(faces: &[Face], width: u32, height: u32) -> Option<&Face> {
    let distance = |face: &Face| {
        let (x, y) = face.centre();
        (x - width as f32 / 2.0).hypot(y - height as f32 / 2.0)
    };
    faces.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
}
