//! Broken and oversized files: a clear error, never a panic, never a large allocation.

mod common;

use std::path::Path;

use common::{fixtures, format_file};
use eyebar_imaging::{ImageError, Limits, decode, encode, npy, open};

fn error_of(bytes: &[u8]) -> ImageError {
    decode(bytes, &Limits::default()).expect_err("must be refused")
}

/// The header of a PNG of `width` × `height`, correct to the check sum, and nothing behind it but a little data.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut crc = u32::MAX;
    for byte in &chunk {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    file.extend(chunk);
    file.extend((!crc).to_be_bytes());
    file.extend(b"\0\0\0\x08IDAT\x78\x9c\0\0\0\0\0\0\0\0\0\0");
    file
}

fn jpeg_of(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = format_file("rgb.jpg");
    let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("a baseline frame");
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

fn bmp_of(width: i32, height: i32) -> Vec<u8> {
    let mut bytes = format_file("rgb.bmp");
    bytes[18..22].copy_from_slice(&width.to_le_bytes());
    bytes[22..26].copy_from_slice(&height.to_le_bytes());
    bytes
}

#[test]
fn too_many_pixels_are_refused_from_the_header() {
    let huge = [png_header(30_000, 30_000), jpeg_of(30_000, 30_000), bmp_of(30_000, 30_000), png_header(16_385, 1)];
    for bytes in huge {
        let error = error_of(&bytes);
        assert!(matches!(error, ImageError::TooManyPixels { max_side: 16_384, .. }), "{error}");
    }
    let error = error_of(&png_header(30_000, 30_000)).to_string();
    assert!(error.contains("30000 × 30000") && error.contains("scale it down"), "{error}");
    let small = Limits { max_pixels: 383, ..Limits::default() };
    assert!(matches!(decode(&format_file("rgb.png"), &small), Err(ImageError::TooManyPixels { .. })));
}

#[test]
fn what_is_no_picture_is_named() {
    assert!(matches!(error_of(b""), ImageError::Empty));
    for bytes in [b"hello".as_slice(), b"%PDF-1.7", &[0; 4096], b"GIF89a\0\0\0\0\0\0\0\0"] {
        let error = error_of(bytes);
        assert!(matches!(error, ImageError::UnknownFormat), "{error}");
    }
    assert!(matches!(error_of(&png_header(0, 4)), ImageError::NoPixels { .. } | ImageError::Broken { .. }));
    let limits = Limits { max_file_bytes: 100, ..Limits::default() };
    assert!(matches!(decode(&format_file("rgb.jpg"), &limits), Err(ImageError::FileTooLarge { limit: 100, .. })));
}

#[test]
fn truncated_files_are_refused() {
    for name in ["rgb.png", "rgb.jpg", "progressive.jpg", "cmyk.jpg", "rgb.webp", "alpha.png", "grey16.png"] {
        let bytes = format_file(name);
        let error = error_of(&bytes[..bytes.len() * 3 / 4]);
        assert!(matches!(error, ImageError::Truncated { .. }), "{name}: {error:?}");
    }
}

/// Truncations at every length, and every byte flipped in several ways: an answer, whatever it is, but no panic.
#[test]
fn damage_never_panics() {
    let mut seed = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let limits = Limits { max_pixels: 1 << 16, ..Limits::default() };
    let (mut refused, mut read) = (0, 0);
    for entry in std::fs::read_dir(fixtures().join("images/formats")).expect("fixtures") {
        let bytes = std::fs::read(entry.expect("entry").path()).expect("file");
        for end in 0..bytes.len() {
            refused += usize::from(decode(&bytes[..end], &limits).is_err());
        }
        for at in 0..bytes.len() {
            for value in [0x00, 0xFF, bytes[at] ^ 0x80, random() as u8] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                // Two places at once reach further than one.
                let other = random() as usize % bytes.len();
                damaged[other] ^= 1 << (random() % 8);
                match decode(&damaged, &limits) {
                    Ok(_) => read += 1,
                    Err(error) => {
                        assert!(!error.to_string().is_empty());
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(refused > 1000 && read > 1000, "{refused} refused, {read} read: the damage tests nothing");
}

#[test]
fn opening_names_the_file() {
    let missing = Path::new("no/such/picture.png");
    let error = open(missing, &Limits::default()).expect_err("missing").to_string();
    assert!(error.contains("no/such/picture.png") && error.contains("check that"), "{error}");
    let folder = tempfile::tempdir().expect("temporary folder");
    assert!(matches!(open(folder.path(), &Limits::default()), Err(ImageError::Read { .. })));
    let path = folder.path().join("text.png");
    std::fs::write(&path, "not a picture").expect("write");
    let error = open(&path, &Limits::default()).expect_err("no picture").to_string();
    assert!(error.contains("text.png") && error.contains("not an image"), "{error}");
}

#[test]
fn writing_leaves_all_or_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("out.bin");
    encode::write_atomic(&path, b"one").expect("write");
    encode::write_atomic(&path, b"two").expect("write again");
    assert_eq!(std::fs::read(&path).expect("read"), b"two");
    let taken = folder.path().join("folder");
    std::fs::create_dir(&taken).expect("create");
    for target in [folder.path().join("missing/out.bin"), taken] {
        let error = encode::write_atomic(&target, b"three").expect_err("cannot be written").to_string();
        assert!(error.contains("cannot write") && error.contains(target.to_str().expect("name")), "{error}");
    }
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).expect("list").map(|e| e.expect("entry").file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[cfg(unix)]
#[test]
fn writing_follows_links_and_never_replaces_what_is_no_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (path, link) = (folder.path().join("out.bin"), folder.path().join("link"));
    std::fs::write(&path, b"one").expect("write");
    std::os::unix::fs::symlink(&path, &link).expect("link");
    encode::write_atomic(&link, b"two").expect("write through the link");
    assert_eq!(std::fs::read(&path).expect("read"), b"two");
    assert!(link.is_symlink());
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("socket");
    encode::write_atomic(&socket, b"three").expect_err("cannot be opened");
    let kind = std::fs::symlink_metadata(&socket).expect("still there").file_type();
    assert!(std::os::unix::fs::FileTypeExt::is_socket(&kind));
}

#[test]
fn damaged_arrays_never_panic() {
    let folder = fixtures().join("reference/imaging");
    for name in ["array_f4", "array_f8", "array_v2"] {
        let bytes = std::fs::read(folder.join(format!("{name}.npy"))).expect("array");
        for end in 0..bytes.len() {
            assert!(npy::from_bytes(&bytes[..end]).is_err(), "{name} cut at {end}");
        }
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = npy::from_bytes(&damaged);
            }
        }
    }
    for shape in [
        "(99999999999,)",
        "(4294967296, 4294967296)",
        "(-1,)",
        "(1e3,)",
        "4",
        "(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)",
    ] {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend([0; 4]);
        let error = npy::from_bytes(&bytes).expect_err(shape).to_string();
        // One element in too many dimensions is refused for its dimensions.
        assert!(error.contains("numpy.save"), "{error}");
    }
}

/// A header of this length, behind which the data fits.
fn array_with_header(length: usize) -> Vec<u8> {
    let mut header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }".to_owned();
    header.extend(std::iter::repeat_n(' ', length - header.len()));
    let mut bytes = b"\x93NUMPY\x02\0".to_vec();
    bytes.extend((length as u32).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(1f32.to_le_bytes());
    bytes
}

#[test]
fn arrays_have_limits() {
    assert_eq!(npy::from_bytes(&array_with_header(10_000)).expect("an array").data(), [1.0]);
    let error = npy::from_bytes(&array_with_header(10_001)).expect_err("a long header").to_string();
    assert!(error.contains("header of 10001 bytes"), "{error}");

    let folder = tempfile::tempdir().expect("a folder");
    let large = folder.path().join("large.npy");
    // Sparse: takes no room on the disk.
    let file = std::fs::File::create(&large).expect("create");
    file.set_len(npy::MAX_FILE_BYTES + 1).expect("a sparse file");
    let mut irregular = vec![folder.path().to_path_buf()];
    if cfg!(unix) {
        // Without an end.
        irregular.push("/dev/zero".into());
    }
    let large = npy::read(&large).expect_err("too large").to_string();
    assert!(large.contains("536870913 bytes") && large.contains("large.npy") && large.contains("hint"), "{large}");
    for path in irregular {
        let error = npy::read(&path).expect_err("no file").to_string();
        assert!(error.contains("no regular file") && error.contains("hint"), "{error}");
    }
}

/// What every error of a picture ends with.
#[test]
fn every_error_has_a_remedy() {
    use std::path::PathBuf;
    let source = || std::io::Error::from(std::io::ErrorKind::NotFound);
    let (path, reason) = (PathBuf::from("x"), String::new());
    let errors = [
        ImageError::Empty,
        ImageError::UnknownFormat,
        ImageError::FileTooLarge { found: 2, limit: 1 },
        ImageError::TooManyPixels { width: 2, height: 2, max_side: 1, max_pixels: 1 },
        ImageError::NoPixels { width: 0, height: 0 },
        ImageError::Truncated { format: "PNG" },
        ImageError::Broken { format: "PNG", reason: reason.clone() },
        ImageError::Encode { format: "PNG", width: 0, height: 0, max_side: 1, reason: reason.clone() },
        ImageError::NotComparable { left: (1, 1), right: (2, 2) },
        ImageError::Read { path: path.clone(), source: source() },
        ImageError::Write { path: path.clone(), source: source() },
        "rgb what".parse::<eyebar_imaging::InputSpec>().expect_err("no specification"),
        ImageError::Npy { reason },
        ImageError::Empty.in_file(&path),
    ];
    for error in errors {
        assert_eq!(error.to_string().matches("; hint: ").count(), 1, "{error}");
    }
    assert!("plasma".parse::<eyebar_imaging::Colormap>().expect_err("unknown").to_string().contains("; hint: "));
}
