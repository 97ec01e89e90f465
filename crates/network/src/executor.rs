//! Runs a specialised graph: lifetimes planned, weights packed once, buffers used again.

use std::collections::{HashMap, HashSet};

use crate::error::NetworkError;
use crate::graph::{Graph, Node, ValueId};
use crate::operator::{Arguments, Kernel};
use crate::pool::Pool;
use crate::value::Value;

/// Largest number of bytes of activations that live at once in a run: what asks for more comes from a broken file, or would
/// bring most machines to a halt.
pub const MAX_ACTIVATION_BYTES: usize = 4 << 30;

/// A graph made ready to run any number of times on inputs of the types it was specialised for.
pub struct Executor {
    graph: Graph,
    outputs: Vec<ValueId>,
    steps: Vec<Step>,
    activation_bytes: usize,
    pool: Pool,
}

struct Step {
    node: usize,
    kernel: Option<Box<dyn Kernel>>,
    /// Input 0 may be moved into output 0: a view whose input nobody reads later.
    moves: bool,
    /// Values whose last reader is this step.
    dead: Vec<ValueId>,
}

impl Executor {
    /// Plans the run that computes `outputs` of a specialised graph.
    ///
    /// # Errors
    /// When a node's constants cannot be packed, or more than [`MAX_ACTIVATION_BYTES`] would live at once.
    pub fn new(graph: Graph, outputs: &[ValueId]) -> Result<Self, NetworkError> {
        let needed = graph.needed_nodes(outputs, &[]);
        // Who asks for a value again, and who may not lose it.
        let stays: HashSet<ValueId> = outputs.iter().copied().collect();
        let given: HashSet<ValueId> = graph.inputs().iter().copied().collect();
        let mut last_reader: HashMap<ValueId, usize> = HashMap::new();
        for &index in &needed {
            let node = &graph.nodes()[index];
            // A result that nobody reads dies where it is born.
            last_reader.extend(node.inputs.iter().chain(&node.outputs).flatten().map(|&id| (id, index)));
        }
        let mut steps = Vec::with_capacity(needed.len());
        let mut memory = Memory::default();
        for &index in &needed {
            let node = &graph.nodes()[index];
            let mut dead: Vec<_> = node.inputs.iter().chain(&node.outputs).flatten().copied().collect();
            dead.sort_unstable();
            dead.dedup();
            dead.retain(|id| last_reader[id] == index && !stays.contains(id) && graph.constant_value(*id).is_none());
            memory.step(&graph, node, &dead)?;
            let kernel = graph
                .with_inputs(&node.inputs, |inputs| node.operator.prepare(inputs))
                .and_then(|result| result)
                .map_err(|source| graph.node_error(node, source))?;
            let first = node.inputs.first().copied().flatten();
            let moves = node.operator.is_view()
                && first.is_some_and(|id| dead.binary_search(&id).is_ok() && !given.contains(&id));
            steps.push(Step { node: index, kernel, moves, dead });
        }
        Ok(Self { graph, outputs: outputs.to_vec(), steps, activation_bytes: memory.peak, pool: Pool::default() })
    }

    /// Bytes of activations that live at once in a run, at most; inputs, constants and the kernels' own scratch memory
    /// come on top.
    pub fn activation_bytes(&self) -> usize {
        self.activation_bytes
    }

    /// The graph that is run.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Computes the outputs.
    ///
    /// # Errors
    /// When an input is missing or has another type than the graph was specialised for, or a node refuses its values.
    pub fn run(&self, inputs: &[(ValueId, &Value)]) -> Result<Vec<Value>, NetworkError> {
        let inputs: HashMap<ValueId, &Value> = inputs.iter().copied().collect();
        self.check(&inputs)?;
        let mut computed: HashMap<ValueId, Value> = HashMap::new();
        for step in &self.steps {
            let node = &self.graph.nodes()[step.node];
            let values = if step.moves {
                vec![self.move_view(node, &mut computed)?]
            } else {
                let arguments: Vec<_> =
                    node.inputs.iter().map(|id| id.and_then(|id| self.lookup(id, &inputs, &computed))).collect();
                let result = match &step.kernel {
                    Some(kernel) => kernel.run(Arguments(&arguments), &self.pool),
                    None => node.operator.run(Arguments(&arguments), &self.pool),
                };
                result.map_err(|source| self.graph.node_error(node, source))?
            };
            for (id, value) in node.outputs.iter().zip(values) {
                if let Some(id) = *id {
                    debug_assert_eq!(self.graph.value(id).kind.as_ref(), Some(&value.tensor_type()), "{}", node.name);
                    computed.insert(id, value);
                }
            }
            for id in &step.dead {
                if let Some(value) = computed.remove(id) {
                    self.pool.give(value);
                }
            }
        }
        Ok(self.collect(&inputs, computed))
    }

