//! Models to take away: cut at a layer, with preprocessing or an explanation inside.

mod manifest;
mod preprocessing;
mod weights;

use std::path::{Path, PathBuf};

use eyebar_explain::{ClassScore, Objective, SimilarityToInput, TopScore, add_grad_cam};
use eyebar_imaging::encode::write_atomic;
use eyebar_imaging::input::Colour;
use eyebar_imaging::{InputSpec, Layout};
use eyebar_network::{Graph, ValueId, onnx};
use eyebar_report::Table;
use serde::Serialize;

pub use manifest::{Explained, Input, Manifest, NodeEntry, Output};

use crate::error::Error;
use crate::hash;
use crate::model::{Model, in_explanation, in_model};
use crate::target::{first_name, has_classes};

/// What the output with the map is called.
const HEAT_MAP: &str = "heat_map";

/// What is exported.
#[derive(Debug, Clone, Default)]
pub struct ExportRequest {
    /// The layer that the model is cut at, or that is explained; the output, or the model's default layer.
    pub layer: Option<String>,
    /// Whether the input is the picture as it is, red, green and blue from 0 to 255.
    pub preprocessing: bool,
    /// Whether a Grad-CAM map comes out too, and of what.
    pub explanation: Option<ExplainedTarget>,
    /// Width and height of pictures, where the model leaves them open.
    pub size: Option<(usize, usize)>,
    /// What is written.
    pub format: Format,
}

/// What a map inside a model explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExplainedTarget {
    /// Whatever class is highest; for an embedder, the likeness to an embedding that is fed beside the picture.
    Top,
    /// A class by index or name.
    Class(String),
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// The network.
    #[default]
    Onnx,
    /// The weights alone, with the nodes in the manifest.
    Safetensors,
}

/// What was exported.
#[derive(Debug, Clone, Serialize)]
pub struct ExportResult {
    /// Size of the file.
    pub bytes: u64,
    /// The manifest's file.
    pub manifest_file: PathBuf,
    /// What stands in it.
    pub manifest: Manifest,
}

/// A network on its way out.
struct Draft {
    graph: Graph,
    input: ValueId,
    spec: InputSpec,
    references: Vec<Output>,
    outputs: Vec<Output>,
    explanation: Option<Explained>,
}

