//! What can go wrong with a picture or an array file, and the remedy.

use std::path::{Path, PathBuf};

/// Why a picture could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// There are no bytes.
    #[error("the image is empty (0 bytes); hint: give a file that holds a picture")]
    Empty,
    /// The bytes are in no known picture format.
    #[error("not an image that can be read; hint: give a JPEG, PNG, WebP or BMP file")]
    UnknownFormat,
    /// The file is larger than the limit.
    #[error(
        "the image file has {found} bytes, the limit is {limit}; hint: save the picture smaller or as JPEG (programs may \
         raise `Limits::max_file_bytes`)"
    )]
    FileTooLarge {
        /// Size of the file in bytes.
        found: u64,
        /// Largest size allowed in bytes.
        limit: u64,
    },
    /// The header announces more pixels than the limit.
    #[error(
        "the image is {width} × {height} pixels, the limit is {max_side} a side and {max_pixels} in all; hint: scale it \
         down to that (programs may raise `Limits::max_side` and `Limits::max_pixels`)"
    )]
    TooManyPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Largest width or height allowed.
        max_side: u32,
        /// Largest number of pixels allowed.
        max_pixels: u64,
    },
    /// Width or height is zero.
    #[error("the image is {width} × {height} pixels, so it has none; hint: give a picture of at least 1 × 1")]
    NoPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The file ends before the picture does.
    #[error("the {format} file ends before the picture does (truncated); hint: copy or download it again")]
    Truncated {
        /// Name of the format.
        format: &'static str,
    },
    /// The file is damaged, or uses a feature that is not supported.
    #[error("the {format} file cannot be decoded: {reason}; hint: export it again as a plain PNG or JPEG")]
    Broken {
        /// Name of the format.
        format: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// A picture could not be encoded.
    #[error(
        "the picture of {width} × {height} pixels cannot be written as {format}: {reason}; hint: choose a size of 1 to \
         {max_side} pixels a side"
    )]
    Encode {
        /// Name of the format.
        format: &'static str,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Largest side the format can hold.
        max_side: u32,
        /// What the encoder said.
        reason: String,
    },
    /// Two pictures cannot be compared pixel by pixel.
    #[error(
        "pictures of {} × {} and {} × {} pixels cannot be compared; hint: give two of the same size, at least 11 × 11",
        left.0, left.1, right.0, right.1
    )]
    NotComparable {
        /// Width and height of the first.
        left: (u32, u32),
        /// Width and height of the second.
        right: (u32, u32),
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}; hint: check that the file exists and that you may read it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}; hint: check that the folder exists, has space left and that you may write to it", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An input specification is not understood: what of it, and after `hint:` how to write one.
    #[error("{0}")]
    InvalidInput(String),
    /// Something is wrong with a file that is known by name.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<ImageError>,
    },
    /// The bytes are not an array file of a supported kind.
    #[error("not a usable .npy file: {reason}; hint: save it with numpy.save as a C-ordered float32 array")]
    Npy {
        /// What is wrong.
        reason: String,
    },
}

impl ImageError {
    /// The same error, with the file it happened in.
    pub fn in_file(self, path: &Path) -> Self {
        Self::File { path: path.to_path_buf(), source: Box::new(self) }
    }
}