    /// As [`Executor::run`] for graphs with one f32 input: computes the outputs for `input`.
    ///
    /// # Errors
    /// As [`Executor::run`].
    pub fn run_one(&self, input: &Value) -> Result<Vec<Value>, NetworkError> {
        match self.graph.inputs() {
            &[id] => self.run(&[(id, input)]),
            [] => self.run(&[]),
            many => {
                let reason = format!("the graph has {} inputs, one was given; hint: give each by its id", many.len());
                Err(NetworkError::Input { name: self.graph.value(many[1]).name.clone(), reason })
            }
        }
    }

    /// Gives the buffers of results back, for the next run.
    pub fn recycle(&self, values: Vec<Value>) {
        for value in values {
            self.pool.give(value);
        }
    }

    fn check(&self, inputs: &HashMap<ValueId, &Value>) -> Result<(), NetworkError> {
        for &id in self.graph.inputs() {
            let info = self.graph.value(id);
            let expected = info.kind.as_ref();
            let found = inputs.get(&id).map(|value| value.tensor_type());
            if found.as_ref() != expected {
                let show = |kind: Option<String>| kind.unwrap_or_else(|| "nothing".to_owned());
                let expected = show(expected.map(ToString::to_string));
                let found = show(found.map(|kind| kind.to_string()));
                let reason =
                    format!("{expected} expected, {found} given; hint: feed what the graph was specialised for");
                return Err(NetworkError::Input { name: info.name.clone(), reason });
            }
        }
        Ok(())
    }

    fn lookup<'a>(
        &'a self,
        id: ValueId,
        inputs: &HashMap<ValueId, &'a Value>,
        computed: &'a HashMap<ValueId, Value>,
    ) -> Option<&'a Value> {
        computed.get(&id).or_else(|| inputs.get(&id).copied()).or_else(|| self.graph.constant_value(id))
    }

    fn move_view(&self, node: &Node, computed: &mut HashMap<ValueId, Value>) -> Result<Value, NetworkError> {
        let refuse = |source| self.graph.node_error(node, source);
        let value = node.input(0).map_err(refuse)?;
        let shape = self.graph.shape(node.output(0).map_err(refuse)?);
        let value = computed.remove(&value).expect("the plan moves only computed values");
        value.reshape(shape).map_err(|source| refuse(source.into()))
    }

    fn collect(&self, inputs: &HashMap<ValueId, &Value>, mut computed: HashMap<ValueId, Value>) -> Vec<Value> {
        let mut results = Vec::with_capacity(self.outputs.len());
        let last: HashMap<ValueId, usize> = self.outputs.iter().enumerate().map(|(index, &id)| (id, index)).collect();
        for (index, id) in self.outputs.iter().enumerate() {
            // A value asked for twice is copied, the last time it is moved.
            let value = if last[id] == index { computed.remove(id) } else { None };
            results.push(match value {
                Some(value) => value,
                None => self.lookup(*id, inputs, &computed).expect("planned outputs are computed").clone(),
            });
        }
        results
    }
}

/// Adds up what lives while the steps run.
#[derive(Default)]
struct Memory {
    live: HashMap<ValueId, usize>,
    total: usize,
    peak: usize,
}

impl Memory {
    fn step(&mut self, graph: &Graph, node: &Node, dead: &[ValueId]) -> Result<(), NetworkError> {
        for &id in node.outputs.iter().flatten() {
            let bytes = graph.value(id).kind.as_ref().map_or(0, |kind| kind.len().saturating_mul(kind.dtype.size()));
            self.total = self.total.saturating_add(bytes);
            self.live.insert(id, bytes);
        }
        self.peak = self.peak.max(self.total);
        if self.peak > MAX_ACTIVATION_BYTES {
            let (node, bytes) = (node.name.clone(), self.peak);
            return Err(NetworkError::Memory { node, bytes, limit: MAX_ACTIVATION_BYTES });
        }
        self.total -= dead.iter().filter_map(|id| self.live.remove(id)).sum::<usize>();
        Ok(())
    }
}
