//! Incremental execution: many images that differ from one in a small rectangle each (Nakandala, Kumar, Papakonstantinou
//! 2019, *Incremental and Approximate Inference for Faster Occlusion-based Deep CNN Explanations*, sections 3 and 4).
//!
//! The activations of the whole image are kept. For every edited image only the rectangle of each activation that the edit
//! can reach is computed, from the kept activation and the rectangle before it. Where the rectangle has grown to most of the
//! map, or an operator needs all of it, whole activations are put together and the rest of the network runs on them as ever.

use std::collections::HashMap;
use std::ops::Range;

use eyebar_tensor::Tensor;
use eyebar_tensor::blocked::{self, Rect};
use eyebar_tensor::conv::Conv2d;

use crate::error::NetworkError;
use crate::executor::MAX_ACTIVATION_BYTES;
use crate::fuse::fused_nodes;
use crate::graph::{Graph, Node, ValueId};
use crate::layout::{self, Layout, LocalKernel, reorder};
use crate::operator::Arguments;
use crate::plan::Label;
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// Share of a map that rectangles may take on average: beyond, cutting and pasting cost more than they save.
const LARGEST_SHARE: f64 = 0.8;
/// Places along the diagonal of an image that the average is taken of.
const PLACES: usize = 9;

/// Other pixels in a rectangle of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// `[C, height, width]`: what the network is fed there.
    pub pixels: Tensor,
}

/// The part of a network that edits are followed through, planned once.
pub struct Incremental {
    graph: Graph,
    input: ValueId,
    steps: Vec<Step>,
    /// What the rest of the network reads.
    frontier: Vec<ValueId>,
    pool: Pool,
}

/// The activations of a whole image, blocked.
pub struct Base {
    values: HashMap<ValueId, Value>,
}

struct Step {
    kernel: LocalKernel,
    inputs: Vec<Option<ValueId>>,
    output: ValueId,
    label: Label,
}

/// The rectangle of one activation that an edit can reach.
type Reach = (Range<usize>, Range<usize>);

/// A rectangle of one activation for each image of a batch, all of one size, and what is in them.
struct Patches {
    rects: Vec<Rect>,
    values: Tensor,
}

impl Incremental {
    /// Plans the path of edits of about `size` (rows and columns) from `input` towards `output`. `graph` is specialised for
    /// one image `[1, C, H, W]`; `images` is how many edits run at a time.
    ///
    /// `None` where nothing is gained, as the first operator already needs the whole image, and where the activations to be
    /// kept are too large.
    ///
    /// # Errors
    /// When weights cannot be packed.
    pub fn new(
        graph: &Graph,
        input: ValueId,
        output: ValueId,
        size: (usize, usize),
        images: usize,
    ) -> Result<Option<Self>, NetworkError> {
        let &[1, _, height, width] = graph.shape(input) else { return Ok(None) };
        // From one corner to the other: at the borders, rectangles are cut off.
        let place = |len: usize, part: usize, at: usize| {
            let (part, start) = (part.min(len), (len - part.min(len)) * at / (PLACES - 1));
            start..start + part
        };
        let mut reaches: Vec<HashMap<ValueId, Reach>> = (0..PLACES)
            .map(|at| HashMap::from([(input, (place(height, size.0, at), place(width, size.1, at)))]))
            .collect();
        let mut steps: Vec<Step> = Vec::new();
        let mut frontier = Vec::new();
        for node in fused_nodes(graph, &[output]) {
            let followed = match step(graph, &node, &reaches[0], images)? {
                Some(step) => {
                    let reached: Vec<_> = reaches.iter().map(|reaches| reached(graph, &step, reaches)).collect();
                    (mean_share(graph.shape(step.output), &reached) <= LARGEST_SHARE).then_some((step, reached))
                }
                None => None,
            };
            match followed {
                Some((step, reached)) => {
                    reaches.iter_mut().zip(reached).for_each(|(reaches, reach)| {
                        reaches.insert(step.output, reach);
                    });
                    steps.push(step);
                }
                None => {
                    frontier.extend(node.inputs.iter().flatten().filter(|id| reaches[0].contains_key(id)));
                }
            }
        }
        if reaches[0].contains_key(&output) {
            frontier.push(output);
        }
        frontier.sort_unstable();
        frontier.dedup();
        if steps.is_empty() || frontier.contains(&input) {
            return Ok(None);
        }
        // All of them are kept, in blocks.
        let kept = std::iter::once(input).chain(steps.iter().map(|step| step.output));
        let bytes =
            kept.filter_map(|id| graph.value(id).kind.as_ref()).map(|kind| layout::bytes(kind, Layout::Blocked));
        if bytes.fold(0usize, usize::saturating_add) > MAX_ACTIVATION_BYTES {
            return Ok(None);
        }
        Ok(Some(Self { graph: graph.clone(), input, steps, frontier, pool: Pool::default() }))
    }

