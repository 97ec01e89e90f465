//! Non-maximum suppression, as OpenCV's `dnn::NMSBoxes` does it.

use super::Face;

/// The best `top_k` of `faces`, best first, without those that overlap a better one by more than `threshold`.
pub(super) fn suppress(mut faces: Vec<Face>, threshold: f32, top_k: usize) -> Vec<Face> {
    // Stable, so that equal scores keep the order of the cells.
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    faces.truncate(top_k);
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept.iter().all(|better| overlap(better, &face) <= threshold) {
            kept.push(face);
        }
    }
    kept
}

/// Intersection over union of the boxes, cut to whole pixels.
fn overlap(a: &Face, b: &Face) -> f32 {
    let (intersection, [area_a, area_b]) = areas(a, b);
    if area_a + area_b == 0 {
        return 1.0;
    }
    (intersection as f64 / (area_a + area_b - intersection) as f64) as f32
}

/// Intersection over the smaller box: 1 where one lies in the other.
pub(super) fn containment(a: &Face, b: &Face) -> f32 {
    let (intersection, [area_a, area_b]) = areas(a, b);
    (intersection as f64 / area_a.min(area_b).max(1) as f64) as f32
}

/// Intersection and the two areas.
fn areas(a: &Face, b: &Face) -> (i64, [i64; 2]) {
    // Through i32, so that no product of boxes from a broken network can overflow.
    let [a, b] = [a, b].map(|face| face.bbox.map(|value| i64::from(value as i32)));
    let side = |axis: usize| {
        let end = (a[axis] + a[axis + 2]).min(b[axis] + b[axis + 2]);
        (end - a[axis].max(b[axis])).max(0)
    };
    (side(0).saturating_mul(side(1)), [a, b].map(|[_, _, width, height]| width.max(0) * height.max(0)))
}

#[cfg(test)]
mod tests {
    use super::{Face, containment, overlap, suppress};
    use crate::landmarks::Landmarks;

    fn face(bbox: [f32; 4], score: f32) -> Face {
        Face { bbox, landmarks: Landmarks::from_points([(0.0, 0.0); 5]), score }
    }

    #[test]
    fn keeps_the_best_of_what_overlaps() {
        let faces = vec![
            face([0.0, 0.0, 10.0, 10.0], 0.7),
            face([1.0, 0.0, 10.0, 10.0], 0.9),
            face([30.0, 0.0, 10.0, 10.0], 0.8),
        ];
        let scores = |threshold, top_k| -> Vec<f32> {
            suppress(faces.clone(), threshold, top_k).iter().map(|face| face.score).collect()
        };
        assert_eq!(scores(0.3, 5000), [0.9, 0.8]);
        assert_eq!(scores(0.9, 5000), [0.9, 0.8, 0.7]);
        assert_eq!(scores(0.9, 1), [0.9]);
    }

    #[test]
    fn cuts_boxes_to_whole_pixels() {
        // 9 of 11 columns shared.
        let (a, b) = (face([0.9, 0.0, 10.9, 10.0], 1.0), face([1.2, 0.0, 10.2, 10.9], 1.0));
        assert!((overlap(&a, &b) - 9.0 / 11.0).abs() < 1e-6);
        assert_eq!(overlap(&face([0.0; 4], 1.0), &face([0.0; 4], 1.0)), 1.0);
        assert_eq!(containment(&face([0.0, 0.0, 100.0, 100.0], 1.0), &face([10.0, 10.0, 5.0, 5.0], 1.0)), 1.0);
        let huge = face([-3e38, -3e38, 3e38, 3e38], 1.0);
        assert!(overlap(&huge, &huge).is_finite());
    }
}
