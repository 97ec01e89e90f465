//! The cases of `fixtures/reference/operators`, shared by the tests that run them.

use std::path::PathBuf;

use eyebar_network::{Graph, Value, ValueId, onnx};
use eyebar_tensor::Tensor;
use eyebar_testkit::{Archive, Array, Elements, fixtures};

/// A model of one node with its inputs and the outputs and gradients it must have.
pub(crate) struct Case {
    /// `Operator/case`.
    pub(crate) name: String,
    /// The ONNX file.
    pub(crate) model: Vec<u8>,
    /// Values of the graph inputs.
    pub(crate) inputs: Vec<Value>,
    /// Values of the graph outputs.
    pub(crate) outputs: Vec<Array>,
    /// v of the vector-Jacobian product, in the shape of output 0.
    pub(crate) cotangent: Option<Value>,
    /// For each input its gradient, if it has one.
    pub(crate) gradients: Vec<Option<Array>>,
}

/// All cases, or those whose name contains the variable `EYEBAR_CASES`.
pub(crate) fn cases() -> Vec<Case> {
    let folder = fixtures().join("reference/operators");
    let listing = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = listing.map(|entry| entry.expect("a readable folder").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    files.sort();
    let filter = std::env::var("EYEBAR_CASES").unwrap_or_default();
    let mut cases = Vec::new();
    for path in files {
        let operator = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let archive = Archive::read(&path).unwrap_or_else(|error| panic!("{error}"));
        let of_file = archive.cases().into_iter().map(|case| read_case(&archive, &operator, case));
        cases.extend(of_file.filter(|case| case.name.contains(&filter)));
    }
    assert!(!cases.is_empty(), "no case of {} contains EYEBAR_CASES={filter:?}", folder.display());
    cases
}

fn read_case(archive: &Archive, operator: &str, case: &str) -> Case {
    let name = format!("{operator}/{case}");
    let model = archive.get(&format!("{case}/model")).and_then(Array::as_u8);
    let inputs: Vec<_> = archive.numbered(&format!("{case}/input")).into_iter().map(value).collect();
    let gradient = |index| archive.get(&format!("{case}/gradient/{index}")).cloned();
    Case {
        model: model.unwrap_or_else(|| panic!("{name} has no model")).to_vec(),
        outputs: archive.numbered(&format!("{case}/output")).into_iter().cloned().collect(),
        cotangent: archive.get(&format!("{case}/cotangent")).map(value),
        gradients: (0..inputs.len()).map(gradient).collect(),
        inputs,
        name,
    }
}

fn value(array: &Array) -> Value {
    fn tensor<T: Clone>(array: &Array, elements: &[T]) -> Tensor<T> {
        Tensor::new(&array.shape, elements.to_vec()).expect("safetensors checks shapes")
    }
    match &array.elements {
        Elements::F32(elements) => Value::F32(tensor(array, elements)),
        Elements::I64(elements) => Value::I64(tensor(array, elements)),
        Elements::I32(elements) => Value::I32(tensor(array, elements)),
        Elements::I8(elements) => Value::I8(tensor(array, elements)),
        Elements::U8(elements) => Value::U8(tensor(array, elements)),
        Elements::Bool(elements) => Value::Bool(tensor(array, elements)),
    }
}

/// A graph ready to run, with the case's values for its inputs.
pub(crate) struct Specialised {
    /// The graph with all types.
    pub(crate) graph: Graph,
    /// Ids of the graph inputs, in the order of [`Case::inputs`].
    pub(crate) ids: Vec<ValueId>,
}

impl Case {
    /// Reads `model` (the case's own, or one written from it) and settles its types.
    pub(crate) fn specialise(&self, model: &[u8]) -> Result<Specialised, String> {
        let graph = onnx::read(model.to_vec().into()).map_err(|error| error.to_string())?.graph;
        let ids = graph.inputs().to_vec();
        if ids.len() != self.inputs.len() {
            return Err(format!("{} graph inputs, {} expected", ids.len(), self.inputs.len()));
        }
        if graph.outputs().len() != self.outputs.len() {
            return Err(format!("{} graph outputs, {} expected", graph.outputs().len(), self.outputs.len()));
        }
        let types: Vec<_> = ids.iter().copied().zip(self.inputs.iter().map(Value::tensor_type)).collect();
        let graph = graph.specialise(&types, graph.outputs()).map_err(|error| error.to_string())?;
        Ok(Specialised { graph, ids })
    }

    /// Indices of the inputs that have a gradient.
    pub(crate) fn differentiable(&self) -> Vec<usize> {
        (0..self.inputs.len()).filter(|&index| self.gradients[index].is_some()).collect()
    }
}
