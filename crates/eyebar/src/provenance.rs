//! What a map was made of, so that it can be made again.

use std::fs::File;
use std::path::Path;

use eyebar_face::Landmarks;
use eyebar_imaging::input::Colour;
use eyebar_imaging::{InputSpec, Layout};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::hash::{hex, sha256};
use crate::model::Model;
use crate::scene::Scene;

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The file, as it was named; of a bundled photograph its name alone.
    pub file: String,
    /// SHA-256 of its bytes; nothing for what can be read only once (a pipe).
    pub sha256: Option<String>,
}

/// What a map was made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Provenance {
    /// The picture or array.
    pub input: Source,
    /// Shape of what the network was fed.
    pub input_shape: Vec<usize>,
    /// How a photograph becomes the network's input, as `--input` takes it; nothing for an array that was fed as it is.
    pub input_specification: Option<String>,
    /// Whether the network saw the aligned face alone.
    pub aligned: bool,
    /// Right eye, left eye, nose, right and left corner of the mouth (the person's), in pixels of the upright photograph;
    /// nothing where no face was found or looked for.
    pub landmarks: Option<[(f32, f32); 5]>,
    /// The other picture, where likeness is explained.
    pub reference: Option<Source>,
}

impl Source {
    pub(crate) fn of_bytes(file: &str, bytes: &[u8]) -> Self {
        Self { file: file.to_owned(), sha256: Some(sha256(bytes)) }
    }

    /// Of a file that was read before; a second reading that fails leaves the hash out.
    pub(crate) fn of_file(path: &Path) -> Self {
        let hash = || {
            if !std::fs::metadata(path)?.is_file() {
                return Err(std::io::ErrorKind::Unsupported.into());
            }
            let mut hasher = Sha256::new();
            std::io::copy(&mut File::open(path)?, &mut hasher)?;
            Ok::<_, std::io::Error>(hex(&hasher.finalize()))
        };
        Self { file: path.display().to_string(), sha256: hash().ok() }
    }
}

impl Provenance {
    pub(crate) fn new(scene: &Scene, model: &Model, reference: Option<Source>) -> Self {
        let spec = if scene.photo.is_some() { model.spec().ok() } else { None };
        Self {
            input: scene.source.clone(),
            input_shape: scene.input.shape().to_vec(),
            input_specification: spec.map(written),
            aligned: scene.aligned,
            landmarks: scene.on_photo.as_ref().map(Landmarks::points),
            reference,
        }
    }
}

/// The specification as its parser reads it.
pub(crate) fn written(spec: &InputSpec) -> String {
    let mut words = vec![match spec.colour {
        Colour::Rgb => "rgb".to_owned(),
        Colour::Bgr => "bgr".to_owned(),
        Colour::Grey => "grey".to_owned(),
    }];
    words.extend(spec.size.map(|(width, height)| format!("{width}x{height}")));
    words.extend((spec.layout == Layout::Nhwc).then(|| "nhwc".to_owned()));
    let list = |values: &[f32]| values.iter().map(f32::to_string).collect::<Vec<_>>().join(",");
    words.push(format!("mean={}", list(&spec.mean)));
    words.push(format!("scale={}", list(&spec.scale)));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::{InputSpec, Source, written};

    #[test]
    fn a_written_specification_is_read_as_the_same() {
        for text in ["bgr 20x10 nhwc mean=1.5,2,3 scale=1/3", "grey mean=-1 scale=1/255", "rgb 224x112"] {
            let spec: InputSpec = text.parse().unwrap();
            assert_eq!(written(&spec).parse::<InputSpec>().unwrap(), spec, "{}", written(&spec));
        }
    }

    #[test]
    fn the_hash_is_that_of_the_bytes() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let of_bytes = Source::of_bytes("Cargo.toml", &std::fs::read(&path).unwrap());
        assert_eq!(Source::of_file(&path).sha256, of_bytes.sha256);
        assert_eq!(Source::of_file(path.parent().unwrap()).sha256, None);
    }
}
