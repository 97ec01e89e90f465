//! Pictures: decoding with limits, resizing, warping, blurring, colour maps, overlays and drawing.
//!
//! The pixel type everywhere is [`RgbImage`] (8 bits per channel, sRGB, row-major); maps are [`eyebar_tensor::Tensor`]
//! of shape `[H, W]`. Pixel centres lie at integer coordinates plus one half when resizing, and at integer coordinates
//! when warping (the conventions of Pillow and PyTorch, and of OpenCV).

#![forbid(unsafe_code)]

pub mod blur;
pub mod colormap;
pub mod decode;
pub mod draw;
pub mod encode;
mod error;
pub mod input;
mod jpeg;
mod metadata;
pub mod npy;
pub mod overlay;
mod polygon;
mod rect;
pub mod resize;
pub mod ssim;
pub mod text;
pub mod warp;

pub use colormap::Colormap;
pub use decode::{Decoded, Limits, decode, open};
pub use draw::Canvas;
pub use error::ImageError;
pub use image::imageops::flip_horizontal;
pub use image::{ImageFormat, Rgb, RgbImage};
pub use input::{InputSpec, Layout};
pub use overlay::Scale;
pub use rect::Rect;
pub use warp::Affine;
