//! What a run does, step by step: which kernel reads and writes which slot, and when a slot is free again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::error::{NetworkError, OperatorError};
use crate::executor::MAX_ACTIVATION_BYTES;
use crate::fuse::fused_nodes;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{self, Layout};
use crate::operator::{Kernel, Operator};
use crate::value::{DataType, TensorType, Value};

/// Largest number of bytes of packed weights: more come from a file whose nodes share them by the thousand.
const MAX_PACKED_BYTES: usize = 8 << 30;

/// Where a step finds an input.
pub(crate) enum Source {
    /// An input of the run.
    Given(ValueId),
    Constant(Arc<Value>),
    /// What an earlier step has computed.
    Slot(usize),
}

/// What a step does.
pub(crate) enum Work {
    Kernel(Box<dyn Kernel>),
    Operator(Arc<dyn Operator>),
    /// Gives the value of a slot, which nobody reads later, the shape of the output.
    Move {
        slot: usize,
    },
    /// Brings input 0 into another layout.
    Reorder {
        layout: Layout,
    },
}

/// One step of a run.
pub(crate) struct Step {
    pub(crate) work: Work,
    pub(crate) inputs: Vec<Option<Source>>,
    /// Slots of the outputs; `None` for one that nobody named.
    pub(crate) outputs: Vec<Option<usize>>,
    /// Slots whose last reader this step is.
    pub(crate) dead: Vec<usize>,
    /// Layout of the outputs.
    pub(crate) layout: Layout,
    /// Dense shape of output 0.
    pub(crate) shape: Vec<usize>,
    pub(crate) multiply_adds: u64,
    /// Of the inputs, the weights and the outputs.
    pub(crate) bytes: u64,
    /// What errors name.
    pub(crate) label: Label,
}

/// How errors name a step.
#[derive(Clone)]
pub(crate) struct Label {
    node: String,
    operator: String,
    inputs: String,
}

impl Label {
    pub(crate) fn new(graph: &Graph, node: &Node) -> Self {
        let types: Vec<_> = node
            .inputs
            .iter()
            .map(|id| match id.and_then(|id| graph.value(id).kind.as_ref()) {
                Some(kind) => kind.to_string(),
                None => "?".to_owned(),
            })
            .collect();
        let inputs = if types.is_empty() { String::new() } else { format!(" on {}", types.join(", ")) };
        Self { node: node.name.clone(), operator: node.operator.name().to_owned(), inputs }
    }

    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    pub(crate) fn operator(&self) -> &str {
        &self.operator
    }

    pub(crate) fn error(&self, source: OperatorError) -> NetworkError {
        let Self { node, operator, inputs } = self.clone();
        NetworkError::Node { node, operator, inputs, source }
    }
}

/// The steps that compute some outputs.
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) outputs: Vec<Source>,
    pub(crate) slots: usize,
    /// Bytes of the slots that are filled at once, at most.
    pub(crate) peak: usize,
}

impl Plan {
    /// # Errors
    /// When a node's constants cannot be packed, or too much would live at once.
    pub(crate) fn new(graph: &Graph, outputs: &[ValueId]) -> Result<Self, NetworkError> {
        check_weights(graph, outputs)?;
        let nodes = fused_nodes(graph, outputs);
        check_memory(graph, &nodes, outputs)?;
        let plan = Self::with_layouts(graph, &nodes, outputs, true)?;
        if plan.peak <= MAX_ACTIVATION_BYTES {
            return Ok(plan);
        }
        // Few channels take up to 16 times their room in blocks.
        let plan = Self::with_layouts(graph, &nodes, outputs, false)?;
        match (plan.peak, nodes.last()) {
            (bytes, Some(node)) if bytes > MAX_ACTIVATION_BYTES => {
                Err(NetworkError::Memory { node: node.name.clone(), bytes, limit: MAX_ACTIVATION_BYTES })
            }
            _ => Ok(plan),
        }
    }

    fn with_layouts(graph: &Graph, nodes: &[Node], outputs: &[ValueId], blocked: bool) -> Result<Self, NetworkError> {
        let mut planner = Planner { graph, blocked, steps: Vec::new(), bytes: Vec::new(), places: HashMap::new() };
        for node in nodes {
            planner.plan(node)?;
        }
        let outputs: Vec<_> = outputs.iter().map(|&id| planner.source(id, Layout::Dense)).collect();
        let Planner { mut steps, bytes, .. } = planner;
        let given: HashSet<ValueId> = graph.inputs().iter().copied().collect();
        let sources = steps.iter().flat_map(|step| step.inputs.iter().flatten()).chain(&outputs);
        for source in sources {
            if let Source::Given(id) = source
                && !given.contains(id)
            {
                let reason = "no node computes it; hint: make it an input of the graph".to_owned();
                return Err(NetworkError::Input { name: graph.value(*id).name.clone(), reason });
            }
        }
        let kept: HashSet<usize> = outputs.iter().filter_map(Source::slot).collect();
        free_slots(&mut steps, &kept);
        let peak = peak(&steps, &bytes);
        Ok(Self { steps, outputs, slots: bytes.len(), peak })
    }
}

