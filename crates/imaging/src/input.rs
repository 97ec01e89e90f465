//! From a photograph to the numbers a network is fed, and back.

use std::str::FromStr;

use eyebar_tensor::Tensor;
use image::{Rgb, RgbImage};

use crate::error::ImageError;
use crate::resize::resize;

/// Order of the axes of a network's input; the batch comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Channels before rows and columns (PyTorch).
    Nchw,
    /// Channels last (TensorFlow).
    Nhwc,
}

/// Order of the colour channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Red first.
    Rgb,
    /// Blue first (Caffe, OpenCV).
    Bgr,
    /// One channel: the luma of ITU-R BT.601.
    Grey,
}

/// What a network is fed: (x − `mean`) · `scale` for x in 0..255, channel by channel.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSpec {
    /// Order of the axes.
    pub layout: Layout,
    /// Width and height that a photograph is resized to; `None` keeps its own.
    pub size: Option<(usize, usize)>,
    /// Order of the channels, and of `mean` and `scale`.
    pub colour: Colour,
    /// Subtracted, for each channel.
    pub mean: Vec<f32>,
    /// Factor, for each channel.
    pub scale: Vec<f32>,
}

impl Colour {
    /// Number of channels.
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Grey => 1,
        }
    }

    fn channel(self, pixel: Rgb<u8>, channel: usize) -> f32 {
        let [r, g, b] = pixel.0.map(f32::from);
        match (self, channel) {
            (Self::Grey, _) => 0.299 * r + 0.587 * g + 0.114 * b,
            (Self::Rgb, 0) | (Self::Bgr, 2) => r,
            (_, 1) => g,
            _ => b,
        }
    }
}

impl InputSpec {
    /// The values of a photograph, of its own size: `[1, C, H, W]` or `[1, H, W, C]`.
    pub fn tensor(&self, image: &RgbImage) -> Tensor {
        let (width, height) = (image.width() as usize, image.height() as usize);
        Tensor::from_fn(&self.shape(1, width, height), |index| {
            let (channel, row, column) = self.place(index, width, height);
            let value = self.colour.channel(*image.get_pixel(column as u32, row as u32), channel);
            (value - self.mean[channel]) * self.scale[channel]
        })
    }

    /// As [`InputSpec::tensor`], after resizing to [`InputSpec::size`].
    pub fn fitted_tensor(&self, image: &RgbImage) -> Tensor {
        self.tensor(&self.fit(image))
    }

    /// The photograph as the network sees it: resized to [`InputSpec::size`] (the aspect is not kept).
    pub fn fit(&self, image: &RgbImage) -> RgbImage {
        match self.size {
            Some((width, height)) if image.dimensions() != (width as u32, height as u32) => {
                resize(image, width as u32, height as u32)
            }
            _ => image.clone(),
        }
    }

    /// Shape of a batch of images.
    pub fn shape(&self, images: usize, width: usize, height: usize) -> [usize; 4] {
        match self.layout {
            Layout::Nchw => [images, self.colour.channels(), height, width],
            Layout::Nhwc => [images, height, width, self.colour.channels()],
        }
    }

    /// Width and height of an input of this shape.
    pub fn width_height(&self, shape: &[usize]) -> Option<(usize, usize)> {
        match (self.layout, shape) {
            (Layout::Nchw, &[_, _, height, width]) | (Layout::Nhwc, &[_, height, width, _]) => Some((width, height)),
            _ => None,
        }
    }

    /// Channel, row and column of a flat index into one image.
    pub fn place(&self, index: usize, width: usize, height: usize) -> (usize, usize, usize) {
        let channels = self.colour.channels();
        match self.layout {
            Layout::Nchw => (index / (width * height) % channels, index / width % height, index % width),
            Layout::Nhwc => (index % channels, index / (channels * width) % height, index / channels % width),
        }
    }
}

impl FromStr for InputSpec {
    type Err = ImageError;

