//! What `inspect` knows of a network with an operator that is not supported.

use std::sync::Arc;

use eyebar::{Model, tasks};
use eyebar_network::operators::{GlobalPool, Mul, Reshaping};
use eyebar_network::{
    Arguments, DataType, Graph, Inputs, Operator, OperatorError, Pool, TensorType, Value, ValueId, onnx,
};
use eyebar_tensor::Tensor;

/// Written as an operator of which nobody has heard.
#[derive(Debug)]
struct Frobnicate;

impl Operator for Frobnicate {
    fn name(&self) -> &str {
        "Frobnicate"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let x = inputs.require(0)?;
        Ok(vec![TensorType::new(x.dtype, x.shape.to_vec())?])
    }

    fn run(&self, _arguments: Arguments<'_>, _pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        Err(OperatorError::Unsupported("a run".to_owned()))
    }
}

fn reshape(graph: &mut Graph, value: ValueId, shape: &[i64]) -> ValueId {
    let shape = graph.add_constant(Tensor::vector(shape.to_vec()));
    graph.apply(Reshaping::reshape(), &[value, shape]).unwrap()
}

/// Weights of 3 channels, a pooling, the odd one out, and weights again.
#[test]
fn a_network_with_an_unknown_end_is_inspected_as_far_as_it_is_known() {
    let mut graph = Graph::new();
    let x = graph.add_input("x", TensorType::new(DataType::F32, vec![1, 3, 8, 8]).unwrap());
    let weights = graph.add_constant(Tensor::full(&[1, 3, 1, 1], 2.0f32));
    let scaled = graph.apply(Mul, &[x, weights]).unwrap();
    let pooled = graph.apply(GlobalPool::Average, &[scaled]).unwrap();
    let flat = reshape(&mut graph, pooled, &[1, 3]);
    let odd = graph.add_node(Arc::new(Frobnicate), &[Some(flat)]).unwrap()[0];
    let more = graph.add_constant(Tensor::full(&[1, 3], 2.0f32));
    let output = graph.apply(Mul, &[odd, more]).unwrap();
    graph.set_outputs(vec![output]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.onnx");
    std::fs::write(&file, onnx::write(&graph, "odd", &[])).unwrap();
    let model = Model::open(&file.display().to_string(), None).unwrap();

    let inspection = tasks::inspect::inspect(&model, None).unwrap();
    let operators: Vec<_> = inspection.layers.iter().map(|layer| layer.operator.as_str()).collect();
    assert_eq!(operators, ["Mul", "GlobalAveragePool"]);
    assert_eq!(inspection.layers[1].output, [1, 3, 1, 1]);
    assert_eq!(inspection.parameters, 3, "those behind the unknown operator are left out");
    assert_eq!(inspection.unsupported.len(), 1);
    let row = &inspection.unsupported[0];
    assert!(row.node.starts_with("Frobnicate") && row.operator == "Frobnicate", "{row:?}");
    assert!(row.reason.contains("not supported"), "{row:?}");
    assert_eq!(inspection.unreached, 1);
    let tables = inspection.tables();
    assert_eq!(tables.len(), 3);
    assert!(tables[2].to_text().contains("Frobnicate") && tables[2].note.contains("1 node behind"));

    let whole = tasks::inspect::inspect(&Model::open("vgg16", None).unwrap(), None).unwrap();
    assert!(whole.unsupported.is_empty() && whole.unreached == 0 && whole.tables().len() == 2);
}
