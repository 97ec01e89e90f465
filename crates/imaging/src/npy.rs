//! NumPy's `.npy` array files (NEP 1, versions 1.0 to 3.0), as far as float arrays go.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use eyebar_tensor::{MAX_RANK, Tensor, element_count};

use crate::encode::write_atomic;
use crate::error::ImageError;

const MAGIC: &[u8] = b"\x93NUMPY";
/// The header is padded so that the data starts at a multiple of this.
const ALIGNMENT: usize = 64;
/// Largest file that is read, in bytes: 512 MiB, 134 million float32.
pub const MAX_FILE_BYTES: u64 = 512 << 20;
/// Longest header that is read, in bytes; NumPy itself reads no more than 10 000 of a stranger's file.
const MAX_HEADER_BYTES: usize = 10_000;

/// `array` as a version 1.0 file of little-endian float32 in C order.
pub fn to_bytes(array: &Tensor) -> Vec<u8> {
    let dims: Vec<String> = array.shape().iter().map(usize::to_string).collect();
    let tuple = if dims.len() == 1 { format!("({},)", dims[0]) } else { format!("({})", dims.join(", ")) };
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple}, }}");
    let fixed = MAGIC.len() + 4;
    let padded = (fixed + header.len() + 1).next_multiple_of(ALIGNMENT);
    header.extend(std::iter::repeat_n(' ', padded - fixed - header.len() - 1));
    header.push('\n');

    let mut bytes = Vec::with_capacity(padded + 4 * array.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(array.data().iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// Writes `array` to `path`, whole or not at all.
///
/// # Errors
/// As [`write_atomic`].
pub fn write(path: &Path, array: &Tensor) -> Result<(), ImageError> {
    write_atomic(path, &to_bytes(array))
}

/// Reads the array at `path`, a regular file of at most [`MAX_FILE_BYTES`].
///
/// # Errors
/// As [`from_bytes`], and when the file cannot be read, is larger, or is a folder, pipe or device.
pub fn read(path: &Path) -> Result<Tensor, ImageError> {
    let read_error = |source| ImageError::Read { path: path.to_path_buf(), source };
    // Before it is opened: opening a pipe waits for somebody to write.
    let about = std::fs::metadata(path).map_err(read_error)?;
    if !about.is_file() {
        return Err(refuse("it is no regular file but a folder, pipe or device").in_file(path));
    }
    check_length(about.len()).map_err(|error| error.in_file(path))?;
    let mut bytes = Vec::with_capacity(about.len() as usize);
    // It may grow while it is read.
    File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(read_error)?;
    from_bytes(&bytes).map_err(|error| error.in_file(path))
}

fn check_length(bytes: u64) -> Result<(), ImageError> {
    if bytes > MAX_FILE_BYTES {
        return Err(refuse(format!("it has {bytes} bytes, more than the {MAX_FILE_BYTES} that are read")));
    }
    Ok(())
}

/// Reads an array of float32, float64 (rounded to float32) or uint8, in either byte order.
///
/// # Errors
/// When there are more than [`MAX_FILE_BYTES`], the header is broken, the type is another one, the order is Fortran's,
/// or the data does not fill the shape.
pub fn from_bytes(bytes: &[u8]) -> Result<Tensor, ImageError> {
    check_length(bytes.len() as u64)?;
    let (header, data) = split(bytes)?;
    let quoted = |text: &str| text.trim_matches(['\'', '"']).to_string();
    let kind = quoted(value_of(header, "descr")?);
    if value_of(header, "fortran_order")? != "False" {
        return Err(refuse("the array is in Fortran order (save numpy.ascontiguousarray of it)"));
    }
    let shape = parse_shape(value_of(header, "shape")?)?;
    let count = element_count(&shape).map_err(|error| refuse(error.to_string()))?;
    let size = match kind.as_str() {
        "<f4" | ">f4" => 4,
        "<f8" | ">f8" => 8,
        "|u1" => 1,
        _ => return Err(refuse(format!("elements of type {kind:?} are not supported (use '<f4' or '<f8')"))),
    };
    if count.checked_mul(size) != Some(data.len()) {
        return Err(refuse(format!("shape {shape:?} of {kind} does not fit {} bytes of data", data.len())));
    }
    let four = |chunk: &[u8]| <[u8; 4]>::try_from(chunk).expect("chunks of four");
    let eight = |chunk: &[u8]| <[u8; 8]>::try_from(chunk).expect("chunks of eight");
    let values: Vec<f32> = match kind.as_str() {
        "<f4" => data.chunks_exact(4).map(|c| f32::from_le_bytes(four(c))).collect(),
        ">f4" => data.chunks_exact(4).map(|c| f32::from_be_bytes(four(c))).collect(),
        "<f8" => data.chunks_exact(8).map(|c| f64::from_le_bytes(eight(c)) as f32).collect(),
        ">f8" => data.chunks_exact(8).map(|c| f64::from_be_bytes(eight(c)) as f32).collect(),
        _ => data.iter().map(|&byte| f32::from(byte)).collect(),
    };
    Tensor::new(&shape, values).map_err(|error| refuse(error.to_string()))
}

fn refuse(reason: impl Into<String>) -> ImageError {
    ImageError::Npy { reason: reason.into() }
}

/// The text of the header and the data behind it.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), ImageError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| refuse("it does not start with the NumPy magic"))?;
    let (length, rest) = match rest {
        [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        [1..=3, ..] | [] => return Err(refuse("it ends within its header")),
        [version, ..] => return Err(refuse(format!("format version {version} is not known"))),
    };
    if length > MAX_HEADER_BYTES {
        return Err(refuse(format!("its header of {length} bytes is longer than {MAX_HEADER_BYTES}")));
    }
    let (header, data) = rest.split_at_checked(length).ok_or_else(|| refuse("it ends within its header"))?;
    let header = std::str::from_utf8(header).map_err(|_| refuse("the header is not text"))?;
    Ok((header, data))
}

/// The value of `key` in the Python dictionary literal `header`; a tuple is returned with its parentheses.
fn value_of<'a>(header: &'a str, key: &str) -> Result<&'a str, ImageError> {
    let missing = || refuse(format!("the header has no usable '{key}'"));
    let at = [format!("'{key}'"), format!("\"{key}\"")]
        .iter()
        .find_map(|quoted| header.find(quoted.as_str()).map(|at| at + quoted.len()))
        .ok_or_else(missing)?;
    let value = header[at..].trim_start().strip_prefix(':').ok_or_else(missing)?.trim_start();
    let end = if value.starts_with('(') { value.find(')').map(|at| at + 1) } else { value.find([',', '}']) };
    Ok(value[..end.ok_or_else(missing)?].trim_end())
}

fn parse_shape(tuple: &str) -> Result<Vec<usize>, ImageError> {
    let inner = tuple.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let inner = inner.ok_or_else(|| refuse("the shape is not a tuple"))?;
    let dims: Result<Vec<usize>, _> =
        inner.split(',').map(str::trim).filter(|dim| !dim.is_empty()).take(MAX_RANK + 1).map(str::parse).collect();
    dims.map_err(|_| refuse(format!("the shape {tuple} is not made of whole numbers")))
}
