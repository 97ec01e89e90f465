//! From the network's twelve outputs to candidate faces.

use super::Face;
use crate::landmarks::Landmarks;

/// The strides of the three scales, in pixels.
pub(super) const STRIDES: [usize; 3] = [8, 16, 32];

/// What the network says about the cells of one scale, row by row.
#[derive(Clone, Copy)]
pub(super) struct Scale<'a> {
    pub(super) stride: usize,
    /// Number of cells in a row.
    pub(super) columns: usize,
    /// Probability of a face, `[N]`.
    pub(super) class: &'a [f32],
    /// Probability that the box is a good one, `[N]`.
    pub(super) object: &'a [f32],
    /// Offset of the centre and logarithm of the size, in strides, `[N, 4]`.
    pub(super) boxes: &'a [f32],
    /// Offsets of the five landmarks, in strides, `[N, 10]`.
    pub(super) points: &'a [f32],
}

/// Appends the faces of one scale with a score of at least `threshold`: √(class · object), centre (c + b₀, r + b₁)·s and
/// size exp(b₂, b₃)·s for the cell in row r and column c, landmarks (c + k₂ₙ, r + k₂ₙ₊₁)·s.
pub(super) fn decode(scale: Scale<'_>, threshold: f32, faces: &mut Vec<Face>) {
    let cells =
        scale.class.iter().zip(scale.object).zip(scale.boxes.chunks_exact(4).zip(scale.points.chunks_exact(10)));
    for (index, ((&class, &object), (offsets, points))) in cells.enumerate() {
        let score = (class.clamp(0.0, 1.0) * object.clamp(0.0, 1.0)).sqrt();
        if score.is_nan() || score < threshold {
            continue;
        }
        let stride = scale.stride as f32;
        let (column, row) = ((index % scale.columns) as f32, (index / scale.columns) as f32);
        let (width, height) = (offsets[2].exp() * stride, offsets[3].exp() * stride);
        let (x, y) = ((column + offsets[0]) * stride - width / 2.0, (row + offsets[1]) * stride - height / 2.0);
        let point = |n: usize| ((points[2 * n] + column) * stride, (points[2 * n + 1] + row) * stride);
        let landmarks = Landmarks::from_points(std::array::from_fn(point));
        let face = Face { bbox: [x, y, width, height], landmarks, score };
        let finite = |value: f32| value.is_finite();
        if face.bbox.into_iter().all(finite) && landmarks.points().into_iter().all(|(x, y)| finite(x) && finite(y)) {
            faces.push(face);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Scale, decode};

    #[test]
    fn one_cell_above_the_threshold() {
        let mut boxes = [0.0; 24];
        boxes[20..].copy_from_slice(&[0.5, -0.25, 2f32.ln(), 3f32.ln()]);
        let mut points = [0.0; 60];
        points[50..].copy_from_slice(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        let class = [0.1, 0.1, 0.1, 0.1, f32::NAN, 1.5];
        let scale = Scale { stride: 8, columns: 3, class: &class, object: &[0.64; 6], boxes: &boxes, points: &points };
        let mut faces = Vec::new();
        decode(scale, 0.6, &mut faces);
        let [face] = faces[..] else { panic!("{faces:?}") };
        // Column 2, row 1.
        assert!((face.score - 0.8).abs() < 1e-6);
        let expected = [20.0 - 8.0, 6.0 - 12.0, 16.0, 24.0];
        assert!(face.bbox.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{:?}", face.bbox);
        assert_eq!(face.landmarks.right_eye, (16.0, 16.0));
        assert_eq!(face.landmarks.left_mouth, (80.0, 80.0));
    }

    #[test]
    fn drops_boxes_without_a_size() {
        let scale = Scale {
            stride: 8,
            columns: 1,
            class: &[1.0],
            object: &[1.0],
            boxes: &[0., 0., 1e9, 0.],
            points: &[0.; 10],
        };
        let mut faces = Vec::new();
        decode(scale, 0.5, &mut faces);
        assert!(faces.is_empty());
    }
}
