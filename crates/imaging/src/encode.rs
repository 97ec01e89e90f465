//! Encoding without metadata, and writing that leaves no half-written file.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ImageFormat, RgbImage};

use crate::error::ImageError;

/// The name of a format that can be decoded.
pub(crate) fn format_name(format: ImageFormat) -> Option<&'static str> {
    match format {
        ImageFormat::Jpeg => Some("JPEG"),
        ImageFormat::Png => Some("PNG"),
        ImageFormat::WebP => Some("WebP"),
        ImageFormat::Bmp => Some("BMP"),
        _ => None,
    }
}

/// `image` as a PNG file without any metadata.
///
/// # Errors
/// When `image` has no pixels.
pub fn png(image: &RgbImage) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    // Nearly as small as the best level, at a fraction of its time.
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    image.write_with_encoder(encoder).map_err(|error| encode_error("PNG", i32::MAX as u32, image, &error))?;
    Ok(bytes)
}

/// `image` as a JPEG file without any metadata; `quality` is 1 to 100.
///
/// # Errors
/// When `image` has no pixels or more than 65 535 a side.
pub fn jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality.clamp(1, 100))
        .encode_image(image)
        .map_err(|error| encode_error("JPEG", u32::from(u16::MAX), image, &error))?;
    Ok(bytes)
}

fn encode_error(format: &'static str, max_side: u32, image: &RgbImage, error: &image::ImageError) -> ImageError {
    ImageError::Encode { format, width: image.width(), height: image.height(), max_side, reason: error.to_string() }
}

/// Writes `image` to `path`: JPEG (quality 92) where the name ends in `.jpg` or `.jpeg`, PNG otherwise.
///
/// # Errors
/// When the picture cannot be encoded or the file cannot be written; nothing is left then.
pub fn save(path: &Path, image: &RgbImage) -> Result<(), ImageError> {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    let bytes = match extension.as_deref() {
        Some("jpg" | "jpeg") => jpeg(image, 92),
        _ => png(image),
    };
    write_atomic(path, &bytes.map_err(|error| error.in_file(path))?)
}

/// Writes `bytes` to `path` whole or not at all: into a temporary file of the same folder, flushed to the disk, then
/// renamed over `path`. Links are followed; a device or pipe (`/dev/stdout`) is written to as it stands.
///
/// # Errors
/// When the folder does not exist or cannot be written to; what `path` held before is kept then.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), ImageError> {
    let write = || -> std::io::Result<()> {
        match path.metadata() {
            Ok(target) if target.is_dir() => Err(std::io::ErrorKind::IsADirectory.into()),
            Ok(target) if target.is_file() => replace(&path.canonicalize()?, bytes),
            // Renaming over a device would put a file in its place, for the whole machine.
            Ok(_) => File::options().write(true).open(path)?.write_all(bytes),
            Err(_) => replace(path, bytes),
        }
    };
    write().map_err(|source| ImageError::Write { path: path.to_path_buf(), source })
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if path.file_name().is_none() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".eyebar-").suffix(".partial");
    // Temporary files are private by default; a result should be as readable as any other new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
