//! The mean activation of a filter.

use eyebar_network::operators::Reduce;
use eyebar_network::{Graph, ValueId};
use eyebar_tensor::Tensor;

use super::{Objective, refuse};
use crate::error::ExplainError;
use crate::nodes::Builder;

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
    /// What each cell of `layer` counts, in its shape `[N, C, H, W]`: the score of an image is the sum of its cells times
    /// these.
    pub(crate) fn weights(&self, graph: &Graph, layer: ValueId) -> Result<Tensor, ExplainError> {
        let &[images, count, height, width] = graph.shape(layer) else {
            let reason = "a filter needs a layer of the shape [N, C, H, W]; hint: choose a convolution";
            return Err(refuse(graph, layer, reason));
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
        let (rows, columns) = (inner(height, self.border), inner(width, self.border));
        let weight = 1.0 / (rows.len() * columns.len()) as f32;
        let mut weights = Tensor::zeros(&[images, count, height, width]);
        for (image, channel) in channels.into_iter().enumerate() {
            for row in rows.clone() {
                let start = ((image * count + channel) * height + row) * width;
                weights.data_mut()[start + columns.start..start + columns.end].fill(weight);
            }
        }
        Ok(weights)
    }
}

impl Objective for ChannelMean {
    fn add(&self, graph: &mut Graph, value: ValueId) -> Result<ValueId, ExplainError> {
        let weights = self.weights(graph, value)?;
        let weights = graph.add_constant(weights);
        weighted(graph, value, weights)
    }
}

/// The sum of `layer` times `weights` (both `[N, C, H, W]`), one number an image.
pub(crate) fn weighted(graph: &mut Graph, layer: ValueId, weights: ValueId) -> Result<ValueId, ExplainError> {
    let mut nodes = Builder::new(graph, layer);
    let weighted = nodes.mul(layer, weights)?;
    nodes.reduce(Reduce::sum(false), weighted, &[1, 2, 3])
}

/// The cells of an axis without its borders.
fn inner(len: usize, border: usize) -> std::ops::Range<usize> {
    if len > 2 * border { border..len - border } else { 0..len }
}
