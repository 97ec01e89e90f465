//! What a command prints and writes.

use std::io::Write;
use std::path::{Path, PathBuf};

use eyebar::Error;
use eyebar_imaging::{RgbImage, encode, npy};
use eyebar_report::Table;
use serde::Serialize;

use crate::options::{Global, MapOutputs};

/// Prints to standard output. A reader that went away (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Write { path: "standard output".into(), source: error })
        }
        _ => Ok(()),
    }
}

/// Prints JSON or tables, as asked.
pub(crate) fn show(global: &Global, value: &impl Serialize, tables: &[Table], files: &[PathBuf]) -> Result<(), Error> {
    if global.json {
        return print(&json(value, files)?);
    }
    let mut text: String = tables.iter().map(|table| table.to_text() + "\n").collect();
    for file in files {
        text += &format!("wrote {}\n", file.display());
    }
    print(&text)
}

/// A result as JSON, with what made it and the files it went to.
pub(crate) fn json(value: &impl Serialize, files: &[PathBuf]) -> Result<String, Error> {
    let broken = |error: serde_json::Error| Error::Usage(format!("the result cannot be written as JSON: {error}"));
    let mut value = serde_json::to_value(value).map_err(broken)?;
    if let Some(map) = value.as_object_mut() {
        map.insert("eyebar".to_owned(), env!("CARGO_PKG_VERSION").into());
        if !files.is_empty() {
            map.insert("files".to_owned(), files.iter().map(|file| file.display().to_string()).collect());
        }
    }
    Ok(serde_json::to_string_pretty(&value).map_err(broken)? + "\n")
}

/// What a map is written as.
pub(crate) struct MapFiles<'a> {
    pub(crate) picture: &'a Path,
    pub(crate) suffix: &'a str,
    pub(crate) map: &'a eyebar::Tensor,
    pub(crate) figure: &'a dyn Fn() -> RgbImage,
    pub(crate) overlay: Option<RgbImage>,
}

impl MapOutputs {
    /// Writes figure, raw map, manifest and overlay as asked; returns what was written.
    pub(crate) fn write(&self, files: MapFiles<'_>, result: &impl Serialize) -> Result<Vec<PathBuf>, Error> {
        let default = self.out.is_none() && self.raw.is_none() && self.overlay.is_none();
        let stem = files.picture.file_stem().map_or_else(|| "map".into(), |stem| stem.to_string_lossy());
        let figure = self.out.clone().or_else(|| default.then(|| format!("{stem}-{}.png", files.suffix).into()));
        let mut written = Vec::new();
        let raw = self.raw.clone().or_else(|| figure.as_ref().map(|figure| figure.with_extension("npy")));
        if let Some(raw) = raw {
            npy::write(&raw, files.map)?;
            written.push(raw);
        }
        if let Some(figure) = &figure {
            encode::save(figure, &(files.figure)())?;
            written.push(figure.clone());
        }
        if let Some(path) = &self.overlay {
            let overlay = files.overlay.ok_or_else(|| {
                Error::Usage("an array has no picture to lay the map over; hint: leave --overlay away".to_owned())
            })?;
            encode::save(path, &overlay)?;
            written.push(path.clone());
        }
        if let Some(figure) = &figure {
            let manifest = figure.with_extension("json");
            encode::write_atomic(&manifest, json(result, &written)?.as_bytes())?;
            written.push(manifest);
        }
        Ok(written)
    }
}
