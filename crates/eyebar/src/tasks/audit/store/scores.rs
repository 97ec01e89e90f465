//! What every attack found of every photograph.

use std::io::Error as IoError;
use std::path::Path;
use std::sync::Arc;

use eyebar_imaging::encode::write_atomic;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::super::figures::{ProbeScore, Row};
use super::columns::{Writer, flag, optional_number, text, whole};
use crate::error::Error;

/// Writes the scores of `rows`, one line for each photograph of the people in `subjects`.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_scores(
    path: &Path,
    rows: &[Row],
    subjects: &[String],
    scores: &[ProbeScore],
) -> std::result::Result<(), Error> {
    let failed = |error: ParquetError| Error::Write { path: path.to_path_buf(), source: IoError::other(error) };
    Ok(write_atomic(path, &encode(rows, subjects, scores).map_err(failed)?)?)
}

fn encode(rows: &[Row], subjects: &[String], scores: &[ProbeScore]) -> Result<Vec<u8>> {
    let fields = vec![
        text("matcher")?,
        text("attacker")?,
        text("alignment")?,
        text("mask")?,
        text("subject")?,
        whole("photo")?,
        flag("detected")?,
        optional_number("mated")?,
        optional_number("other")?,
        optional_number("first")?,
    ];
    let schema = Arc::new(Type::group_type_builder("scores").with_fields(fields).build()?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_created_by(concat!("eyebar ", env!("CARGO_PKG_VERSION")).to_owned());
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties.build()))?;
    let mut group = file.next_row_group()?;
    let mut out = Writer(&mut group);
    let row = |score: &ProbeScore| &rows[score.row];
    let similarity = |score: &ProbeScore, value: f32| score.found.then(|| f64::from(value));
    out.texts(scores.iter().map(|score| row(score).matcher.name()))?;
    out.texts(scores.iter().map(|score| row(score).attacker.name()))?;
    out.texts(scores.iter().map(|score| row(score).alignment.name()))?;
    out.texts(scores.iter().map(|score| row(score).mask.as_str()))?;
    out.texts(scores.iter().map(|score| subjects[score.person].as_str()))?;
    out.wholes(scores.iter().map(|score| score.photo as i32 + 1))?;
    out.flags(scores.iter().map(|score| score.found))?;
    out.optional_numbers(scores.iter().map(|score| similarity(score, score.mated)))?;
    out.optional_numbers(scores.iter().map(|score| similarity(score, score.other)))?;
    out.optional_numbers(scores.iter().map(|score| score.first))?;
    group.close()?;
    file.close()?;
    Ok(bytes)
}