impl Source {
    pub(crate) fn slot(&self) -> Option<usize> {
        match self {
            Self::Slot(slot) => Some(*slot),
            _ => None,
        }
    }
}

struct Planner<'a> {
    graph: &'a Graph,
    /// Whether activations may be blocked.
    blocked: bool,
    steps: Vec<Step>,
    /// Bytes of each slot.
    bytes: Vec<usize>,
    /// The slots that hold a value, in the layouts it has been asked for.
    places: HashMap<(ValueId, Layout), usize>,
}

impl Planner<'_> {
    fn plan(&mut self, node: &Node) -> Result<(), NetworkError> {
        let graph = self.graph;
        let label = Label::new(graph, node);
        let layouts: Vec<_> = node.inputs.iter().map(|id| self.layout(*id)).collect();
        let output = node.outputs.first().copied().flatten().and_then(|id| self.kind(id));
        let may_be_blocked =
            self.blocked && output.is_some_and(|kind| kind.dtype == DataType::F32 && kind.shape.len() == 4);
        let blocked = match may_be_blocked {
            true => graph
                .with_inputs(&node.inputs, |inputs| node.operator.prepare_blocked(inputs, &layouts))
                .and_then(|result| result)
                .map_err(|source| label.error(source))?,
            false => None,
        };
        let multiply_adds = graph.with_inputs(&node.inputs, |inputs| node.operator.multiply_adds(inputs)).unwrap_or(0);
        let (work, inputs, layout) = match blocked {
            Some(blocked) => {
                let wanted = node.inputs.iter().zip(blocked.inputs);
                let inputs =
                    wanted.map(|(id, layout)| id.zip(layout).map(|(id, layout)| self.source(id, layout))).collect();
                (Work::Kernel(blocked.kernel), inputs, Layout::Blocked)
            }
            None => {
                let kernel = graph
                    .with_inputs(&node.inputs, |inputs| node.operator.prepare(inputs))
                    .and_then(|result| result)
                    .map_err(|source| label.error(source))?;
                let work = kernel.map_or_else(|| Work::Operator(node.operator.clone()), Work::Kernel);
                let inputs = node.inputs.iter().map(|id| id.map(|id| self.source(id, Layout::Dense))).collect();
                (work, inputs, Layout::Dense)
            }
        };
        let outputs = node.outputs.iter().map(|id| id.map(|id| self.slot(id, layout))).collect();
        let first = node.outputs.first().copied().flatten();
        let shape = first.map_or_else(Vec::new, |id| graph.shape(id).to_vec());
        let moved = node.inputs.iter().chain(&node.outputs).flatten().filter_map(|&id| self.kind(id));
        let bytes = moved.map(|kind| layout::bytes(kind, Layout::Dense) as u64).sum::<u64>();
        let bytes = bytes + node.operator.weight_bytes();
        self.steps.push(Step { work, inputs, outputs, dead: Vec::new(), layout, shape, multiply_adds, bytes, label });
        Ok(())
    }

    /// The layout that a value is in now; the blocked one where it is in both.
    fn layout(&self, id: Option<ValueId>) -> Layout {
        match id {
            Some(id) if self.places.contains_key(&(id, Layout::Blocked)) => Layout::Blocked,
            _ => Layout::Dense,
        }
    }

    /// A new slot for a value.
    fn slot(&mut self, id: ValueId, layout: Layout) -> usize {
        let slot = self.bytes.len();
        self.bytes.push(self.kind(id).map_or(0, |kind| layout::bytes(kind, layout)));
        self.places.insert((id, layout), slot);
        slot
    }

    fn kind(&self, id: ValueId) -> Option<&TensorType> {
        self.graph.value(id).kind.as_ref()
    }

    /// Where to find a value in a layout; the step that brings it there is added where it is missing.
    fn source(&mut self, id: ValueId, layout: Layout) -> Source {
        if let Some(&slot) = self.places.get(&(id, layout)) {
            return Source::Slot(slot);
        }
        let other = match layout {
            Layout::Dense => self.places.get(&(id, Layout::Blocked)).map(|&slot| Source::Slot(slot)),
            Layout::Blocked => Some(self.source(id, Layout::Dense)),
        };
        let Some(other) = other else {
            return match &self.graph.value(id).constant {
                Some(value) => Source::Constant(value.clone()),
                None => Source::Given(id),
            };
        };
        let shape = self.graph.shape(id).to_vec();
        let slot = self.slot(id, layout);
        let label =
            Label { node: self.graph.value(id).name.clone(), operator: "reorder".into(), inputs: String::new() };
        let (work, inputs, outputs) = (Work::Reorder { layout }, vec![Some(other)], vec![Some(slot)]);
        let bytes = self.kind(id).map_or(0, |kind| 2 * layout::bytes(kind, Layout::Dense) as u64);
        self.steps.push(Step {
            work,
            inputs,
            outputs,
            dead: Vec::new(),
            layout,
            shape,
            multiply_adds: 0,
            bytes,
            label,
        });
        Source::Slot(slot)
    }
}