/// Writes a part of `model`, or more than it, to `out` and a manifest to the same name with `.json`.
///
/// # Errors
/// When a layer or class does not exist, the explanation has no form in ONNX's operators, or a file cannot be written.
pub fn export(model: &Model, out: &Path, request: &ExportRequest) -> Result<ExportResult, Error> {
    let draft = Draft::new(model, request)?;
    let refuse = |source| in_model(model.name(), source);
    let graph = draft.graph.in_standard_operators().map_err(refuse)?;
    let name = out.file_stem().map_or_else(|| "model".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let entry = model.entry();
    let licence = entry.map(|entry| entry.licence.clone());
    let attribution = entry.map(|entry| entry.attribution.clone());
    let exported_by = concat!("eyebar ", env!("CARGO_PKG_VERSION"));
    let bytes = match request.format {
        Format::Onnx => {
            let mut metadata =
                vec![("exported_by", exported_by), ("model", model.name()), ("model_sha256", model.sha256())];
            metadata.extend(licence.as_deref().map(|licence| ("licence", licence)));
            metadata.extend(attribution.as_deref().map(|attribution| ("attribution", attribution)));
            onnx::write(&graph, &name, &metadata)
        }
        Format::Safetensors => weights::write(&graph)?,
    };
    let is_output = request.layer.is_none() || request.explanation.is_some();
    let manifest = Manifest {
        file: crate::target::file_name(out),
        sha256: hash::sha256(&bytes),
        model: model.name().to_owned(),
        model_sha256: model.sha256().to_owned(),
        licence,
        attribution,
        input: Input::of(&draft.graph, draft.input, &draft.spec),
        references: draft.references,
        outputs: draft.outputs,
        labels: if is_output { model.labels().to_vec() } else { Vec::new() },
        explanation: draft.explanation,
        exported_by,
        nodes: if request.format == Format::Safetensors { manifest::nodes(&graph) } else { Vec::new() },
    };
    let manifest_file = manifest_of(out);
    let text = serde_json::to_vec_pretty(&manifest).map_err(Error::serialise("the manifest"))?;
    write_atomic(out, &bytes)?;
    write_atomic(&manifest_file, &text)?;
    Ok(ExportResult { bytes: bytes.len() as u64, manifest_file, manifest })
}

/// The manifest beside an exported file.
pub fn manifest_of(out: &Path) -> PathBuf {
    out.with_extension("json")
}

impl Draft {
    fn new(model: &Model, request: &ExportRequest) -> Result<Self, Error> {
        let size = size(model, request)?;
        let (graph, input, spec) = match (request.preprocessing, size) {
            (true, Some(size)) => {
                let (graph, input) = preprocessing::fold(model, size)?;
                (graph, input, InputSpec { size: Some(size), ..as_it_is() })
            }
            _ => (model.graph().clone(), model.input(), InputSpec { size, ..model.spec_or_layout() }),
        };
        let draft = Self { graph, input, spec, references: Vec::new(), outputs: Vec::new(), explanation: None };
        match (&request.explanation, size) {
            (Some(target), Some(size)) => draft.explained(model, request.layer.as_deref(), target, size),
            _ => draft.cut(model, request.layer.as_deref()),
        }
    }

    fn cut(self, model: &Model, layer: Option<&str>) -> Result<Self, Error> {
        let (output, what) = match layer {
            Some(layer) => (model.layer(layer)?, "the layer's values"),
            None => (model.output()?, output_kind(model)),
        };
        let graph = self.graph.cut(&[output]);
        let outputs = vec![Output::of(&graph, output, what)];
        Ok(Self { graph, outputs, ..self })
    }

    fn explained(
        self,
        model: &Model,
        layer: Option<&str>,
        target: &ExplainedTarget,
        size: (usize, usize),
    ) -> Result<Self, Error> {
        let shape = self.spec.shape(1, size.0, size.1);
        let output = model.output()?;
        let layer = match layer {
            Some(layer) => model.layer(layer)?,
            None => model.default_layer(&model.spec_or_layout().shape(1, size.0, size.1))?,
        };
        let (objective, title) = objective(model, target)?;
        let found = add_grad_cam(&self.graph, self.input, &shape, output, layer, &*objective);
        let (mut graph, [score, map]) = found.map_err(in_explanation(model))?;
        graph.rename(map, HEAT_MAP);
        graph.rename(score, "score");
        let references: Vec<_> = graph.inputs().iter().copied().filter(|&id| id != self.input).collect();
        let references = references.into_iter().map(|id| Output::of(&graph, id, "the embedding to compare with"));
        let references = references.collect();
        let mut graph = graph.cut(&[output, map, score]);
        graph.declare_types();
        let outputs = vec![
            Output::of(&graph, output, output_kind(model)),
            Output::of(&graph, map, "Grad-CAM, raw values from 0 up, one for each cell of the layer"),
            Output::of(&graph, score, "what the map explains"),
        ];
        let explanation = Explained {
            method: "grad-cam",
            layer: model.layer_name(layer),
            target: title,
            source: "Selvaraju et al. 2017, Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
        };
        Ok(Self { graph, references, outputs, explanation: Some(explanation), ..self })
    }
}

/// Pictures whose values go in as they are.
fn as_it_is() -> InputSpec {
    InputSpec { layout: Layout::Nhwc, size: None, colour: Colour::Rgb, mean: vec![0.0; 3], scale: vec![1.0; 3] }
}

/// The size of pictures, where the request needs one.
fn size(model: &Model, request: &ExportRequest) -> Result<Option<(usize, usize)>, Error> {
    let own = model.spec_or_layout().size.or(model.declared_size());
    let size = request.size.or(own);
    if size.is_none() && (request.preprocessing || request.explanation.is_some()) {
        return Err(Error::Usage(format!(
            "model {} takes pictures of several sizes; hint: name one with --size, such as --size 224x224",
            model.name()
        )));
    }
    Ok(size)
}

fn objective(model: &Model, target: &ExplainedTarget) -> Result<(Box<dyn Objective>, String), Error> {
    Ok(match target {
        ExplainedTarget::Top if has_classes(model) => (Box::new(TopScore), "the highest class".to_owned()),
        ExplainedTarget::Top => (Box::new(SimilarityToInput), "cosine with the input `reference`".to_owned()),
        ExplainedTarget::Class(name) => {
            let class = model.class(name)?;
            let title =
                model.label(class).map_or_else(|| format!("class {class}"), |label| first_name(label).to_owned());
            (Box::new(ClassScore { class }), title)
        }
    })
}

fn output_kind(model: &Model) -> &'static str {
    match model.entry().map(|entry| entry.output.kind.as_str()) {
        Some("logits") => "scores of the classes, before softmax",
        Some("embedding") => "the embedding",
        Some("features") => "features",
        _ => "the model's output",
    }
}

impl ExportResult {
    /// What was written.
    pub fn table(&self) -> Table {
        let manifest = &self.manifest;
        let dimensions = |shape: &[String]| if shape.is_empty() { "?".to_owned() } else { shape.join(" × ") };
        let input = &manifest.input;
        let mut table = Table::new(format!("{} from {}", manifest.file, manifest.model)).text("").text("").text("");
        let fed = format!("{} {}", input.colour, input.layout);
        table = table.row([format!("in: {}", input.name), dimensions(&input.shape), fed]);
        for reference in &manifest.references {
            let name = format!("in: {}", reference.name);
            table = table.row([name, dimensions(&reference.shape), reference.what.to_owned()]);
        }
        for output in &manifest.outputs {
            let name = format!("out: {}", output.name);
            table = table.row([name, dimensions(&output.shape), output.what.to_owned()]);
        }
        let size = format!("{:.2} MB", self.bytes as f64 / 1e6);
        let explained = manifest
            .explanation
            .as_ref()
            .map_or_else(String::new, |explained| format!(" Grad-CAM at {} of {}.", explained.layer, explained.target));
        let licence = manifest.licence.as_ref().map_or_else(String::new, |licence| format!(" Licence: {licence}."));
        table.note(format!("{size}.{explained}{licence}"))
    }
}
