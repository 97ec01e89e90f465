//! A model as the tasks use it: bundled, or a user's own ONNX file.

use std::path::Path;

use bytes::Bytes;
use eyebar_explain::{ExplainError, logits_of};
use eyebar_imaging::input::Colour;
use eyebar_imaging::{InputSpec, Layout, RgbImage};
use eyebar_network::{DataType, Dimension, Graph, NetworkError, TensorType, ValueId, names, onnx};
use eyebar_tensor::Tensor;
use sha2::{Digest, Sha256};

use crate::bundle;
use crate::default_layer::last_spatial;
use crate::error::Error;
use crate::hash::{hex, sha256};
use crate::manifest::{Entry, Task, entries};
use crate::store::{self, Store};

/// Largest side that a photograph is resized to, as in an input specification.
const MAX_SIDE: usize = 16_384;

/// A network with what is known about it.
#[derive(Debug, Clone)]
pub struct Model {
    name: String,
    entry: Option<&'static Entry>,
    graph: Graph,
    input: ValueId,
    /// Width and height that the file declares, whether or not the network needs them.
    exported_size: Option<(usize, usize)>,
    spec: Option<InputSpec>,
    labels: Vec<String>,
    opset: i64,
    producer: String,
    sha256: String,
    bytes: u64,
}

impl Model {
    /// Opens a bundled model by name, or an ONNX file. `spec` says how photographs are fed; a bundled model knows.
    ///
    /// # Errors
    /// When there is no such model, or the file is broken.
    pub fn open(name: &str, spec: Option<InputSpec>) -> Result<Self, Error> {
        if let Some(entry) = entries().iter().find(|entry| entry.name == name) {
            return Self::bundled(entry, spec);
        }
        if store::check_name(name).is_ok()
            && let Some((added, store)) =
                Store::user().ok().and_then(|store| Some((store.get(name).transpose()?, store)))
        {
            return store.open(&added?, spec);
        }
        let path = Path::new(name);
        if path.exists() {
            return Self::file(path, spec);
        }
        if path.extension().is_some_and(|extension| extension == "onnx") || name.contains(std::path::MAIN_SEPARATOR) {
            let source = std::io::Error::other("there is no such file");
            return Err(Error::Read { path: path.to_path_buf(), source });
        }
        let near = names::nearest(name, entries().iter().map(|entry| entry.name.as_str()));
        let all = entries().iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ");
        let hint = if near.is_empty() { String::new() } else { format!("did you mean {}? ", near.join(" or ")) };
        Err(Error::Usage(format!(
            "there is no model {name:?}; hint: {hint}bundled are {all}; `eyebar models list` names all; or give an ONNX file"
        )))
    }

