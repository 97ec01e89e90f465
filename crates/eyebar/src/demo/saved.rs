//! Part 5: the feature extractor, to take away.

use std::path::{Path, PathBuf};

use eyebar_imaging::encode::write_atomic;
use eyebar_report::{Section, Table};

use super::Stage;
use crate::bundle;
use crate::error::Error;

pub(super) fn run(stage: &Stage<'_>) -> Result<(Section, Vec<PathBuf>), Error> {
    let model = &stage.features;
    let entry = model.entry().ok_or_else(|| Error::Usage("the feature extractor is not a bundled model".to_owned()))?;
    let bytes = bundle::bytes(&entry.file)
        .ok_or_else(|| Error::Usage(format!("{} is not embedded; hint: build again", entry.file)))?;
    let folder = Path::new("saved_model");
    let (onnx, manifest) = (folder.join(&entry.file), folder.join("manifest.json"));
    write_atomic(&stage.out.join(&onnx), bytes)?;
    let text = serde_json::to_string_pretty(entry)
        .map_err(|error| Error::Usage(format!("the manifest cannot be written as JSON: {error}")))?;
    write_atomic(&stage.out.join(&manifest), text.as_bytes())?;
    let table = Table::new("What was saved").text("File").number("Size", "MB").text("What");
    let size = format!("{:.1}", bytes.len() as f64 / 1e6);
    let table = table.row([onnx.display().to_string(), size, entry.title.clone()]).row([
        manifest.display().to_string(),
        format!("{:.3}", text.len() as f64 / 1e6),
        "how to feed it, its layers, hash, licence and source".to_owned(),
    ]);
    let section = Section::new("How to deploy it?")
        .anchor("deploy")
        .paragraph(
            "The feature extractor as one ONNX file with its manifest: any runtime that reads ONNX (opset 21) can use it. \
             Its weights are int8 in blocks of 64, with a scale for each block; that makes 58.9 MB into 15.7 MB.",
        )
        .table(&table)
        .code("eyebar predict photo.jpg --model vgg16 --layer block5_pool --raw features.npy");
    Ok((section, vec![onnx, manifest]))
}