    /// The values, `[N, C, H, W]`, that [`Incremental::run`] computes: a network entered there gives the output.
    pub fn frontier(&self) -> &[ValueId] {
        &self.frontier
    }

    /// The network from the frontier on, for `images` images: `graph` is the network as it was read.
    ///
    /// # Errors
    /// As [`Graph::specialise`].
    pub fn rest(&self, graph: &Graph, output: ValueId, images: usize) -> Result<Graph, NetworkError> {
        let kind = |id: ValueId| {
            let shape = std::iter::once(images).chain(self.graph.shape(id)[1..].iter().copied()).collect();
            (id, TensorType { dtype: DataType::F32, shape })
        };
        // Shape arithmetic may ask for the type of the image itself.
        let given = self.frontier.iter().chain([&self.input]).map(|&id| kind(id));
        graph.specialise(&given.collect::<Vec<_>>(), &[output])
    }

    /// Keeps the activations of `image`, `[1, C, H, W]`.
    ///
    /// # Errors
    /// When the shape is another one.
    pub fn base(&self, image: &Tensor) -> Result<Base, NetworkError> {
        let shape = self.graph.shape(self.input);
        if image.shape() != shape {
            let reason = format!("{shape:?} expected, {:?} given; hint: feed what was planned for", image.shape());
            return Err(NetworkError::Input { name: self.graph.value(self.input).name.clone(), reason });
        }
        let image = reorder(&Value::F32(image.clone()), shape, Layout::Blocked, &self.pool);
        let mut values = HashMap::from([(self.input, image)]);
        for step in &self.steps {
            let arguments: Vec<_> = step.inputs.iter().map(|id| id.and_then(|id| values.get(&id))).collect();
            let value = step.kernel.work.run(step.kernel.windows.as_ref(), Arguments(&arguments), &self.pool);
            values.insert(step.output, value.map_err(|source| step.label.error(source))?);
        }
        Ok(Base { values })
    }

    /// Rows and columns that an edit reaches at the end of the path. Those of a run are best alike: it computes as many of
    /// all images as of the one that needs most.
    pub fn reach(&self, edit: &Edit) -> (usize, usize) {
        let reaches = self.reaches(edit);
        self.steps.last().map_or((0, 0), |step| {
            let (rows, columns) = &reaches[&step.output];
            (rows.len(), columns.len())
        })
    }

    /// What an edit reaches of every value of the path.
    fn reaches(&self, edit: &Edit) -> HashMap<ValueId, Reach> {
        let (rows, columns) = (edit.pixels.shape()[1], edit.pixels.shape()[2]);
        let extent = (edit.top..edit.top + rows, edit.left..edit.left + columns);
        let mut reaches = HashMap::from([(self.input, extent)]);
        for step in &self.steps {
            let reach = reached(&self.graph, step, &reaches);
            reaches.insert(step.output, reach);
        }
        reaches
    }

