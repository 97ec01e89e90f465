//! Occlusion sensitivity.

use eyebar_imaging::{InputSpec, Layout};
use eyebar_network::Edit;
use eyebar_tensor::Tensor;

use super::Scorer;
use crate::error::ExplainError;
use crate::progress::{Progress, report};

/// How a patch is slid over the picture (Zeiler and Fergus 2014, *Visualizing and Understanding Convolutional Networks*,
/// section 4.2). Sizes in pixels of the network's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Occlusion {
    /// Width and height of the patch; cut to the picture's size where it is larger.
    pub patch: usize,
    /// Distance between neighbouring patches, 1 to `patch`. The last patch of a row or column moves to the edge, so that
    /// every pixel is covered.
    pub stride: usize,
    /// Grey value of the patch before the network's mean and scale: 0 to 255 for a picture.
    pub fill: f32,
}

impl Default for Occlusion {
    /// 25, 14 and 128.
    fn default() -> Self {
        Self { patch: 25, stride: 14, fill: 128.0 }
    }
}

/// What hiding each part of a picture costs.
#[derive(Debug, Clone, PartialEq)]
pub struct OcclusionMap {
    /// `[H, W]` of the input: mean drop of the score over the patches that cover a pixel; negative where hiding raises
    /// the score.
    pub map: Tensor,
    /// Score of the whole picture.
    pub base: f32,
    /// Rows of the upper edges of the patches.
    pub rows: Vec<usize>,
    /// Columns of the left edges of the patches.
    pub columns: Vec<usize>,
    /// Score with each patch in place, row by row.
    pub scores: Vec<f32>,
}

impl Occlusion {
    /// The sensitivity map of `image`, a preprocessed input of one picture, laid out as `spec` says.
    ///
    /// # Errors
    /// When the parameters leave pixels uncovered, the image is not the one that `scorer` was planned for, a score is
    /// not finite, or `progress` cancels. `progress` counts forward passes of single images.
    pub fn run(
        &self,
        scorer: &Scorer,
        image: &Tensor,
        spec: &InputSpec,
        progress: Progress<'_>,
    ) -> Result<OcclusionMap, ExplainError> {
        self.check()?;
        let (width, height) = match spec.width_height(image.shape()) {
            Some(size) if image.shape() == scorer.image_shape() && spec.shape(1, size.0, size.1) == *image.shape() => {
                size
            }
            _ => {
                let expected = format!("a picture of the shape {:?}", scorer.image_shape());
                return Err(ExplainError::Input { found: image.shape().to_vec(), expected });
            }
        };
        let (rows, columns) = (positions(height, self.patch, self.stride), positions(width, self.patch, self.stride));
        // Without a patch first: the base score comes out of the same run.
        let places: Vec<_> = std::iter::once(None)
            .chain(rows.iter().flat_map(|&row| columns.iter().map(move |&column| Some((row, column)))))
            .collect();
        let mut scores = match spec.layout {
            Layout::Nchw => {
                let edits = places.iter().map(|&place| self.edit(image, spec, (width, height), place));
                scorer.edited(image, edits, progress)?
            }
            // Edits of pixels whose channels lie side by side are not followed.
            Layout::Nhwc => self.whole_images(scorer, image, spec, &places, progress)?,
        };
        let base = scores.remove(0);
        let mut total = vec![0f64; height * width];
        let mut count = vec![0u32; height * width];
        for (&score, &(row, column)) in scores.iter().zip(places.iter().flatten()) {
            for y in row..(row + self.patch).min(height) {
                for at in y * width + column..y * width + (column + self.patch).min(width) {
                    total[at] += f64::from(base) - f64::from(score);
                    count[at] += 1;
                }
            }
        }
        let map = Tensor::from_fn(&[height, width], |at| (total[at] / f64::from(count[at])) as f32);
        Ok(OcclusionMap { map, base, rows, columns, scores })
    }