/// Finds the last reader of every slot, and turns views of slots that nobody reads later into moves.
fn free_slots(steps: &mut [Step], kept: &HashSet<usize>) {
    let mut seen = kept.clone();
    for step in steps.iter_mut().rev() {
        let slots = step.inputs.iter().flatten().filter_map(Source::slot).chain(step.outputs.iter().flatten().copied());
        step.dead = slots.filter(|&slot| seen.insert(slot)).collect();
        if let (Work::Operator(operator), Some(Some(Source::Slot(slot)))) = (&step.work, step.inputs.first())
            && operator.is_view()
            && step.dead.contains(slot)
        {
            step.work = Work::Move { slot: *slot };
        }
    }
}

/// The most bytes that live at once.
fn peak(steps: &[Step], bytes: &[usize]) -> usize {
    let (mut total, mut peak) = (0usize, 0usize);
    for step in steps {
        total = step.outputs.iter().flatten().fold(total, |total, &slot| total.saturating_add(bytes[slot]));
        peak = peak.max(total);
        total -= step.dead.iter().map(|&slot| bytes[slot]).sum::<usize>();
    }
    peak
}

/// Refuses networks whose packed weights would not fit: every node packs its own, also where many read the same constant.
fn check_weights(graph: &Graph, outputs: &[ValueId]) -> Result<(), NetworkError> {
    let mut total = 0usize;
    for index in graph.needed_nodes(outputs, &[]) {
        let node = &graph.nodes()[index];
        // Types that are not known have nothing to be packed.
        let packed = graph.with_inputs(&node.inputs, |inputs| node.operator.packed_bytes(inputs));
        total = total.saturating_add(packed.unwrap_or(0));
        // Codes are held once as they are, and once packed with two bytes at most.
        let codes = node.input(1).ok().and_then(|id| graph.value(id).codes.as_ref());
        total = total.saturating_add(codes.map_or(0, |codes| codes.codes.len().saturating_mul(3)));
        if total > MAX_PACKED_BYTES {
            return Err(NetworkError::PackedWeights { node: node.name.clone(), bytes: total, limit: MAX_PACKED_BYTES });
        }
    }
    Ok(())
}

/// Refuses runs whose dense activations would not fit, before anything is packed for them.
fn check_memory(graph: &Graph, nodes: &[Node], outputs: &[ValueId]) -> Result<(), NetworkError> {
    let mut last_reader: HashMap<ValueId, usize> = outputs.iter().map(|&id| (id, nodes.len())).collect();
    for (index, node) in nodes.iter().enumerate() {
        for id in node.inputs.iter().chain(&node.outputs).flatten() {
            let last = last_reader.entry(*id).or_insert(index);
            *last = index.max(*last);
        }
    }
    let mut live: HashMap<ValueId, usize> = HashMap::new();
    let mut total = 0usize;
    for (index, node) in nodes.iter().enumerate() {
        for &id in node.outputs.iter().flatten() {
            let bytes = graph.value(id).kind.as_ref().map_or(0, |kind| layout::bytes(kind, Layout::Dense));
            total = total.saturating_add(bytes);
            live.insert(id, bytes);
        }
        if total > MAX_ACTIVATION_BYTES {
            return Err(NetworkError::Memory { node: node.name.clone(), bytes: total, limit: MAX_ACTIVATION_BYTES });
        }
        for id in node.inputs.iter().chain(&node.outputs).flatten() {
            if last_reader[id] == index {
                total -= live.remove(id).unwrap_or(0);
            }
        }
    }
    Ok(())
}
