//! `models/manifest.toml`: what is known of each bundled model.

use std::sync::OnceLock;

use eyebar_imaging::input::Colour;
use eyebar_imaging::{InputSpec, Layout};
use serde::{Deserialize, Serialize};

use crate::bundle;
use crate::calibration::Calibration;
use crate::error::Error;
use crate::hash::sha256;

/// A bundled model. The schema is described at the top of the file itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// How the command line calls it.
    pub name: String,
    /// File, relative to `models/`.
    pub file: String,
    /// What it is for.
    pub task: Task,
    /// One line for people.
    pub title: String,
    /// Layer that explanations use unless told otherwise.
    pub default_layer: String,
    /// Size of the file.
    pub bytes: u64,
    /// Hash of the file, hexadecimal.
    pub sha256: String,
    /// SPDX expression.
    pub licence: String,
    /// Line to show with results.
    pub attribution: String,
    /// File of class names, relative to `models/`.
    pub labels: Option<String>,
    /// How photographs are fed.
    pub input: InputEntry,
    /// What comes out.
    pub output: OutputEntry,
    /// (Embedders) from which similarity on two faces are taken for one person.
    pub calibration: Option<Calibration>,
    /// Alias → tensor, in the order of the network.
    pub layers: toml::Table,
    /// Where the file came from.
    pub source: toml::Table,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Finds faces.
    Detector,
    /// Turns an aligned face into a vector.
    Embedder,
    /// Turns a photograph into features.
    Features,
    /// Names what is in a photograph.
    Classifier,
}

/// How photographs are fed; see [`InputSpec`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputEntry {
    /// The graph's input.
    pub name: String,
    layout: LayoutName,
    size: Option<(usize, usize)>,
    /// Whether other widths and heights work too.
    pub dynamic: bool,
    /// Width and height must be multiples of this.
    pub multiple: Option<usize>,
    colour: ColourName,
    mean: Vec<f32>,
    scale: Vec<f32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum LayoutName {
    Nchw,
    Nhwc,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum ColourName {
    Rgb,
    Bgr,
}

/// What comes out of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputEntry {
    /// The graph's output; a detector has several.
    pub name: Option<String>,
    /// `logits`, `embedding`, `features` or `detections`.
    pub kind: String,
}

impl InputEntry {
    /// The same, as imaging takes it.
    pub fn spec(&self) -> InputSpec {
        InputSpec {
            layout: match self.layout {
                LayoutName::Nchw => Layout::Nchw,
                LayoutName::Nhwc => Layout::Nhwc,
            },
            size: self.size,
            colour: match self.colour {
                ColourName::Rgb => Colour::Rgb,
                ColourName::Bgr => Colour::Bgr,
            },
            mean: self.mean.clone(),
            scale: self.scale.clone(),
        }
    }
}

impl Entry {
    /// Aliases with the tensors they stand for, in the order of the network.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.layers.iter().filter_map(|(alias, tensor)| Some((alias.as_str(), tensor.as_str()?)))
    }
}

/// Compares a model in this binary with the hash that the manifest states.
///
/// # Errors
/// When it is another.
pub fn verify(entry: &Entry) -> Result<(), Error> {
    let bytes = bundle::bytes(&entry.file).unwrap_or_default();
    if sha256(bytes) == entry.sha256 {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "model {}: its bytes are not those of the manifest; hint: install Eyebar again",
        entry.name
    )))
}

/// All bundled models, in the order of the manifest.
pub fn entries() -> &'static [Entry] {
    #[derive(Deserialize)]
    struct Manifest {
        model: Vec<Entry>,
    }
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| {
        let manifest: Manifest =
            toml::from_str(include_str!("../../../models/manifest.toml")).expect("a test reads the embedded manifest");
        manifest.model
    })
}