    /// Forward passes that a picture takes.
    pub fn passes(&self, width: usize, height: usize) -> usize {
        positions(height, self.patch, self.stride).len() * positions(width, self.patch, self.stride).len() + 1
    }

    fn check(&self) -> Result<(), ExplainError> {
        if self.patch == 0 {
            let reason = "patch 0 hides nothing; hint: choose a side of 1 pixel or more, such as 25".to_owned();
            return Err(ExplainError::Parameter(reason));
        }
        if self.stride == 0 || self.stride > self.patch {
            return Err(ExplainError::Parameter(format!(
                "stride {} with patch {}; hint: choose a stride of 1 to {}, so that every pixel is covered",
                self.stride, self.patch, self.patch
            )));
        }
        if !self.fill.is_finite() {
            return Err(ExplainError::Parameter(format!(
                "fill {} is no grey value; hint: give a number, 128 is a middle grey",
                self.fill
            )));
        }
        Ok(())
    }

    fn whole_images(
        &self,
        scorer: &Scorer,
        image: &Tensor,
        spec: &InputSpec,
        places: &[Option<(usize, usize)>],
        progress: Progress<'_>,
    ) -> Result<Vec<f32>, ExplainError> {
        let (width, height) = spec.width_height(image.shape()).unwrap_or_default();
        let mut scores = Vec::with_capacity(places.len());
        report(progress, 0, places.len())?;
        for part in places.chunks(scorer.batch()) {
            let covered: Vec<_> = part.iter().map(|&place| self.cover(image, spec, width, height, place)).collect();
            scores.extend(scorer.scores(&covered.iter().map(Vec::as_slice).collect::<Vec<_>>())?);
            report(progress, scores.len(), places.len())?;
        }
        Ok(scores)
    }

    /// The patch at a place; without one, the picture's own upper left corner.
    fn edit(
        &self,
        image: &Tensor,
        spec: &InputSpec,
        (width, height): (usize, usize),
        place: Option<(usize, usize)>,
    ) -> Edit {
        let (rows, columns) = (self.patch.min(height), self.patch.min(width));
        let shape = [spec.colour.channels(), rows, columns];
        let (top, left) = place.unwrap_or_default();
        let pixels = Tensor::from_fn(&shape, |index| {
            let (channel, row, column) = (index / (rows * columns), index / columns % rows, index % columns);
            match place {
                Some(_) => (self.fill - spec.mean[channel]) * spec.scale[channel],
                None => image.data()[(channel * height + row) * width + column],
            }
        });
        Edit { top, left, pixels }
    }

    fn cover(
        &self,
        image: &Tensor,
        spec: &InputSpec,
        width: usize,
        height: usize,
        place: Option<(usize, usize)>,
    ) -> Vec<f32> {
        let mut data = image.data().to_vec();
        let Some((top, left)) = place else { return data };
        let (rows, columns) = (top..top + self.patch, left..left + self.patch);
        for (index, value) in data.iter_mut().enumerate() {
            let (channel, row, column) = spec.place(index, width, height);
            if rows.contains(&row) && columns.contains(&column) {
                *value = (self.fill - spec.mean[channel]) * spec.scale[channel];
            }
        }
        data
    }
}

/// Upper or left edges of the patches along an axis: every `stride`, the last one at the edge.
fn positions(len: usize, patch: usize, stride: usize) -> Vec<usize> {
    let last = len.saturating_sub(patch);
    (0..last).step_by(stride.max(1)).chain(std::iter::once(last)).collect()
}

#[cfg(test)]
mod tests {
    use super::positions;

    #[test]
    fn the_last_patch_reaches_the_edge() {
        assert_eq!(positions(224, 25, 14).len(), 16);
        assert_eq!(positions(224, 25, 14)[14..], [196, 199]);
        assert_eq!(positions(10, 4, 3), [0, 3, 6]);
        assert_eq!(positions(10, 4, 4), [0, 4, 6]);
        assert_eq!(positions(3, 25, 14), [0]);
        assert_eq!(positions(25, 25, 14), [0]);
    }
}
