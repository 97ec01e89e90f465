//! Names what a picture file holds besides its pixels. Much of it tells who, where and when.

use exif::{Context, In, Reader, Tag};
use image::ImageFormat;

use crate::jpeg;

/// What was found in the file, one entry a kind, for people to read.
pub(crate) struct Blocks {
    pub(crate) exif: Option<Vec<u8>>,
    pub(crate) xmp: Option<Vec<u8>>,
    pub(crate) icc: Option<Vec<u8>>,
    pub(crate) iptc: Option<Vec<u8>>,
}

pub(crate) fn describe(bytes: &[u8], format: ImageFormat, blocks: Blocks) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(exif) = blocks.exif {
        describe_exif(exif, &mut found);
    }
    for (name, block) in [("XMP", blocks.xmp), ("IPTC", blocks.iptc), ("ICC profile (not applied)", blocks.icc)] {
        if let Some(block) = block.filter(|block| !block.is_empty()) {
            found.push(format!("{name}, {} bytes", block.len()));
        }
    }
    match format {
        ImageFormat::Jpeg => describe_jpeg(bytes, &mut found),
        ImageFormat::Png => describe_png(bytes, &mut found),
        _ => {}
    }
    found
}

fn describe_exif(block: Vec<u8>, found: &mut Vec<String>) {
    let size = block.len();
    let mut reader = Reader::new();
    let read = reader.continue_on_error(true).read_raw(block);
    let exif = match read.or_else(|error| error.distill_partial_result(|_| {})) {
        Ok(exif) => exif,
        Err(_) => {
            found.push(format!("EXIF, {size} bytes (not readable)"));
            return;
        }
    };
    let primary = exif.fields().filter(|field| field.ifd_num == In::PRIMARY);
    found.push(format!("EXIF, {size} bytes, {} fields", primary.count()));
    if exif.fields().any(|field| field.tag.context() == Context::Gps) {
        found.push("GPS position (EXIF)".into());
    }
    let thumbnail = exif.get_field(Tag::JPEGInterchangeFormatLength, In::THUMBNAIL);
    if let Some(length) = thumbnail.and_then(|field| field.value.get_uint(0)) {
        found.push(format!("thumbnail, {length} bytes (EXIF; may show the picture before it was edited)"));
    }
    for (tag, name) in [
        (Tag::DateTimeOriginal, "time taken"),
        (Tag::Make, "camera maker"),
        (Tag::Model, "camera model"),
        (Tag::BodySerialNumber, "camera serial number"),
        (Tag::CameraOwnerName, "camera owner"),
        (Tag::Artist, "artist"),
        (Tag::ImageUniqueID, "image identifier"),
        (Tag::MakerNote, "maker note"),
    ] {
        if exif.get_field(tag, In::PRIMARY).is_some() {
            found.push(format!("{name} (EXIF)"));
        }
    }
}

fn describe_jpeg(bytes: &[u8], found: &mut Vec<String>) {
    for segment in jpeg::walk(bytes).segments {
        let size = segment.payload.len();
        match segment.marker {
            0xFE => found.push(format!("JPEG comment, {size} bytes")),
            0xE0 if segment.payload.starts_with(b"JFXX") => found.push(format!("thumbnail, {size} bytes (JFXX)")),
            0xE2 if segment.payload.starts_with(b"MPF\0") => found.push("further pictures (MPF)".into()),
            _ => {}
        }
    }
}

fn describe_png(bytes: &[u8], found: &mut Vec<String>) {
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((head, body)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = &head[4..];
        if matches!(kind, b"tEXt" | b"zTXt" | b"iTXt") {
            let keyword: Vec<u8> = body.iter().take(79).take_while(|&&b| b != 0).copied().collect();
            found.push(format!("text \"{}\", {length} bytes", String::from_utf8_lossy(&keyword).escape_debug()));
        } else if kind == b"tIME" {
            found.push("time last changed (PNG)".into());
        }
        // The chunk is followed by its check sum.
        rest = length.checked_add(4).and_then(|skip| body.get(skip..)).unwrap_or_default();
    }
}
