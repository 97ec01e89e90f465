//! Decoding of hostile files: sizes are checked in the header, before anything is allocated.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::error::ImageError as CodecError;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

use crate::error::ImageError;
use crate::metadata::{self, Blocks};
use crate::{encode, jpeg};

/// How large a picture may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest number of pixels (default 100 million).
    pub max_pixels: u64,
    /// Largest width and height in pixels (default 16 384).
    pub max_side: u32,
    /// Largest file in bytes (default 64 MiB).
    pub max_file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_pixels: 100_000_000, max_side: 16_384, max_file_bytes: 64 << 20 }
    }
}

/// A picture as it should be looked at, and what its file said besides.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The pixels: upright, 8 bits per channel, transparency laid over white.
    pub image: RgbImage,
    /// The format of the file.
    pub format: ImageFormat,
    /// The EXIF orientation, 1 (as stored) to 8, that has been applied.
    pub orientation: u8,
    /// What else was in the file (EXIF, GPS position, thumbnail, XMP, ICC profile …), for people to read.
    pub metadata: Vec<String>,
}

/// Reads and decodes the picture at `path`.
///
/// # Errors
/// As [`decode`]; each error names the file.
pub fn open(path: &Path, limits: &Limits) -> Result<Decoded, ImageError> {
    let read_error = |source| ImageError::Read { path: path.to_path_buf(), source };
    let file = File::open(path).map_err(read_error)?;
    let about = file.metadata().map_err(read_error)?;
    if about.is_dir() {
        return Err(read_error(std::io::ErrorKind::IsADirectory.into()));
    }
    let size = about.len();
    if size > limits.max_file_bytes {
        return Err(ImageError::FileTooLarge { found: size, limit: limits.max_file_bytes }.in_file(path));
    }
    // A pipe or a growing file has no size to trust.
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(limits.max_file_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(read_error)?;
    decode(&bytes, limits).map_err(|error| error.in_file(path))
}

/// Decodes a JPEG (also CMYK and YCCK), PNG, WebP or BMP file.
///
/// 16 bits are rounded to 8, grey and palette become RGB, transparency is laid over white, the EXIF orientation is
/// applied. Colour profiles are named, not applied. Of an animation, the first picture is taken.
///
/// # Errors
/// When the bytes are empty, larger than `limits`, no picture, truncated or broken.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    if bytes.len() as u64 > limits.max_file_bytes {
        return Err(ImageError::FileTooLarge { found: bytes.len() as u64, limit: limits.max_file_bytes });
    }
    let format = image::guess_format(bytes).map_err(|_| ImageError::UnknownFormat)?;
    let name = encode::format_name(format).ok_or(ImageError::UnknownFormat)?;
    let cut = is_cut_off(bytes, format);
    let named = |error, size| match codec_error(error, name, size, limits) {
        ImageError::Broken { format, .. } if cut => ImageError::Truncated { format },
        error => error,
    };
    let broken = |error| named(error, (0, 0));

    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(broken)?;
    let size = decoder.dimensions();
    check_size(size, limits)?;
    let broken = |error| named(error, size);
    // Room for 16-bit RGBA; what a decoder needs beside its output is bounded by the same figure.
    let mut codec_limits = image::Limits::no_limits();
    codec_limits.max_alloc = Some(limits.max_pixels.saturating_mul(8).saturating_add(limits.max_file_bytes));
    decoder.set_limits(codec_limits).map_err(broken)?;
    if cut {
        return Err(ImageError::Truncated { format: name });
    }

    // Metadata that cannot be read must not keep anyone from the picture.
    let exif = decoder.exif_metadata().ok().flatten();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let blocks = Blocks {
        exif,
        xmp: decoder.xmp_metadata().ok().flatten(),
        icc: decoder.icc_profile().ok().flatten(),
        iptc: decoder.iptc_metadata().ok().flatten(),
    };
    let metadata = metadata::describe(bytes, format, blocks);

    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    picture.apply_orientation(orientation);
    Ok(Decoded { image: flatten(picture), format, orientation: orientation.to_exif(), metadata })
}

/// Whether the file ends before its own structure says so.
fn is_cut_off(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Jpeg => !jpeg::walk(bytes).complete,
        ImageFormat::WebP => match bytes {
            [_, _, _, _, a, b, c, d, rest @ ..] => rest.len() < u32::from_le_bytes([*a, *b, *c, *d]) as usize,
            _ => true,
        },
        _ => false,
    }
}

fn check_size((width, height): (u32, u32), limits: &Limits) -> Result<(), ImageError> {
    if width == 0 || height == 0 {
        return Err(ImageError::NoPixels { width, height });
    }
    if width.max(height) > limits.max_side || u64::from(width) * u64::from(height) > limits.max_pixels {
        let (max_side, max_pixels) = (limits.max_side, limits.max_pixels);
        return Err(ImageError::TooManyPixels { width, height, max_side, max_pixels });
    }
    Ok(())
}

/// Converts to 8-bit RGB, over white where the picture is transparent.
fn flatten(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0;
        let over = |c: u8| ((u32::from(c) * u32::from(a) + 255 * (255 - u32::from(a)) + 127) / 255) as u8;
        image::Rgb([over(r), over(g), over(b)])
    })
}

fn codec_error(error: CodecError, format: &'static str, size: (u32, u32), limits: &Limits) -> ImageError {
    match error {
        CodecError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => ImageError::Truncated { format },
        // Before the header is read whole, the size is not known.
        CodecError::Limits(_) if size == (0, 0) => {
            ImageError::Broken { format, reason: "its header announces more pixels than any picture has".to_owned() }
        }
        CodecError::Limits(_) => ImageError::TooManyPixels {
            width: size.0,
            height: size.1,
            max_side: limits.max_side,
            max_pixels: limits.max_pixels,
        },
        other => {
            let reason = other.to_string();
            let cut = ["unexpected end", "unexpected eof", "failed to fill", "not enough bytes", "exhausted data"];
            if cut.iter().any(|hint| reason.to_ascii_lowercase().contains(hint)) {
                return ImageError::Truncated { format };
            }
            ImageError::Broken { format, reason }
        }
    }
}
