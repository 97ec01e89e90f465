//! The mean activation of a filter.

use eyebar_network::operators::Reduce;
use eyebar_network::{Graph, ValueId};
use eyebar_tensor::Tensor;

use super::{Objective, refuse};
use crate::error::ExplainError;
use crate::nodes::Builder;

const NO_FILTERS: &str = "a filter needs a layer of the shape [N, C, H, W]; hint: choose a convolution";

/// The mean of one channel of `[N, C, H, W]`, another one for each image of the batch (Erhan et al. 2009, *Visualizing
/// Higher-Layer Features of a Deep Network*).
///
/// Made for values before their activation function ([`crate::pre_activation`]): where that is flat, a mean after it
/// has no gradient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelMean {
    /// The channel for each image; a single one serves all images.
    pub channels: Vec<usize>,
    /// Cells left out at each side, where padding shows; none along an axis that has not more than twice as many.
    pub border: usize,
}

impl ChannelMean {
    /// The places of the channels among all N·C planes of `layer`, one for each image: `[N]`.
    pub(crate) fn planes(&self, graph: &Graph, layer: ValueId) -> Result<Tensor<i64>, ExplainError> {
        let &[images, count, _, _] = graph.shape(layer) else {
            return Err(refuse(graph, layer, NO_FILTERS));
        };
        let channels = match *self.channels {
            [channel] => vec![channel; images],
            _ if self.channels.len() == images => self.channels.clone(),
            _ => {
                let reason = format!("{} filters for {images} images; hint: give one for each", self.channels.len());
                return Err(refuse(graph, layer, &reason));
            }
        };
        if let Some(&channel) = channels.iter().find(|&&channel| channel >= count) {
            let layer = graph.value(layer).name.clone();
            return Err(ExplainError::ChannelOutOfRange { channel, layer, count });
        }
        let planes = channels.into_iter().enumerate().map(|(image, channel)| (image * count + channel) as i64);
        Ok(Tensor::vector(planes.collect()))
    }
}

impl Objective for ChannelMean {
    fn add(&self, graph: &mut Graph, value: ValueId) -> Result<ValueId, ExplainError> {
        let planes = self.planes(graph, value)?;
        let planes = graph.add_constant(planes);
        plane_means(graph, value, planes, self.border)
    }
}

/// The means of some planes of `layer`, of the shape `[N, C, H, W]`: those that `planes`, integers `[N]`, name among all N·C.
pub(crate) fn plane_means(
    graph: &mut Graph,
    layer: ValueId,
    planes: ValueId,
    border: usize,
) -> Result<ValueId, ExplainError> {
    let &[images, count, height, width] = graph.shape(layer) else {
        return Err(refuse(graph, layer, NO_FILTERS));
    };
    let mut nodes = Builder::new(graph, layer);
    let all = nodes.reshape(layer, &[images * count, height, width])?;
    let chosen = nodes.gather(all, planes)?;
    let inside = nodes.crop(chosen, &[(1, inner(height, border)), (2, inner(width, border))])?;
    nodes.reduce(Reduce::mean(false), inside, &[1, 2])
}

/// The cells of an axis without its borders.
fn inner(len: usize, border: usize) -> std::ops::Range<usize> {
    if len > 2 * border { border..len - border } else { 0..len }
}

#[cfg(test)]
mod tests {
    use eyebar_network::{DataType, Executor, Graph, TensorType, Value};
    use eyebar_tensor::Tensor;

    use super::{ChannelMean, Objective, plane_means};

    const SHAPE: [usize; 4] = [2, 3, 5, 4];

    /// A border of 1 leaves 3 × 2 cells of 5 × 4, a border of 2 leaves one row and, where nothing would be left, all columns.
    #[test]
    fn means_and_their_gradients_are_those_of_the_chosen_cells() {
        for (border, rows, columns) in [(0, 0..5, 0..4), (1, 1..4, 1..3), (2, 2..3, 0..4)] {
            let mut graph = Graph::new();
            let layer = graph.add_input("layer", TensorType::new(DataType::F32, SHAPE.to_vec()).unwrap());
            let score = ChannelMean { channels: vec![2, 0], border }.add(&mut graph, layer).unwrap();
            let gradient = graph.add_gradient(score, &[layer]).unwrap()[0];
            let values = Tensor::from_fn(&SHAPE, |index| (index % 17) as f32 - 6.5);
            let share = 1.0 / (rows.len() * columns.len()) as f32;
            let weight = |index: usize| {
                let (image, channel) = (index / 60, index / 20 % 3);
                let inside = rows.contains(&(index / 4 % 5)) && columns.contains(&(index % 4));
                if channel == [2, 0][image] && inside { share } else { 0.0 }
            };
            let expected = Tensor::from_fn(&SHAPE, weight);
            let mean = |image: usize| -> f32 {
                (0..60).map(|cell| image * 60 + cell).map(|index| weight(index) * values.data()[index]).sum()
            };
            let means = [mean(0), mean(1)];
            let executor = Executor::new(graph, &[score, gradient]).unwrap();
            let found = executor.run(&[(layer, &Value::F32(values))]).unwrap();
            let scores = found[0].as_f32().unwrap();
            assert_eq!(scores.shape(), [2]);
            assert!(scores.data().iter().zip(&means).all(|(a, b)| (a - b).abs() < 1e-5), "{scores:?} {means:?}");
            assert_eq!(found[1], Value::F32(expected));
        }
    }

    /// A layer of 2²⁴ cells: what is added must not grow with its channels, for channels chosen by each run not even the
    /// gradient (that of fixed ones is itself a constant, within the limit of what is folded).
    #[test]
    fn no_constant_is_as_large_as_the_layer() {
        let largest = |graph: &Graph| graph.value_ids().filter_map(|id| graph.constant_value(id)).map(Value::len).max();
        let mut graph = Graph::new();
        let shape = vec![1, 64, 512, 512];
        let layer = graph.add_input("layer", TensorType::new(DataType::F32, shape).unwrap());
        ChannelMean { channels: vec![5], border: 3 }.add(&mut graph, layer).unwrap();
        assert!(largest(&graph) < Some(100), "{:?}", largest(&graph));
        let planes = graph.add_input("planes", TensorType::new(DataType::I64, vec![1]).unwrap());
        let score = plane_means(&mut graph, layer, planes, 3).unwrap();
        graph.add_gradient(score, &[layer]).unwrap();
        assert!(largest(&graph) <= Some(512 * 512), "{:?}", largest(&graph));
    }
}