    /// The same model with direct sums in its convolutions: slower than Winograd's algorithm, with a tenth of its rounding.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.graph.set_strict(true);
        self
    }

    /// The same model under another name.
    pub(crate) fn called(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    fn bundled(entry: &'static Entry, spec: Option<InputSpec>) -> Result<Self, Error> {
        let bytes = bundle::bytes(&entry.file)
            .ok_or_else(|| Error::Usage(format!("{} is listed but not embedded; hint: build again", entry.name)))?;
        let spec = spec.unwrap_or(entry.input.spec());
        let mut model = Self::read(&entry.name, Bytes::from_static(bytes), Some(spec.clone()))?;
        if let Some(file) = &entry.labels {
            model.labels = bundle::labels(file).unwrap_or_default().lines().map(str::to_owned).collect();
        }
        if entry.input.dynamic && model.exported_size.is_some() {
            model.graph.free_dimensions(model.input);
            // The size that the file happens to declare is not what photographs are resized to.
            model.spec = Some(spec);
        }
        model.entry = Some(entry);
        model.sha256.clone_from(&entry.sha256);
        Ok(model)
    }

    pub(crate) fn file(path: &Path, spec: Option<InputSpec>) -> Result<Self, Error> {
        let name = path.display().to_string();
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let mut watch = |piece: &[u8]| {
            hash.update(piece);
            bytes += piece.len() as u64;
        };
        let onnx = onnx::read_file_watched(path, &mut watch).map_err(|source| match source {
            NetworkError::Io { source, .. } => Error::Read { path: path.to_path_buf(), source },
            other => in_model(&name, other),
        })?;
        let sha256 = hex(&hash.finalize());
        Ok(Self { sha256, bytes, ..Self::with(&name, onnx, spec)? })
    }

    /// As a file of these bytes would be opened; `name` is what people call it.
    pub(crate) fn read(name: &str, data: Bytes, spec: Option<InputSpec>) -> Result<Self, Error> {
        let bytes = data.len() as u64;
        let onnx = onnx::read(data).map_err(|source| in_model(name, source))?;
        Ok(Self { bytes, ..Self::with(name, onnx, spec)? })
    }

    fn with(name: &str, onnx: onnx::OnnxModel, spec: Option<InputSpec>) -> Result<Self, Error> {
        let graph = onnx.graph;
        let input = match graph.inputs() {
            &[input] => input,
            inputs => {
                let names: Vec<_> = inputs.iter().map(|&id| graph.value(id).name.as_str()).collect();
                return Err(Error::Usage(format!(
                    "model {name}: it has {} inputs ({}); hint: Eyebar explains networks with one image input",
                    inputs.len(),
                    names.join(", ")
                )));
            }
        };
        let mut model = Self {
            name: name.to_owned(),
            entry: None,
            graph,
            input,
            exported_size: None,
            spec: None,
            labels: Vec::new(),
            opset: onnx.opset,
            producer: onnx.producer,
            sha256: String::new(),
            bytes: 0,
        };
        model.spec = spec.map(|spec| model.with_declared_size(spec));
        model.exported_size = model.fixed_size(&model.spec_or_layout());
        Ok(model)
    }

    /// Takes the size that the file fixes, where the specification names none.
    fn with_declared_size(&self, spec: InputSpec) -> InputSpec {
        InputSpec { size: spec.size.or_else(|| self.fixed_size(&spec)), ..spec }
    }

    /// Width and height that the file fixes; nothing where no photograph could be fed in that size, so that the network
    /// itself says what it takes.
    fn fixed_size(&self, spec: &InputSpec) -> Option<(usize, usize)> {
        let (width, height) = spec.width_height(&self.fixed_shape()?)?;
        (width.max(height) <= MAX_SIDE).then_some((width, height))
    }

    /// Name of a bundled model, or the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What makes two embeddings comparable, as templates carry it: the name (of a file without its folder), the first
    /// digits of the file's hash and, where the model is fed as somebody said, of that.
    pub fn identity(&self) -> String {
        let digits = |hash: &str, count: usize| hash.get(..count).unwrap_or(hash).to_owned();
        let file = || Path::new(&self.name).file_name().map(|name| name.to_string_lossy().into_owned());
        let name = if self.entry.is_some() { self.name.clone() } else { file().unwrap_or_else(|| self.name.clone()) };
        let own = self.entry.map(|entry| entry.input.spec());
        let fed = match &self.spec {
            Some(spec) if own.as_ref() != Some(spec) => {
                format!("+{}", digits(&sha256(crate::provenance::written(spec).as_bytes()), 8))
            }
            _ => String::new(),
        };
        format!("{name}@{}{fed}", digits(&self.sha256, 12))
    }

    /// What the manifest says, for a bundled model.
    pub fn entry(&self) -> Option<&'static Entry> {
        self.entry
    }

    /// The graph as read.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The one input.
    pub fn input(&self) -> ValueId {
        self.input
    }

    /// The network that computes `outputs` of inputs of `shape`, the input's own layout.
    ///
    /// # Errors
    /// As [`Graph::specialise`].
    pub(crate) fn specialised(&self, shape: &[usize], outputs: &[ValueId]) -> Result<Graph, NetworkError> {
        let kind = TensorType { dtype: DataType::F32, shape: shape.to_vec() };
        self.graph.specialise(&[(self.input, kind)], outputs)
    }

    /// SHA-256 of the file, hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Operator set of the file.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    /// Program that wrote the file.
    pub fn producer(&self) -> &str {
        &self.producer
    }

    /// Whether the model embeds aligned faces.
    pub fn is_embedder(&self) -> bool {
        self.entry.is_some_and(|entry| entry.task == Task::Embedder)
    }

    /// Name of a class, where the model has labels.
    pub fn label(&self, class: usize) -> Option<&str> {
        self.labels.get(class).map(String::as_str)
    }

    /// Index of the class with this name (an exact label, or one of its comma-separated names), in any case.
    pub fn class_named(&self, name: &str) -> Option<usize> {
        self.labels.iter().position(|label| {
            label.eq_ignore_ascii_case(name) || label.split(',').any(|part| part.trim().eq_ignore_ascii_case(name))
        })
    }

    /// A class by its index, or by [`Model::class_named`].
    ///
    /// # Errors
    /// When there is none of that name; the nearest names are in the message.
    pub fn class(&self, class: &str) -> Result<usize, Error> {
        class.parse().ok().or_else(|| self.class_named(class)).ok_or_else(|| {
            let near = names::nearest(class, self.labels().iter().map(String::as_str));
            let hint = if near.is_empty() {
                "give the index of the class".to_owned()
            } else {
                format!("did you mean {}?", near.join(", "))
            };
            Error::Usage(format!("model {} has no class {class:?}; hint: {hint}", self.name()))
        })
    }

    /// Whether the file says that several pictures may be fed at once.
    pub(crate) fn takes_batches(&self) -> bool {
        let declared = self.graph.value(self.input).declared.as_deref();
        declared.is_none_or(|declared| matches!(declared.first(), Some(Dimension::Free(_))))
    }

    /// The labels, in class order; empty where there are none.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// How photographs are fed.
    ///
    /// # Errors
    /// When nobody said.
    pub fn spec(&self) -> Result<&InputSpec, Error> {
        self.spec.as_ref().ok_or_else(|| {
            let layout = match self.declared_layout() {
                Some(Layout::Nhwc) => " nhwc",
                _ => "",
            };
            Error::Usage(format!(
                "model {}: how should photographs be fed? hint: say it with --input, for example --input 'rgb 224x224{layout} \
                 mean=123.675,116.28,103.53 scale=0.01712,0.01751,0.01743' (x - mean) * scale for x in 0..255; or give a \
                 .npy file that is preprocessed already",
                self.name
            ))
        })
    }

    /// As [`Model::spec`], and where nobody said, a specification of the layout alone: enough for arrays.
    pub fn spec_or_layout(&self) -> InputSpec {
        self.spec.clone().unwrap_or_else(|| InputSpec {
            layout: self.declared_layout().unwrap_or(Layout::Nchw),
            size: None,
            colour: if self.declared_channels() == Some(1) { Colour::Grey } else { Colour::Rgb },
            mean: vec![0.0; 3],
            scale: vec![1.0; 3],
        })
    }

    /// The declared shape of the input where all but the batch is fixed, with a batch of one.
    fn fixed_shape(&self) -> Option<Vec<usize>> {
        let declared = self.graph.value(self.input).declared.as_ref()?;
        let rest = declared.get(1..)?.iter().map(|dim| match dim {
            Dimension::Fixed(n) => Some(*n),
            Dimension::Free(_) => None,
        });
        std::iter::once(Some(1)).chain(rest).collect()
    }

    /// Width and height that the file declares; a model of the bundle may take others too.
    pub fn declared_size(&self) -> Option<(usize, usize)> {
        self.exported_size
    }

    /// Width and height of the only pictures that the network takes; nothing where it takes several sizes.
    pub(crate) fn only_size(&self) -> Option<(usize, usize)> {
        self.fixed_size(&self.spec_or_layout())
    }

    fn declared_dimension(&self, axis: usize) -> Option<usize> {
        match self.graph.value(self.input).declared.as_ref()?.get(axis)? {
            Dimension::Fixed(n) => Some(*n),
            Dimension::Free(_) => None,
        }
    }

    fn declared_layout(&self) -> Option<Layout> {
        let is_colour = |axis| matches!(self.declared_dimension(axis), Some(1 | 3));
        match (is_colour(1), is_colour(3)) {
            (true, false) => Some(Layout::Nchw),
            (false, true) => Some(Layout::Nhwc),
            _ => None,
        }
    }

    fn declared_channels(&self) -> Option<usize> {
        match self.declared_layout()? {
            Layout::Nchw => self.declared_dimension(1),
            Layout::Nhwc => self.declared_dimension(3),
        }
    }

    /// The main output.
    ///
    /// # Errors
    /// When the model has none.
    pub fn output(&self) -> Result<ValueId, Error> {
        if let Some(name) = self.entry.and_then(|entry| entry.output.name.as_deref()) {
            return self.layer(name);
        }
        let first = self.graph.outputs().first().copied();
        first.ok_or_else(|| Error::Usage(format!("model {}: it has no output; hint: export it again", self.name)))
    }

    /// A layer by its alias, the name of a tensor or the name of a node.
    ///
    /// # Errors
    /// When there is none; the nearest names are in the message.
    pub fn layer(&self, name: &str) -> Result<ValueId, Error> {
        let aliases: Vec<_> = self.entry.iter().flat_map(|entry| entry.aliases()).collect();
        let tensor = aliases.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, tensor)| tensor);
        self.graph.find(tensor).map_err(|error| match error {
            NetworkError::NoSuchLayer { name, mut nearest } => {
                let near = names::nearest(&name, aliases.iter().map(|(alias, _)| *alias));
                nearest.splice(0..0, near);
                nearest.dedup();
                nearest.truncate(3);
                in_model(&self.name, NetworkError::NoSuchLayer { name, nearest })
            }
            other => in_model(&self.name, other),
        })
    }

    /// The layer that explanations use unless told otherwise: the manifest's, or what the global pooling (or flattening)
    /// of a file reads, for an input of `shape`.
    ///
    /// # Errors
    /// When no layer `[N, C, H, W]` has more than one position, or the network refuses the shape.
    pub fn default_layer(&self, shape: &[usize]) -> Result<ValueId, Error> {
        if let Some(entry) = self.entry {
            return self.layer(&entry.default_layer);
        }
        let logits = logits_of(&self.graph, self.output()?);
        let found = last_spatial(&self.graph, self.input, shape, logits);
        found.map_err(|source| in_model(&self.name, source))?.ok_or_else(|| {
            Error::Usage(format!(
                "model {}: no layer has the form [N, C, H, W] with more than one position; hint: name one with --layer",
                self.name
            ))
        })
    }

    /// The photograph with black added on the right and below, where the model takes only multiples of a size and this
    /// is none.
    pub(crate) fn padded(&self, image: &RgbImage) -> Option<RgbImage> {
        let multiple = self.multiple() as u32;
        let (width, height) = image.dimensions();
        let (wide, high) = (width.next_multiple_of(multiple), height.next_multiple_of(multiple));
        if (wide, high) == (width, height) {
            return None;
        }
        let mut padded = RgbImage::new(wide, high);
        for (to, from) in padded.rows_mut().zip(image.rows()) {
            for (to, from) in to.zip(from) {
                *to = *from;
            }
        }
        Some(padded)
    }

    /// What a bundled model's manifest says of the shape, beyond what the file declares.
    fn check_bundled_shape(&self, path: &Path, shape: &[usize]) -> Result<(), Error> {
        let (Some(spec), Some(_)) = (&self.spec, self.entry) else { return Ok(()) };
        let multiple = self.multiple();
        let fits = spec.width_height(shape).is_some_and(|(width, height)| {
            spec.shape(1, width, height) == *shape && width % multiple == 0 && height % multiple == 0
        });
        if fits && !shape.contains(&0) {
            return Ok(());
        }
        let channels = spec.colour.channels();
        let wanted = match spec.layout {
            Layout::Nchw => format!("[1, {channels}, height, width]"),
            Layout::Nhwc => format!("[1, height, width, {channels}]"),
        };
        let multiples = match multiple {
            1 => String::new(),
            _ => format!(", height and width multiples of {multiple}"),
        };
        Err(Error::Usage(format!(
            "{}: the array has the shape {shape:?}; hint: model {} takes {wanted}{multiples}",
            path.display(),
            self.name
        )))
    }

    /// What the input's width and height must be multiples of.
    fn multiple(&self) -> usize {
        self.entry.and_then(|entry| entry.input.multiple).unwrap_or(1).max(1)
    }

    /// What people call a value: its alias where it has one.
    pub fn layer_name(&self, id: ValueId) -> String {
        let tensor = &self.graph.value(id).name;
        let mut aliases = self.entry.iter().flat_map(|entry| entry.aliases());
        aliases.find(|(_, t)| t == tensor).map_or_else(|| tensor.clone(), |(alias, _)| alias.to_owned())
    }

    /// Checks an array against the input's declared shape.
    ///
    /// # Errors
    /// When it does not fit, or holds what is no number.
    pub fn check_array(&self, path: &Path, array: &Tensor) -> Result<(), Error> {
        let shape = array.shape();
        let declared = self.graph.value(self.input).declared.as_deref();
        let fits = match declared {
            Some(declared) => {
                let same = |(dim, &size): (&Dimension, &usize)| !matches!(dim, Dimension::Fixed(n) if *n != size);
                declared.len() == shape.len() && declared.iter().zip(shape).skip(1).all(same)
            }
            None => (2..=4).contains(&shape.len()),
        };
        if !fits || shape.first() != Some(&1) {
            let wanted = declared.unwrap_or_default().iter().skip(1).map(|dim| match dim {
                Dimension::Fixed(size) => size.to_string(),
                Dimension::Free(name) if name.is_empty() => "?".to_owned(),
                Dimension::Free(name) => name.clone(),
            });
            let wanted: Vec<_> = std::iter::once("1".to_owned()).chain(wanted).collect();
            let wanted = if wanted.len() > 1 { wanted.join(", ") } else { "1, …".to_owned() };
            return Err(Error::Usage(format!(
                "{}: the array has the shape {shape:?}; hint: model {} takes a batch of one in its own layout, [{wanted}]",
                path.display(),
                self.name
            )));
        }
        self.check_bundled_shape(path, shape)?;
        match array.data().iter().position(|value| !value.is_finite()) {
            Some(index) => Err(Error::Array {
                path: path.to_path_buf(),
                reason: format!(
                    "element {index} of the array is {}; hint: check how it was preprocessed (a division by zero?)",
                    array.data()[index]
                ),
            }),
            None => Ok(()),
        }
    }
}

pub(crate) fn in_model(model: &str, source: NetworkError) -> Error {
    Error::Model { model: model.to_owned(), source: Box::new(source) }
}

/// An explanation's error, with the model where the network refused.
pub(crate) fn in_explanation(model: &Model) -> impl Fn(ExplainError) -> Error {
    let model = model.name.clone();
    move |error| match error {
        ExplainError::Network(source) => in_model(&model, source),
        other => other.into(),
    }
}
