//! What a command prints and writes.

use std::io::Write;
use std::path::{Path, PathBuf};

use eyebar::Error;
use eyebar_imaging::overlay::DEFAULT_ALPHA;
use eyebar_imaging::{Colormap, RgbImage, encode, npy};
use eyebar_report::Table;
use serde::Serialize;

use crate::options::{Global, MapOutputs};
use crate::paths;

/// Prints a line to standard error, if anybody listens.
pub(crate) fn warn(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", harmless(line));
}

/// Text without control characters other than line ends: names come from files, and a terminal obeys what it is sent.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

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
    print(&harmless(&text))
}

/// A result as JSON, with what made it and the files it went to.
pub(crate) fn json(value: &impl Serialize, files: &[PathBuf]) -> Result<String, Error> {
    let broken = Error::serialise("the result");
    let mut value = serde_json::to_value(value).map_err(&broken)?;
    if let Some(map) = value.as_object_mut() {
        map.insert("eyebar".to_owned(), env!("CARGO_PKG_VERSION").into());
        if !files.is_empty() {
            map.insert("files".to_owned(), files.iter().map(|file| file.display().to_string()).collect());
        }
    }
    Ok(serde_json::to_string_pretty(&value).map_err(broken)? + "\n")
}

/// Where the parts of a map go.
pub(crate) struct MapPlan {
    figure: Option<PathBuf>,
    raw: Option<PathBuf>,
    overlay: Option<PathBuf>,
    manifest: Option<PathBuf>,
}

/// What a map is written as.
pub(crate) struct MapFiles<'a> {
    pub(crate) map: &'a eyebar::Tensor,
    pub(crate) figure: &'a dyn Fn() -> RgbImage,
    pub(crate) overlay: Option<RgbImage>,
}

impl MapOutputs {
    /// Says where the parts of the map of `picture` go, made by the command `suffix` from it and `inputs`.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub(crate) fn plan(&self, picture: &Path, suffix: &str, inputs: &[&Path]) -> Result<MapPlan, Error> {
        let default = self.out.is_none() && self.raw.is_none() && self.overlay.is_none();
        let stem = picture.file_stem().map_or_else(|| "map".into(), |stem| stem.to_string_lossy());
        let figure = self.out.clone().or_else(|| default.then(|| format!("{stem}-{suffix}.png").into()));
        let raw = self.raw.clone().or_else(|| figure.as_ref().map(|figure| figure.with_extension("npy")));
        let manifest = figure.as_ref().map(|figure| figure.with_extension("json"));
        if self.overlay.is_some() && eyebar::is_array(picture) {
            let reason = "an array has no picture to lay the map over; hint: leave --overlay away";
            return Err(Error::Usage(reason.to_owned()));
        }
        for path in [&figure, &self.overlay].into_iter().flatten() {
            paths::check_picture(path)?;
        }
        let plan = MapPlan { figure, raw, overlay: self.overlay.clone(), manifest };
        let outputs: Vec<_> = plan.all().map(PathBuf::as_path).collect();
        let inputs: Vec<_> = std::iter::once(picture).chain(inputs.iter().copied()).collect();
        paths::check(&inputs, &outputs)?;
        Ok(plan)
    }
}

impl MapPlan {
    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.raw, &self.figure, &self.overlay, &self.manifest].into_iter().flatten()
    }

    /// Writes figure, raw map, manifest and overlay as planned; returns what was written.
    pub(crate) fn write(
        &self,
        files: MapFiles<'_>,
        result: &impl Serialize,
        colormap: Colormap,
    ) -> Result<Vec<PathBuf>, Error> {
        if let Some(raw) = &self.raw {
            npy::write(raw, files.map)?;
        }
        if let Some(figure) = &self.figure {
            encode::save(figure, &(files.figure)())?;
        }
        if let Some((path, overlay)) = self.overlay.as_ref().zip(files.overlay) {
            encode::save(path, &overlay)?;
        }
        let written: Vec<PathBuf> = self.all().cloned().collect();
        if let Some(manifest) = &self.manifest {
            let others: Vec<_> = written.iter().filter(|path| *path != manifest).cloned().collect();
            let drawn = Drawn { result, colormap: colormap.name(), alpha: DEFAULT_ALPHA, command: command() };
            encode::write_atomic(manifest, json(&drawn, &others)?.as_bytes())?;
        }
        Ok(written)
    }
}

/// A map's manifest: the result, and how it was drawn and called.
#[derive(Serialize)]
struct Drawn<'a, T> {
    #[serde(flatten)]
    result: &'a T,
    colormap: &'static str,
    alpha: f32,
    command: String,
}

/// The command as it was typed, quoted for a shell. Without `--threads`, on which no result depends.
fn command() -> String {
    quoted(std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()))
}

pub(crate) fn quoted(mut words: impl Iterator<Item = String>) -> String {
    let mut line = "eyebar".to_owned();
    while let Some(word) = words.next() {
        if word == "--threads" {
            words.next();
        } else if !word.starts_with("--threads=") {
            let plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
            let word = match !word.is_empty() && word.chars().all(plain) {
                true => word,
                false => format!("'{}'", word.replace('\'', r"'\''")),
            };
            line = line + " " + &word;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_command_can_be_typed_again() {
        let words = |words: &[&str]| quoted(words.iter().map(|&word| word.to_owned()));
        assert_eq!(words(&["cam", "a b.png", "--threads", "2", "--json"]), "eyebar cam 'a b.png' --json");
        assert_eq!(words(&["cam", "it's", "", "$x", "--threads=1"]), r"eyebar cam 'it'\''s' '' '$x'");
        assert_eq!(words(&["cam", "é.png", "--target", "class:7"]), "eyebar cam é.png --target class:7");
    }
}
