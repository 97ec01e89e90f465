//! A small network of dense layers with ReLU between them, its loss and the gradient of that.

use eyebar_tensor::gemm::{Matrix, PackedLeft, matmul};
use eyebar_tensor::simd::Isa;

use super::vectors::Vectors;
use crate::random::Random;

/// Sizes of the layers, inputs first and classes last; the parameters are kept by whoever trains it, layer by layer:
/// weights `[outputs, inputs]`, then biases.
#[derive(Debug, Clone)]
pub(super) struct Network {
    sizes: Vec<usize>,
}

/// Vectors that are fed many times.
pub(super) struct Inputs<'a> {
    vectors: &'a Vectors,
    packed: PackedLeft,
}

impl<'a> Inputs<'a> {
    pub(super) fn new(vectors: &'a Vectors) -> Self {
        let matrix = Matrix::dense(&vectors.values, vectors.count(), vectors.dimension);
        Self { vectors, packed: matrix.pack_left(Isa::detect()) }
    }
}

/// What a layer's parameters are.
struct Layer<'a> {
    weights: &'a [f32],
    bias: &'a [f32],
    inputs: usize,
}

impl Network {
    /// # Panics
    /// When there are fewer than two sizes.
    pub(super) fn new(sizes: Vec<usize>) -> Self {
        assert!(sizes.len() >= 2, "inputs and classes");
        Self { sizes }
    }

