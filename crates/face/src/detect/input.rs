//! What the network is fed.

use eyebar_imaging::RgbImage;
use eyebar_imaging::resize::resize;
use eyebar_tensor::Tensor;

/// The network's own multiple: the coarsest stride.
const MULTIPLE: usize = 32;

/// `size` rounded up to what the network takes.
pub(super) fn padded(size: u32) -> usize {
    (size as usize).next_multiple_of(MULTIPLE)
}

/// The photograph as `[1, 3, H, W]`: blue, green, red of 0..255, filled up with zeros on the right and below to
/// multiples of 32.
pub(super) fn tensor(image: &RgbImage) -> Tensor {
    let (height, width) = (padded(image.height()), padded(image.width()));
    let mut tensor = Tensor::zeros(&[1, 3, height, width]);
    let row_bytes = 3 * image.width() as usize;
    let planes = tensor.data_mut().chunks_exact_mut((height * width).max(1));
    for (plane, channel) in planes.zip([2, 1, 0]) {
        let source = image.as_raw().chunks_exact(row_bytes.max(1));
        for (row, pixels) in plane.chunks_exact_mut(width).zip(source) {
            for (value, pixel) in row.iter_mut().zip(pixels.chunks_exact(3)) {
                *value = pixel[channel].into();
            }
        }
    }
    tensor
}

/// `image` with a longer side of `side` pixels, and the factors that its width and height were multiplied with.
pub(super) fn scaled(image: &RgbImage, side: u32) -> (RgbImage, (f32, f32)) {
    let (width, height) = image.dimensions();
    let longer = u64::from(width.max(height).max(1));
    let fit = |size: u32| ((u64::from(size) * u64::from(side) + longer / 2) / longer).max(1) as u32;
    let small = resize(image, fit(width), fit(height));
    let factors = (small.width() as f32 / width as f32, small.height() as f32 / height as f32);
    (small, factors)
}

#[cfg(test)]
mod tests {
    use super::{scaled, tensor};
    use eyebar_imaging::{Rgb, RgbImage};

    #[test]
    fn pads_with_zeros_and_puts_blue_first() {
        let image = RgbImage::from_fn(33, 2, |x, y| Rgb([x as u8, 100 + y as u8, 7]));
        let tensor = tensor(&image);
        assert_eq!(tensor.shape(), [1, 3, 32, 64]);
        let at = |channel: usize, y: usize, x: usize| tensor.data()[(channel * 32 + y) * 64 + x];
        assert_eq!([at(0, 1, 32), at(1, 1, 32), at(2, 1, 32)], [7.0, 101.0, 32.0]);
        assert_eq!([at(0, 1, 33), at(1, 2, 0), at(2, 31, 63)], [0.0; 3]);
    }

    #[test]
    fn scales_by_the_longer_side() {
        let (small, factors) = scaled(&RgbImage::new(2000, 1), 100);
        assert_eq!(small.dimensions(), (100, 1));
        assert_eq!(factors, (0.05, 1.0));
    }
}
