//! Runs a specialised graph: lifetimes planned, weights packed once, buffers used again.

use std::collections::HashMap;

use eyebar_tensor::team;

use crate::error::NetworkError;
use crate::graph::{Graph, ValueId};
use crate::layout::{Layout, reorder};
use crate::operator::Arguments;
use crate::plan::{Plan, Source, Step, Work};
use crate::pool::Pool;
use crate::value::Value;

/// Largest number of bytes of activations that live at once in a run: what asks for more comes from a broken file, or would
/// bring most machines to a halt.
pub const MAX_ACTIVATION_BYTES: usize = 4 << 30;

/// A graph made ready to run any number of times on inputs of the types it was specialised for.
pub struct Executor {
    graph: Graph,
    plan: Plan,
    pool: Pool,
}

/// One step of a run.
#[derive(Debug, Clone, Copy)]
pub struct StepInfo<'a> {
    /// Name of the node; of a convolution, where others are fused with it.
    pub node: &'a str,
    /// The operator.
    pub operator: &'a str,
    /// How it is computed, where there is a choice.
    pub algorithm: &'static str,
    /// How the output lies in memory.
    pub layout: Layout,
    /// Dimensions of the output.
    pub shape: &'a [usize],
    /// Multiply-adds of the direct sum.
    pub multiply_adds: u64,
    /// Bytes of the inputs, the weights and the outputs: what must be moved at least.
    pub bytes: u64,
}

impl Executor {
    /// Plans the run that computes `outputs` of a specialised graph.
    ///
    /// # Errors
    /// When a node's constants cannot be packed, or more than [`MAX_ACTIVATION_BYTES`] would live at once.
    pub fn new(graph: Graph, outputs: &[ValueId]) -> Result<Self, NetworkError> {
        let plan = Plan::new(&graph, outputs)?;
        Ok(Self { graph, plan, pool: Pool::default() })
    }

    /// Bytes of activations that live at once in a run, at most; inputs, constants and the kernels' own scratch memory
    /// come on top.
    pub fn activation_bytes(&self) -> usize {
        self.plan.peak
    }

    /// What a run does, in order.
    pub fn steps(&self) -> impl Iterator<Item = StepInfo<'_>> {
        self.plan.steps.iter().map(|step| StepInfo {
            node: step.label.node(),
            operator: step.label.operator(),
            algorithm: match &step.work {
                Work::Kernel(kernel) => kernel.algorithm(),
                Work::Operator(_) => "",
                Work::Move { .. } => "view",
                Work::Reorder { .. } => "reorder",
            },
            layout: step.layout,
            shape: &step.shape,
            multiply_adds: step.multiply_adds,
            bytes: step.bytes,
        })
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
        self.run_watched(inputs, &mut |_| {})
    }

    /// As [`Executor::run`]; `after` is told the number of every step of [`Executor::steps`] when it is done. Whoever
    /// measures has a clock.
    ///
    /// # Errors
    /// As [`Executor::run`].
    pub fn run_watched(
        &self,
        inputs: &[(ValueId, &Value)],
        after: &mut (dyn FnMut(usize) + Send),
    ) -> Result<Vec<Value>, NetworkError> {
        let inputs: HashMap<ValueId, &Value> = inputs.iter().copied().collect();
        self.check(&inputs)?;
        team::together(|| self.run_steps(&inputs, after))
    }

    fn run_steps(
        &self,
        inputs: &HashMap<ValueId, &Value>,
        after: &mut (dyn FnMut(usize) + Send),
    ) -> Result<Vec<Value>, NetworkError> {
        let mut slots: Vec<Option<Value>> = (0..self.plan.slots).map(|_| None).collect();
        for (index, step) in self.plan.steps.iter().enumerate() {
            let values = self.step(step, inputs, &mut slots)?;
            for (slot, value) in step.outputs.iter().zip(values) {
                match slot {
                    Some(slot) => slots[*slot] = Some(value),
                    None => self.pool.give(value),
                }
            }
            for &slot in &step.dead {
                if let Some(value) = slots[slot].take() {
                    self.pool.give(value);
                }
            }
            after(index);
        }
        Ok(self.collect(inputs, slots))
    }

    fn step(
        &self,
        step: &Step,
        inputs: &HashMap<ValueId, &Value>,
        slots: &mut [Option<Value>],
    ) -> Result<Vec<Value>, NetworkError> {
        if let Work::Move { slot } = step.work {
            let value = slots[slot].take().expect("the plan moves what was computed");
            return value
                .reshape(&step.shape)
                .map(|value| vec![value])
                .map_err(|source| step.label.error(source.into()));
        }
        let arguments: Vec<_> =
            step.inputs.iter().map(|source| source.as_ref().map(|source| find(source, inputs, slots))).collect();
        let arguments = Arguments(&arguments);
        let result = match &step.work {
            Work::Kernel(kernel) => kernel.run(arguments, &self.pool),
            Work::Operator(operator) => operator.run(arguments, &self.pool),
            Work::Reorder { layout } => {
                arguments.require(0).map(|value| vec![reorder(value, &step.shape, *layout, &self.pool)])
            }
            Work::Move { .. } => unreachable!("moved above"),
        };
        result.map_err(|source| step.label.error(source))
    }

    /// The outputs; a value asked for twice is copied, the last time it is moved.
    fn collect(&self, inputs: &HashMap<ValueId, &Value>, mut slots: Vec<Option<Value>>) -> Vec<Value> {
        let outputs = &self.plan.outputs;
        let last: HashMap<_, _> =
            outputs.iter().enumerate().filter_map(|(i, source)| Some((source.slot()?, i))).collect();
        let collected = outputs.iter().enumerate().map(|(index, source)| match source {
            Source::Slot(slot) if last[slot] == index => slots[*slot].take().expect("planned outputs are computed"),
            source => find(source, inputs, &slots).clone(),
        });
        collected.collect()
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
}

fn find<'a>(source: &'a Source, inputs: &HashMap<ValueId, &'a Value>, slots: &'a [Option<Value>]) -> &'a Value {
    match source {
        Source::Given(id) => inputs[id],
        Source::Constant(value) => value,
        Source::Slot(slot) => slots[*slot].as_ref().expect("the plan reads what was computed"),
    }
}