    /// Parameters to start from: zeros where there is one layer, whose loss has one minimum; else uniform weights after
    /// Glorot and Bengio 2010, for inputs of length 1.
    pub(super) fn initial(&self, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed);
        let mut parameters = Vec::new();
        for (index, pair) in self.sizes.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            // Elements of a unit vector are 1 / √inputs.
            let gain = if index == 0 { (inputs as f64).sqrt() } else { 1.0 };
            let limit = if self.sizes.len() == 2 { 0.0 } else { gain * (6.0 / (inputs + outputs) as f64).sqrt() };
            parameters.extend((0..inputs * outputs).map(|_| limit * (2.0 * random.unit() - 1.0)));
            parameters.extend(std::iter::repeat_n(0.0, outputs));
        }
        parameters
    }

    fn layers<'a>(&self, parameters: &'a [f32]) -> Vec<Layer<'a>> {
        let mut rest = parameters;
        let layer = |pair: &[usize]| {
            let (weights, after) = rest.split_at(pair[0] * pair[1]);
            let (bias, after) = after.split_at(pair[1]);
            rest = after;
            Layer { weights, bias, inputs: pair[0] }
        };
        self.sizes.windows(2).map(layer).collect()
    }

    /// The values of every layer, the logits last; hidden ones behind their ReLU.
    fn forward(layers: &[Layer<'_>], inputs: &Inputs<'_>) -> Vec<Vec<f32>> {
        let count = inputs.vectors.count();
        let mut values: Vec<Vec<f32>> = Vec::with_capacity(layers.len());
        for (index, layer) in layers.iter().enumerate() {
            let weights = Matrix::dense(layer.weights, layer.bias.len(), layer.inputs).transposed();
            let mut outputs = match values.last() {
                None => product(&inputs.packed, weights),
                Some(before) => product(&Matrix::dense(before, count, layer.inputs).pack_left(Isa::detect()), weights),
            };
            for row in outputs.chunks_exact_mut(layer.bias.len()) {
                for (value, bias) in row.iter_mut().zip(layer.bias) {
                    *value += bias;
                    if index + 1 < layers.len() {
                        *value = value.max(0.0);
                    }
                }
            }
            values.push(outputs);
        }
        values
    }

    /// The likeliest class of each of `inputs`, the first of equally likely ones, and the logarithm of its probability:
    /// probabilities themselves would be 1 for all that are sure.
    pub(super) fn likeliest(&self, parameters: &[f64], inputs: &Inputs<'_>) -> Vec<(usize, f32)> {
        let parameters = narrow(parameters);
        let logits = Self::forward(&self.layers(&parameters), inputs).pop().unwrap_or_default();
        logits.chunks_exact(self.classes()).map(likeliest).collect()
    }

    fn classes(&self) -> usize {
        self.sizes[self.sizes.len() - 1]
    }

    /// Mean cross-entropy of `inputs` with their `classes`, plus `penalty` / 2 times the squares of all weights; and its
    /// gradient.
    pub(super) fn loss(
        &self,
        parameters: &[f64],
        inputs: &Inputs<'_>,
        classes: &[usize],
        penalty: f64,
    ) -> (f64, Vec<f64>) {
        let short = narrow(parameters);
        let layers = self.layers(&short);
        let mut values = Self::forward(&layers, inputs);
        let count = inputs.vectors.count();
        let mut slopes = values.pop().unwrap_or_default();
        let mut loss = 0.0;
        for (row, &class) in slopes.chunks_exact_mut(self.classes()).zip(classes) {
            let logit = f64::from(row[class]);
            loss += softmax(row) - logit;
            row[class] -= 1.0;
            row.iter_mut().for_each(|value| *value /= count as f32);
        }
        loss /= count as f64;
        let mut gradients = Vec::with_capacity(layers.len());
        for (index, layer) in layers.iter().enumerate().rev() {
            let outputs = layer.bias.len();
            let before = if index == 0 { &inputs.vectors.values } else { &values[index - 1] };
            let slope = Matrix::dense(&slopes, count, outputs);
            let weights =
                product(&slope.transposed().pack_left(Isa::detect()), Matrix::dense(before, count, layer.inputs));
            let bias = (0..outputs).map(|output| slopes.iter().skip(output).step_by(outputs).sum::<f32>());
            gradients.push((weights, bias.collect::<Vec<f32>>()));
            if index > 0 {
                let onwards = Matrix::dense(layer.weights, outputs, layer.inputs);
                let mut earlier = product(&slope.pack_left(Isa::detect()), onwards);
                // Behind a ReLU a value of 0 has no slope.
                earlier.iter_mut().zip(before).filter(|(_, value)| **value <= 0.0).for_each(|(slope, _)| *slope = 0.0);
                slopes = earlier;
            }
        }
        let mut gradient = Vec::with_capacity(parameters.len());
        let mut rest = parameters;
        for (weights, bias) in gradients.into_iter().rev() {
            let (own, after) = rest.split_at(weights.len());
            loss += penalty / 2.0 * own.iter().map(|weight| weight * weight).sum::<f64>();
            gradient.extend(weights.iter().zip(own).map(|(&slope, weight)| f64::from(slope) + penalty * weight));
            gradient.extend(bias.iter().map(|&slope| f64::from(slope)));
            rest = &after[bias.len()..];
        }
        (loss, gradient)
    }
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

fn product(left: &PackedLeft, right: Matrix<'_>) -> Vec<f32> {
    let mut product = vec![0.0; left.rows() * right.columns];
    matmul(left, right, &mut product);
    product
}

fn likeliest(logits: &[f32]) -> (usize, f32) {
    let mut best = 0;
    for (class, &logit) in logits.iter().enumerate() {
        if logit > logits[best] {
            best = class;
        }
    }
    let others = logits.iter().enumerate().filter(|(class, _)| *class != best);
    let sum: f64 = others.map(|(_, &logit)| (f64::from(logit) - f64::from(logits[best])).exp()).sum();
    (best, -sum.ln_1p() as f32)
}

/// Logits become probabilities; the answer is the logarithm of the sum of their exponentials.
fn softmax(row: &mut [f32]) -> f64 {
    let largest = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = row.iter().map(|&value| (f64::from(value) - largest).exp()).sum();
    row.iter_mut().for_each(|value| *value = ((f64::from(*value) - largest).exp() / sum) as f32);
    largest + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::{Inputs, Network, Vectors, likeliest};

    /// Central differences of the loss.
    #[test]
    fn the_gradient_is_that_of_the_loss() {
        const STEP: f64 = 1e-2;
        const CLOSE: f64 = 2e-4;
        let inputs = Vectors {
            values: vec![0.6, 0.8, 0.0, -0.6, 0.0, 0.8, 0.0, 1.0, 0.0, 0.48, -0.6, 0.64, -0.8, 0.0, 0.6],
            dimension: 3,
        };
        let inputs = Inputs::new(&inputs);
        let classes = [0, 1, 2, 1, 0];
        for (sizes, shift) in [(vec![3, 3], 0.3), (vec![3, 4, 3], 0.05)] {
            let network = Network::new(sizes);
            let mut parameters = network.initial(5);
            parameters.iter_mut().enumerate().for_each(|(index, value)| *value += shift * (index % 3) as f64);
            let (_, gradient) = network.loss(&parameters, &inputs, &classes, 0.1);
            assert_eq!(gradient.len(), parameters.len());
            for index in 0..parameters.len() {
                let mut at = |offset: f64| {
                    let old = parameters[index];
                    parameters[index] = old + offset;
                    let (loss, _) = network.loss(&parameters, &inputs, &classes, 0.1);
                    parameters[index] = old;
                    loss
                };
                let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                assert!((slope - gradient[index]).abs() < CLOSE, "{index}: {slope}, {}", gradient[index]);
            }
        }
    }

    #[test]
    fn the_sure_are_told_from_the_surer() {
        let (sure, surer) = (likeliest(&[0.0, 40.0, 0.0]), likeliest(&[0.0, 60.0, 0.0]));
        assert_eq!((sure.0, surer.0), (1, 1));
        assert!(sure.1 < surer.1 && surer.1 < 0.0, "{sure:?}, {surer:?}");
        let (class, logarithm) = likeliest(&[1.0, 1.0, 1.0 - 2f32.ln()]);
        assert!(class == 0 && (logarithm - 0.4f32.ln()).abs() < 1e-6);
    }
}
