//! Part 5: the feature extractor, to take away.

use std::path::Path;

use eyebar_imaging::encode::write_atomic;
use eyebar_report::{Section, Table};
use serde::Serialize;

use super::Stage;
use crate::bundle;
use crate::error::Error;

/// The saved model, as its manifest describes it.
#[derive(Debug, Serialize)]
pub struct SavedModel {
    /// The model.
    pub model: String,
    /// Operator set of the file.
    pub opset: i64,
    /// Size of the f32 original, in bytes; the manifest states it.
    pub original_bytes: Option<u64>,
    /// What was written.
    pub files: Vec<SavedFile>,
}

/// A file that was written.
#[derive(Debug, Serialize)]
pub struct SavedFile {
    /// The file, relative to the folder.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// What it is.
    pub what: String,
}

pub(super) fn run(stage: &Stage<'_>) -> Result<(SavedModel, Section), Error> {
    let model = &stage.features;
    let missing = || Error::Usage(format!("{} is not a bundled model; hint: build again", model.name()));
    let entry = model.entry().ok_or_else(missing)?;
    let bytes = bundle::bytes(&entry.file).ok_or_else(missing)?;
    let text = serde_json::to_string_pretty(entry).map_err(Error::serialise("the manifest"))?;
    let mut files = Vec::new();
    let mut write = |name: &str, bytes: &[u8], what: &str| -> Result<(), Error> {
        let path = Path::new("saved_model").join(name);
        write_atomic(&stage.out.join(&path), bytes)?;
        let (file, bytes) = (path.display().to_string(), bytes.len() as u64);
        files.push(SavedFile { file, bytes, what: what.to_owned() });
        Ok(())
    };
    write(&entry.file, bytes, &entry.title)?;
    write("manifest.json", text.as_bytes(), "how to feed it, its layers, hash, licence and source")?;
    let original = entry.source.get("original_bytes").and_then(toml::Value::as_integer);
    let original_bytes = original.and_then(|bytes| u64::try_from(bytes).ok());
    let saved = SavedModel { model: model.name().to_owned(), opset: model.opset(), original_bytes, files };
    let table = Table::new("What was saved").text("File").number("Size", "MB").text("What");
    let table = saved.files.iter().fold(table, |table, file| {
        let digits = if file.bytes < 100_000 { 3 } else { 1 };
        let size = format!("{:.digits$}", file.bytes as f64 / 1e6);
        table.row([file.file.clone(), size, file.what.clone()])
    });
    let smaller = original_bytes.map_or_else(String::new, |original| {
        format!(
            "; that makes {:.1} MB (the f32 original, by its manifest) into {:.1} MB",
            original as f64 / 1e6,
            bytes.len() as f64 / 1e6
        )
    });
    let section = Section::new("How to deploy it?")
        .anchor("deploy")
        .paragraph(format!(
            "The feature extractor as one ONNX file with its manifest: any runtime that reads ONNX (opset {}) can use it. \
             Its weights are int8 in blocks, with a scale for each block{smaller}.",
            saved.opset
        ))
        .table(&table)
        .code("eyebar predict photo.jpg --model vgg16 --layer block5_pool --raw features.npy");
    Ok((saved, section))
}