    /// The frontier's values for the images that `edits` make of the base, one after the other: `[N, C, H, W]` each.
    ///
    /// # Errors
    /// When an edit has other channels or does not lie inside the image, or all of them are not of one size.
    pub fn run(&self, base: &Base, edits: &[&Edit]) -> Result<Vec<Value>, NetworkError> {
        let mut patches = HashMap::from([(self.input, self.first(edits)?)]);
        let reaches: Vec<_> = edits.iter().map(|edit| self.reaches(edit)).collect();
        let mut readers: HashMap<ValueId, usize> = HashMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            readers.extend(step.inputs.iter().flatten().map(|&id| (id, index)));
        }
        for (index, step) in self.steps.iter().enumerate() {
            let rects = self.rects(step.output, &reaches);
            let found = self.follow(step, base, &patches, &rects)?;
            patches.insert(step.output, Patches { rects, values: found });
            for id in step.inputs.iter().flatten() {
                if readers[id] == index
                    && !self.frontier.contains(id)
                    && let Some(patches) = patches.remove(id)
                {
                    self.pool.give(Value::F32(patches.values));
                }
            }
        }
        Ok(self.frontier.iter().map(|id| self.whole(*id, base, &patches[id])).collect())
    }

    /// Gives the buffers of results back, for the next run.
    pub fn recycle(&self, values: Vec<Value>) {
        values.into_iter().for_each(|value| self.pool.give(value));
    }

    fn first(&self, edits: &[&Edit]) -> Result<Patches, NetworkError> {
        let &[_, channels, height, width] = self.graph.shape(self.input) else { unreachable!("planned for images") };
        let refuse = |reason: String| NetworkError::Input { name: self.graph.value(self.input).name.clone(), reason };
        let size = edits.first().map(|edit| edit.pixels.shape().to_vec()).unwrap_or_default();
        let &[_, rows, columns] = &size[..] else {
            return Err(refuse("no edit of [C, height, width] is given; hint: give one or more".to_owned()));
        };
        let mut values = self.pool.take(&[edits.len(), blocked::blocks(channels), rows, columns, blocked::BLOCK]);
        let len = values.len() / edits.len();
        let mut rects = Vec::with_capacity(edits.len());
        for (edit, out) in edits.iter().zip(values.data_mut().chunks_exact_mut(len.max(1))) {
            let inside = edit.top.checked_add(rows).is_some_and(|end| end <= height)
                && edit.left.checked_add(columns).is_some_and(|end| end <= width);
            if edit.pixels.shape() != size || size[0] != channels || rows * columns == 0 || !inside {
                return Err(refuse(format!(
                    "an edit of {:?} at ({}, {}) in {channels} channels of {height} × {width}; hint: edits of one size \
                     that lie inside",
                    edit.pixels.shape(),
                    edit.top,
                    edit.left
                )));
            }
            blocked::block(edit.pixels.data(), channels, rows * columns, out);
            rects.push(Rect { top: edit.top as isize, left: edit.left as isize, height: rows, width: columns });
        }
        Ok(Patches { rects, values })
    }

    /// Rectangles of one size that hold what the edits reach of a value.
    fn rects(&self, value: ValueId, reaches: &[HashMap<ValueId, Reach>]) -> Vec<Rect> {
        let &[_, _, rows, columns] = self.graph.shape(value) else { unreachable!("planned for images") };
        let reaches: Vec<_> = reaches.iter().map(|reaches| &reaches[&value]).collect();
        let height = reaches.iter().map(|reach| reach.0.len()).max().unwrap_or(0).max(1);
        let width = reaches.iter().map(|reach| reach.1.len()).max().unwrap_or(0).max(1);
        let place = |reach: &Reach| Rect {
            top: reach.0.start.min(rows - height) as isize,
            left: reach.1.start.min(columns - width) as isize,
            height,
            width,
        };
        reaches.into_iter().map(place).collect()
    }

    /// Computes the rectangles `rects` of a step's output.
    fn follow(
        &self,
        step: &Step,
        base: &Base,
        patches: &HashMap<ValueId, Patches>,
        rects: &[Rect],
    ) -> Result<Tensor, NetworkError> {
        let Some(&Rect { height, width, .. }) = rects.first() else { unreachable!("there are edits") };
        let windows = step.kernel.windows.map(|windows| resized(windows, (height, width)));
        let mut cuts = Vec::with_capacity(step.inputs.len());
        for (index, id) in step.inputs.iter().enumerate() {
            let Some(id) = *id else {
                cuts.push(None);
                continue;
            };
            // A second input (a residual) is added to the output: it has the output's rectangles.
            let (wanted, outside) = match (&step.kernel.windows, &windows) {
                (Some(whole), Some(part)) if index == 0 => {
                    (rects.iter().map(|rect| seen(whole, part, rect)).collect(), step.kernel.outside)
                }
                _ => (rects.to_vec(), 0.0),
            };
            cuts.push(Some(self.cut(id, base, &patches[&id], &wanted, outside)));
        }
        let arguments: Vec<_> = cuts.iter().map(Option::as_ref).collect();
        let found = step.kernel.work.run(windows.as_ref(), Arguments(&arguments), &self.pool);
        let found = found.map_err(|source| step.label.error(source))?;
        cuts.into_iter().flatten().for_each(|cut| self.pool.give(cut));
        match found {
            Value::F32(tensor) => Ok(tensor),
            _ => unreachable!("local kernels give f32"),
        }
    }

    fn cut(&self, id: ValueId, base: &Base, patches: &Patches, windows: &[Rect], outside: f32) -> Value {
        let &[_, channels, height, width] = self.graph.shape(id) else { unreachable!("planned for images") };
        let base = base.values[&id].as_f32().expect("kept activations are f32");
        let shape = [windows.len(), blocked::blocks(channels), windows[0].height, windows[0].width, blocked::BLOCK];
        let mut out = self.pool.take(&shape);
        let changed = (&patches.rects[..], patches.values.data());
        blocked::cut(base.data(), (height, width), changed, windows, outside, out.data_mut());
        out.into()
    }

    /// The whole value of every image, dense.
    fn whole(&self, id: ValueId, base: &Base, patches: &Patches) -> Value {
        let &[_, channels, height, width] = self.graph.shape(id) else { unreachable!("planned for images") };
        let all = vec![Rect { top: 0, left: 0, height, width }; patches.rects.len()];
        let whole = self.cut(id, base, patches, &all, 0.0);
        let dense = reorder(&whole, &[all.len(), channels, height, width], Layout::Dense, &self.pool);
        self.pool.give(whole);
        dense
    }
}

