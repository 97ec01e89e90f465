//! Class activation maps: which cells of a layer speak for a score.

mod grad_cam;

use eyebar_network::onnx::Attribute;
use eyebar_network::{Graph, ValueId};
use eyebar_tensor::Tensor;

pub use grad_cam::{GradCam, add_grad_cam, grad_cam};

use crate::error::ExplainError;
use crate::trace::producer;

/// A class activation map.
#[derive(Debug, Clone, PartialEq)]
pub struct Cam {
    /// `[h, w]` of the layer; raw values, neither scaled nor resized.
    pub map: Tensor,
    /// The score that the map explains.
    pub score: f32,
    /// Whether the map is zero everywhere: nothing in the layer speaks for the score.
    pub zero: bool,
}

impl Cam {
    fn new(map: Tensor, score: f32, layer: &str) -> Result<Self, ExplainError> {
        if !score.is_finite() || map.data().iter().any(|v| !v.is_finite()) {
            return Err(ExplainError::NotFinite { what: format!("the map or the score at layer {layer:?}") });
        }
        let zero = map.data().iter().all(|&v| v == 0.0);
        Ok(Self { map, score, zero })
    }
}

/// Refuses a layer that no map can be made of: it must be `[N, C, H, W]` with more than a single cell.
fn check_layer(graph: &Graph, layer: ValueId) -> Result<(), ExplainError> {
    let refuse = |reason: String| {
        let (layer, shape) = (graph.value(layer).name.clone(), graph.shape(layer).to_vec());
        ExplainError::Layer { layer, shape, reason }
    };
    let &[_, _, height, width] = graph.shape(layer) else {
        let reason = "a map needs [N, C, H, W]; hint: choose a convolution before the network is flattened";
        return Err(refuse(reason.to_owned()));
    };
    if height * width <= 1 {
        let reason = "a single cell shows no place; hint: choose a layer before the pooling";
        return Err(refuse(reason.to_owned()));
    }
    // Exporters of channels-last networks transpose for each convolution, and back.
    if let Some(node) = producer(graph, layer)
        && node.operator.name() == "Transpose"
        && node.operator.attributes().contains(&Attribute::ints("perm", &[0, 2, 3, 1]))
        && let Some(source) = node.inputs.first().copied().flatten()
    {
        let name = &graph.value(source).name;
        return Err(refuse(format!("its channels are last; hint: choose {name:?}, which has them second")));
    }
    Ok(())
}
