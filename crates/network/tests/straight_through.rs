//! The gradient through `QuantizeLinear` and `DequantizeLinear` on activations: as PyTorch 2 has it for
//! `fake_quantize_per_tensor_affine` and `fake_quantize_per_channel_affine`, whose values and gradients stand here.

use std::sync::Arc;

use eyebar_network::operators::{DequantizeLinear, QuantizeLinear};
use eyebar_network::{DataType, Executor, Graph, TensorType, Value, ValueId, onnx};
use eyebar_tensor::Tensor;
use eyebar_testkit::{Tolerance, compare};

struct Quantised {
    graph: Graph,
    x: ValueId,
    y: ValueId,
}

/// Q and DQ with the same scale and zero point.
fn quantised(shape: &[usize], axis: i64, block: usize, scale: Tensor, zero: Option<Value>) -> Quantised {
    let mut graph = Graph::new();
    let x = graph.add_input("x", TensorType::new(DataType::F32, shape.to_vec()).unwrap());
    let scale = Some(graph.add_constant(scale));
    let zero = zero.map(|zero| graph.add_constant(zero));
    let q = graph.add_node(Arc::new(QuantizeLinear::new(axis, block)), &[Some(x), scale, zero]).unwrap()[0];
    let y = graph.add_node(Arc::new(DequantizeLinear::new(axis, block)), &[Some(q), scale, zero]).unwrap()[0];
    Quantised { graph, x, y }
}

impl Quantised {
    /// The values, and the gradient of Σ i · y_i for i from 1: computed twice, the second time by a file that was written
    /// and read.
    fn check(mut self, x: &[f32], values: &[f32], gradient: &[f32]) {
        let shape = self.graph.shape(self.x).to_vec();
        let cotangent = self.graph.add_constant(Tensor::from_fn(&shape, |index| (index + 1) as f32));
        let dx = self.graph.add_vector_jacobian_product(self.y, cotangent, &[self.x]).unwrap()[0];
        let input: Value = Tensor::new(&shape, x.to_vec()).unwrap().into();
        let outputs = vec![self.y, dx];
        self.graph.set_outputs(outputs.clone());
        let written = onnx::write(&self.graph, "quantised", &[]);
        let expected = [values, gradient];
        for (graph, x, outputs) in [(self.graph, self.x, outputs), read(written, input.tensor_type())] {
            let found = Executor::new(graph, &outputs).unwrap().run(&[(x, &input)]).unwrap();
            for (found, expected) in found.iter().zip(expected) {
                compare(found.as_f32().unwrap().data(), expected, Tolerance::VeryClose).unwrap();
            }
        }
    }
}

fn read(bytes: Vec<u8>, kind: TensorType) -> (Graph, ValueId, Vec<ValueId>) {
    let graph = onnx::read(bytes.into()).unwrap().graph;
    let (x, outputs) = (graph.inputs()[0], graph.outputs().to_vec());
    (graph.specialise(&[(x, kind)], &outputs).unwrap(), x, outputs)
}

#[test]
fn one_scale() {
    let x = [-2.0, -1.04, -1.05, -0.3, 0.0, 0.04, 0.06, 0.7, 3.0, 24.44, 24.56, 30.0];
    let values = [-1.0, -1.0, -1.0, -0.3, 0.0, 0.0, 0.1, 0.7, 3.0, 24.4, 24.5, 24.5];
    let gradient = [0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 0.0, 0.0];
    let zero = Value::U8(Tensor::scalar(10));
    quantised(&[12], 0, 0, Tensor::scalar(0.1), Some(zero)).check(&x, &values, &gradient);
}

#[test]
fn a_scale_for_each_channel() {
    let row = [-130.0, -64.2, -1.0, 0.0, 1.3, 63.4, 63.8, 200.0];
    let values = [-128.0, -64.0, -1.0, 0.0, 1.0, 63.0, 64.0, 127.0, -64.0, -64.0, -1.0, 0.0, 1.5, 63.5, 63.5, 63.5];
    let gradient = [0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 0.0, 0.0, 10.0, 11.0, 12.0, 13.0, 14.0, 0.0, 0.0];
    let zero = Value::I8(Tensor::vector(vec![0, 0]));
    let network = quantised(&[1, 2, 2, 4], 1, 0, Tensor::vector(vec![1.0, 0.5]), Some(zero));
    network.check(&[row, row].concat(), &values, &gradient);
}

/// By hand: u8 without a zero point, from 0 to 255 times the scale of the block.
#[test]
fn a_scale_for_each_block() {
    let scale = Tensor::new(&[1, 2], vec![1.0, 2.0]).unwrap();
    let x = [-1.0, 3.2, 256.0, 256.0, 509.0, 520.0];
    let values = [0.0, 3.0, 255.0, 256.0, 508.0, 510.0];
    quantised(&[1, 6], 1, 3, scale, None).check(&x, &values, &[0.0, 2.0, 0.0, 4.0, 5.0, 0.0]);
}

/// Where the scale itself depends on the input, no gradient is better than a wrong one.
#[test]
fn scales_from_the_data_are_refused() {
    let mut graph = Graph::new();
    let x = graph.add_input("x", TensorType::new(DataType::F32, vec![1]).unwrap());
    let q = graph.add_node(Arc::new(QuantizeLinear::new(0, 0)), &[Some(x), Some(x)]).unwrap()[0];
    let y = graph.add_node(Arc::new(DequantizeLinear::new(0, 0)), &[Some(q), Some(x)]).unwrap()[0];
    let error = graph.add_gradient(y, &[x]).unwrap_err().to_string();
    assert!(error.contains("DequantizeLinear") && error.contains("scale") && error.contains("hint:"), "{error}");
}
