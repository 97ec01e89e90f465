//! What comes before the network, as nodes of it.

use eyebar_imaging::input::Colour;
use eyebar_imaging::{InputSpec, Layout};
use eyebar_network::operators::{Binary, Gather, Reduce, Transpose};
use eyebar_network::{DataType, Graph, TensorType, ValueId};
use eyebar_tensor::Tensor;

use crate::error::Error;
use crate::model::{Model, in_model};

/// What the input is called: red, green and blue from 0 to 255, `[N, H, W, 3]` in f32, as a picture is resized.
pub(super) const INPUT: &str = "image";
/// Luma of ITU-R BT.601.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// The network with `(x − mean) · scale` inside, the order of colours and the layout; answers its new input too.
pub(super) fn fold(model: &Model, size: (usize, usize)) -> Result<(Graph, ValueId), Error> {
    let spec = model.spec()?;
    let kind = TensorType { dtype: DataType::F32, shape: vec![1, size.1, size.0, 3] };
    let free_batch = model.takes_batches();
    let fed =
        model.graph().fed_by(model.input(), (INPUT, kind), free_batch, |graph, image| prepare(graph, image, spec));
    fed.map_err(|source| in_model(model.name(), source))
}

fn prepare(graph: &mut Graph, image: ValueId, spec: &InputSpec) -> Result<ValueId, eyebar_network::OperatorError> {
    let mut value = match spec.colour {
        Colour::Rgb => image,
        Colour::Bgr => {
            let order = graph.add_constant(Tensor::vector(vec![2i64, 1, 0]));
            graph.apply(Gather::new(3), &[image, order])?
        }
        Colour::Grey => {
            let weights = graph.add_constant(Tensor::vector(LUMA.to_vec()));
            let weighted = graph.apply(Binary::Mul, &[image, weights])?;
            Reduce::sum(true).add(graph, weighted, &[3])?
        }
    };
    let channels = spec.colour.channels();
    let mut with = |value, operator, numbers: &[f32]| {
        let numbers = graph.add_constant(Tensor::vector(numbers[..channels].to_vec()));
        graph.apply(operator, &[value, numbers])
    };
    value = with(value, Binary::Sub, &spec.mean)?;
    value = with(value, Binary::Mul, &spec.scale)?;
    match spec.layout {
        Layout::Nhwc => Ok(value),
        Layout::Nchw => graph.apply(Transpose::new(&[0, 3, 1, 2]), &[value]),
    }
}
