//! Resizing of pictures (as Pillow does it) and of maps (as PyTorch does it), and cropping.

use eyebar_tensor::Tensor;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::rect::Rect;

/// How pixels between pixels are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filter {
    /// The nearest pixel: small pictures stay crisp blocks.
    Nearest,
    /// Triangle; its support grows when the picture shrinks (antialiased), as Pillow's `BILINEAR`.
    #[default]
    Bilinear,
    /// Cubic convolution with a = −0.5, antialiased, as Pillow's `BICUBIC`.
    Bicubic,
}

/// `image` at `width` × `height`, antialiased bilinear.
pub fn resize(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    resize_with(image, width, height, Filter::Bilinear)
}

/// `image` at `width` × `height`. A picture without pixels becomes black.
pub fn resize_with(image: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    if image.dimensions() == (width, height) {
        return image.clone();
    }
    if [image.width(), image.height(), width, height].contains(&0) {
        return RgbImage::new(width, height);
    }
    let algorithm = match filter {
        Filter::Nearest => ResizeAlg::Nearest,
        Filter::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
        Filter::Bicubic => ResizeAlg::Convolution(FilterType::CatmullRom),
    };
    let source = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3)
        .expect("a picture's buffer holds width × height × 3 bytes");
    let mut target = Image::new(width, height, PixelType::U8x3);
    Resizer::new()
        .resize(&source, &mut target, &ResizeOptions::new().resize_alg(algorithm))
        .expect("source and target have the same pixel type");
    RgbImage::from_raw(width, height, target.into_vec()).expect("the target holds width × height × 3 bytes")
}

/// The part of `image` inside `rect`; what lies outside the picture is left out, so the result may be smaller (also
/// empty).
pub fn crop(image: &RgbImage, rect: Rect) -> RgbImage {
    let (x0, y0, x1, y1) = rect.clip(image.width(), image.height());
    image::imageops::crop_imm(image, x0, y0, x1 - x0, y1 - y0).to_image()
}

/// A map `[H, W]` at `[height, width]`: plain bilinear with half-pixel centres
/// (`torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`), without antialiasing.
///
/// # Panics
/// When `map` is not two-dimensional.
pub fn resize_map(map: &Tensor, height: usize, width: usize) -> Tensor {
    let &[rows, columns] = map.shape() else { panic!("a map is [H, W], not {:?}", map.shape()) };
    if map.is_empty() || (rows, columns) == (height, width) {
        return if map.is_empty() { Tensor::zeros(&[height, width]) } else { map.clone() };
    }
    let across = taps(columns, width);
    let mut data = Vec::with_capacity(height * width);
    for (top, bottom, down) in taps(rows, height) {
        let row = |at: usize| &map.data()[at * columns..(at + 1) * columns];
        let (upper, lower) = (row(top), row(bottom));
        data.extend(across.iter().map(|&(left, right, along)| {
            let mix = |row: &[f32]| row[left] * (1.0 - along) + row[right] * along;
            mix(upper) * (1.0 - down) + mix(lower) * down
        }));
    }
    Tensor::new(&[height, width], data).expect("height × width values")
}

/// For each of `to` positions the two neighbours among `from` and the weight of the second.
fn taps(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f32 / to as f32;
    (0..to)
        .map(|at| {
            let position = ((at as f32 + 0.5) * scale - 0.5).max(0.0);
            let low = (position as usize).min(from - 1);
            (low, (low + 1).min(from - 1), position - low as f32)
        })
        .collect()
}
