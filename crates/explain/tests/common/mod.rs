//! The small networks of `fixtures/reference/networks` with what PyTorch computed on them.
#![allow(dead_code, reason = "each test binary uses a part")]

use eyebar_explain::{ExplainError, GradCam, Objective};
use eyebar_network::onnx;
use eyebar_network::{Graph, ValueId};
use eyebar_tensor::Tensor;
use eyebar_testkit::{Archive, Elements, fixtures};
use safetensors::SafeTensors;

pub(crate) const NETWORKS: [&str; 12] = [
    "convnext",
    "convnext_decomposed",
    "densenet",
    "efficientnet",
    "efficientnet_dynamic",
    "mobilenet_v2",
    "mobilenet_v3",
    "resnet_basic",
    "resnet_bottleneck",
    "shufflenet_v2",
    "squeezenet_nhwc",
    "vgg16",
];

pub(crate) struct Network {
    pub(crate) graph: Graph,
    pub(crate) input: ValueId,
    pub(crate) output: ValueId,
    pub(crate) layer: ValueId,
    pub(crate) image: Tensor,
    pub(crate) class: usize,
    archive: Archive,
}

impl Network {
    pub(crate) fn load(name: &str) -> Self {
        let folder = fixtures().join("reference/networks");
        let graph = onnx::read_file(&folder.join(format!("{name}.onnx"))).unwrap().graph;
        let file = folder.join(format!("{name}.safetensors"));
        let archive = Archive::read(&file).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let layer = graph.find(&metadata.metadata().as_ref().unwrap()["layer"]).unwrap();
        let Elements::I64(class) = &archive.get("class").unwrap().elements else { panic!("class is i64") };
        let class = class[0] as usize;
        let (input, output) = (graph.inputs()[0], graph.outputs()[0]);
        let image = archive.get("input").unwrap();
        let image = Tensor::new(&image.shape, image.as_f32().unwrap().to_vec()).unwrap();
        Self { graph, input, output, layer, image, class, archive }
    }

    pub(crate) fn expected(&self, name: &str) -> &[f32] {
        self.archive.get(name).unwrap().as_f32().unwrap()
    }

    pub(crate) fn expected_shape(&self, name: &str) -> &[usize] {
        &self.archive.get(name).unwrap().shape
    }

    /// Plans a map for `objective`.
    pub(crate) fn try_objective(&self, objective: &dyn Objective) -> Result<(), ExplainError> {
        let shape = self.image.shape();
        GradCam::new(&self.graph, self.input, shape, self.output, self.layer, objective).map(drop)
    }
}
