//! What may be chosen about a detection.

use crate::error::FaceError;

/// Settings of a detection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectOptions {
    /// Least score of a face, 0 to 1 (default 0.6; OpenCV's own default is 0.9).
    pub score_threshold: f32,
    /// Boxes that overlap a better one by more than this share (intersection over union) are dropped (default 0.3).
    pub nms_threshold: f32,
    /// Number of candidates that are looked at, best first (default 5000).
    pub top_k: usize,
    /// Longer side, in pixels, that larger photographs are shrunk to before the network sees them (default 1280).
    /// Faces are found down to about 12 pixels of width after that.
    pub max_side: u32,
    /// Whether to look for what one scale misses (default): a second, coarse look for faces that fill a large
    /// photograph, and an enlarged one where a small photograph seemed to show none. Faces of the first look are never
    /// changed by it. Without, the result is OpenCV's `FaceDetectorYN` on the shrunk photograph.
    pub more_scales: bool,
}

impl Default for DetectOptions {
    fn default() -> Self {
        Self { score_threshold: 0.6, nms_threshold: 0.3, top_k: 5000, max_side: 1280, more_scales: true }
    }
}

impl DetectOptions {
    pub(crate) fn check(&self) -> Result<(), FaceError> {
        for (name, value) in [("score threshold", self.score_threshold), ("NMS threshold", self.nms_threshold)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(FaceError::Option { name, value: value.to_string(), remedy: "it must be from 0 to 1" });
            }
        }
        // Beyond this the activations of one run would fill gigabytes.
        if !(32..=8192).contains(&self.max_side) {
            let (name, value) = ("longest side for the detector", self.max_side.to_string());
            return Err(FaceError::Option { name, value, remedy: "it must be from 32 to 8192 pixels" });
        }
        if self.top_k == 0 {
            let (name, value) = ("number of candidates", "0".to_owned());
            return Err(FaceError::Option { name, value, remedy: "it must be at least 1" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::DetectOptions;

    #[test]
    fn refuses_nonsense() {
        let good = DetectOptions::default();
        assert!(good.check().is_ok());
        for bad in [
            DetectOptions { score_threshold: 1.5, ..good },
            DetectOptions { score_threshold: f32::NAN, ..good },
            DetectOptions { nms_threshold: -0.1, ..good },
            DetectOptions { top_k: 0, ..good },
            DetectOptions { max_side: 0, ..good },
            DetectOptions { max_side: u32::MAX, ..good },
        ] {
            assert!(bad.check().unwrap_err().to_string().contains("hint"), "{bad:?}");
        }
    }
}