/// The step that a node makes, where it works on parts and all that it reads of the image is followed.
fn step(
    graph: &Graph,
    node: &Node,
    reaches: &HashMap<ValueId, Reach>,
    images: usize,
) -> Result<Option<Step>, NetworkError> {
    let label = Label::new(graph, node);
    let changing = node.inputs.iter().flatten().filter(|id| graph.constant_value(**id).is_none());
    if !changing.clone().all(|id| reaches.contains_key(id)) {
        return Ok(None);
    }
    let &[Some(output)] = &node.outputs[..] else { return Ok(None) };
    let kind = graph.value(output).kind.as_ref();
    if !kind.is_some_and(|kind| kind.dtype == DataType::F32 && kind.shape.len() == 4) {
        return Ok(None);
    }
    let kernel = graph
        .with_inputs(&node.inputs, |inputs| node.operator.prepare_local(inputs, images))
        .and_then(|result| result)
        .map_err(|source| label.error(source))?;
    let inputs = node.inputs.iter().map(|id| id.filter(|id| reaches.contains_key(id))).collect();
    Ok(kernel.map(|kernel| Step { kernel, inputs, output, label }))
}

/// What of a step's output an edit reaches.
fn reached(graph: &Graph, step: &Step, reaches: &HashMap<ValueId, Reach>) -> Reach {
    let mut hull: Option<Reach> = None;
    for (index, id) in step.inputs.iter().enumerate() {
        let Some(reach) = id.and_then(|id| reaches.get(&id)) else { continue };
        let reach = match &step.kernel.windows {
            Some(conv) if index == 0 => (
                outputs(&reach.0, conv.kernel.0, conv.stride.0, conv.dilation.0, conv.pad.0, conv.output.0),
                outputs(&reach.1, conv.kernel.1, conv.stride.1, conv.dilation.1, conv.pad.1, conv.output.1),
            ),
            _ => reach.clone(),
        };
        hull = Some(match hull {
            Some(hull) => (join(&hull.0, &reach.0), join(&hull.1, &reach.1)),
            None => reach,
        });
    }
    let &[_, _, rows, columns] = graph.shape(step.output) else { unreachable!("local kernels are 2-D") };
    let (down, along) = hull.unwrap_or((0..0, 0..0));
    (down.start.min(rows)..down.end.min(rows), along.start.min(columns)..along.end.min(columns))
}

/// Share of a map of `shape` that rectangles take on average: of the rows times of the columns, as for places all over
/// the map.
fn mean_share(shape: &[usize], reaches: &[Reach]) -> f64 {
    let &[_, _, height, width] = shape else { unreachable!("local kernels are 2-D") };
    let sum = |length: fn(&Reach) -> usize| reaches.iter().map(length).sum::<usize>() as f64;
    let places = reaches.len() as f64;
    sum(|reach| reach.0.len()) * sum(|reach| reach.1.len()) / (places * places * (height * width).max(1) as f64)
}

fn join(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    if a.is_empty() {
        return b.clone();
    }
    if b.is_empty() { a.clone() } else { a.start.min(b.start)..a.end.max(b.end) }
}

/// The windows along an axis that see a part of `inputs`.
fn outputs(
    inputs: &Range<usize>,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: usize,
    count: usize,
) -> Range<usize> {
    if inputs.is_empty() {
        return 0..0;
    }
    let first = (inputs.start + pad).saturating_sub((kernel - 1) * dilation).div_ceil(stride).min(count);
    let end = ((inputs.end - 1 + pad) / stride + 1).clamp(first, count);
    first..end
}

/// The windows of a part of the output, on the part of the input that they see.
fn resized(windows: Conv2d, output: (usize, usize)) -> Conv2d {
    let sees = |outputs: usize, stride: usize, kernel: usize, dilation: usize| {
        (outputs - 1) * stride + (kernel - 1) * dilation + 1
    };
    let input = (
        sees(output.0, windows.stride.0, windows.kernel.0, windows.dilation.0),
        sees(output.1, windows.stride.1, windows.kernel.1, windows.dilation.1),
    );
    Conv2d { input, output, pad: (0, 0), ..windows }
}

/// What the windows of `rect` see; it may reach into the padding.
fn seen(whole: &Conv2d, part: &Conv2d, rect: &Rect) -> Rect {
    Rect {
        top: rect.top * whole.stride.0 as isize - whole.pad.0 as isize,
        left: rect.left * whole.stride.1 as isize - whole.pad.1 as isize,
        height: part.input.0,
        width: part.input.1,
    }
}