    /// Reads `rgb 224x224 mean=123.7,116.3,103.5 scale=0.017 nhwc`: words in any order, all but the colour optional.
    ///
    /// One number stands for all channels; `scale=1/255` is understood. Without a size the photograph keeps its own.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |word: &str| {
            ImageError::InvalidInput(format!(
                "{word:?} in the input specification {text:?} is not understood; hint: write for example \
                 'rgb 224x224 mean=123.7,116.3,103.5 scale=0.0171,0.0175,0.0174', with bgr, grey or nhwc where they apply"
            ))
        };
        let (mut colour, mut layout, mut size) = (None, Layout::Nchw, None);
        let (mut mean, mut scale) = (vec![0.0], vec![1.0]);
        for word in text.split_whitespace() {
            match word.to_ascii_lowercase().as_str() {
                "rgb" => colour = Some(Colour::Rgb),
                "bgr" => colour = Some(Colour::Bgr),
                "grey" | "gray" => colour = Some(Colour::Grey),
                "nchw" => layout = Layout::Nchw,
                "nhwc" => layout = Layout::Nhwc,
                word => {
                    if let Some(values) = word.strip_prefix("mean=") {
                        mean = numbers(values).ok_or_else(|| refuse(word))?;
                    } else if let Some(values) = word.strip_prefix("scale=") {
                        scale = numbers(values).ok_or_else(|| refuse(word))?;
                    } else {
                        let (width, height) = word.split_once('x').ok_or_else(|| refuse(word))?;
                        let side = |text: &str| text.parse().ok().filter(|side| (1..=16384).contains(side));
                        size = Some(side(width).zip(side(height)).ok_or_else(|| refuse(word))?);
                    }
                }
            }
        }
        let colour = colour.unwrap_or(Colour::Rgb);
        let channels = colour.channels();
        let per_channel = |values: Vec<f32>, name: &str| match values.len() {
            1 => Ok(vec![values[0]; channels]),
            count if count == channels => Ok(values),
            _ => Err(refuse(name)),
        };
        Ok(Self { layout, size, colour, mean: per_channel(mean, "mean")?, scale: per_channel(scale, "scale")? })
    }
}

fn numbers(text: &str) -> Option<Vec<f32>> {
    let number = |text: &str| {
        let value: f32 = match text.split_once('/') {
            Some((a, b)) => a.parse::<f32>().ok()? / b.parse::<f32>().ok()?,
            None => text.parse().ok()?,
        };
        value.is_finite().then_some(value)
    };
    text.split(',').map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::{Colour, InputSpec, Layout, Rgb, RgbImage};

    #[test]
    fn reads_a_specification() {
        let spec: InputSpec = "bgr 20x10 mean=1,2,3 scale=1/2 nhwc".parse().unwrap();
        assert_eq!((spec.colour, spec.layout, spec.size), (Colour::Bgr, Layout::Nhwc, Some((20, 10))));
        assert_eq!((spec.mean, spec.scale), (vec![1.0, 2.0, 3.0], vec![0.5; 3]));
        for broken in ["rgb 0x4", "rgb 4", "mean=a", "scale=1,2", "scale=1/0"] {
            assert!(broken.parse::<InputSpec>().unwrap_err().to_string().contains("hint"), "{broken}");
        }
    }

    #[test]
    fn orders_channels_and_axes() {
        let image = RgbImage::from_fn(2, 1, |x, _| Rgb([10 + x as u8, 20, 30]));
        let planes: InputSpec = "bgr mean=1".parse().unwrap();
        let tensor = planes.tensor(&image);
        assert_eq!(tensor.shape(), [1, 3, 1, 2]);
        assert_eq!(tensor.data(), [29.0, 29.0, 19.0, 19.0, 9.0, 10.0]);
        let last: InputSpec = "rgb nhwc scale=2".parse().unwrap();
        assert_eq!(last.tensor(&image).data(), [20.0, 40.0, 60.0, 22.0, 40.0, 60.0]);
    }
}
