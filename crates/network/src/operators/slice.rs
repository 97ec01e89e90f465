//! `Slice`: a range with a step along some axes.

use eyebar_tensor::Tensor;
use eyebar_tensor::movement::{self, View};

use super::axes::{axis_indices, require_i64, sizes_constant};
use super::element::Element;
use super::pad::pad_zeros;
use crate::error::OperatorError;
use crate::graph::{Graph, Node, ValueId};
use crate::map_tensor;
use crate::onnx::{Attribute, NodeReader};
use crate::operator::{Arguments, Inputs, Operator};
use crate::pool::Pool;
use crate::value::{DataType, TensorType, Value};

/// Takes the elements `start, start + step, …` before `end` along some axes. Inputs: data, starts, ends, axes, steps.
#[derive(Debug, Clone, Copy)]
pub struct Slice;

/// The range taken along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    start: usize,
    step: isize,
    count: usize,
}

impl Range {
    /// ONNX's rules: negative places count from the end, then everything is clamped to the axis.
    fn new(start: i64, end: i64, step: i64, len: usize) -> Self {
        let (len, step) = (len as i128, i128::from(step));
        let place = |place: i64| if place < 0 { i128::from(place) + len } else { place.into() };
        let (lowest, highest) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let start = place(start).clamp(lowest.max(0).min(highest), highest);
        let end = place(end).clamp(lowest, highest);
        let distance = if step > 0 { end - start } else { start - end };
        let count = if distance <= 0 { 0 } else { (distance - 1) / step.abs() + 1 };
        Self { start: start.max(0) as usize, step: bounded(step, len), count: count as usize }
    }
}

/// A step that leaves an axis of `len` entries at once is never taken, however large it is.
fn bounded(step: i128, len: i128) -> isize {
    step.clamp(-len.max(1), len.max(1)) as isize
}

impl Slice {
    /// The range along each axis.
    fn ranges(inputs: Inputs<'_>) -> Result<Vec<Range>, OperatorError> {
        let shape = inputs.require(0)?.shape;
        let (starts, ends) = (require_i64(inputs, 1)?, require_i64(inputs, 2)?);
        let axes = match inputs.constant_i64(3)? {
            Some(axes) => axes,
            None => (0..starts.len() as i64).collect(),
        };
        let steps = inputs.constant_i64(4)?.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()].iter().any(|&len| len != starts.len()) {
            let message =
                format!("starts {starts:?}, ends {ends:?}, axes {axes:?} and steps {steps:?} differ in length");
            return Err(OperatorError::Shape(message));
        }
        let mut ranges: Vec<_> = shape.iter().map(|&count| Range { start: 0, step: 1, count }).collect();
        for (index, axis) in axis_indices(&axes, shape.len())?.into_iter().enumerate() {
            if steps[index] == 0 {
                return Err(OperatorError::Input(format!("4 has a step of 0 along axis {axis}")));
            }
            ranges[axis] = Range::new(starts[index], ends[index], steps[index], shape[axis]);
        }
        Ok(ranges)
    }
}

fn view(shape: &[usize], ranges: &[Range]) -> (View, Vec<usize>) {
    let counts: Vec<usize> = ranges.iter().map(|range| range.count).collect();
    let mut view = View::contiguous(shape);
    if counts.contains(&0) {
        return (view, counts);
    }
    view.offset = ranges.iter().zip(&view.strides).map(|(range, stride)| range.start * stride.unsigned_abs()).sum();
    view.strides.iter_mut().zip(ranges).for_each(|(stride, range)| *stride *= range.step);
    (view, counts)
}

impl Operator for Slice {
    fn name(&self) -> &str {
        "Slice"
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let counts = Self::ranges(inputs)?.iter().map(|range| range.count).collect();
        Ok(vec![TensorType::new(inputs.require(0)?.dtype, counts)?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let ranges = arguments.with_inputs(Self::ranges)?;
        Ok(vec![map_tensor!(arguments.require(0)?, t => {
            let (view, counts) = view(t.shape(), &ranges);
            let mut out = Element::take(pool, &counts);
            movement::read_view(t.data(), &view, &counts, out.data_mut());
            out
        })])
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        node: &Node,
        cotangents: &[Option<ValueId>],
        wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let mut gradients = vec![None; wanted.len()];
        let (Some(cotangent), true) = (cotangents[0], wanted[0]) else { return Ok(gradients) };
        let shape = graph.shape(node.input(0)?).to_vec();
        let ranges = graph.with_inputs(&node.inputs, Self::ranges)??;
        gradients[0] = Some(if ranges.iter().all(|range| range.step == 1) {
            let begin: Vec<_> = ranges.iter().map(|range| range.start).collect();
            let end: Vec<_> =
                ranges.iter().zip(&shape).map(|(range, &len)| len - range.start.min(len) - range.count).collect();
            pad_zeros(graph, cotangent, &begin, &end)?
        } else {
            graph.apply(SliceGrad { shape, ranges }, &[cotangent])?
        });
        Ok(gradients)
    }
}

/// Elements `start..end` of one axis, as nodes of a graph.
pub(super) fn slice_axis(
    graph: &mut Graph,
    value: ValueId,
    axis: usize,
    start: usize,
    end: usize,
) -> Result<ValueId, OperatorError> {
    let mut constant = |value: usize| graph.add_constant(Tensor::vector(vec![value as i64]));
    let (start, end, axis) = (constant(start), constant(end), constant(axis));
    graph.apply(Slice, &[value, start, end, axis])
}

/// Gradient of [`Slice`] with steps: puts the cotangent where the elements were taken, zeros elsewhere.
#[derive(Debug, Clone)]
pub(super) struct SliceGrad {
    shape: Vec<usize>,
    ranges: Vec<Range>,
}

impl SliceGrad {
    pub(super) fn read(node: &NodeReader<'_>) -> Result<Self, OperatorError> {
        let shape = node.sizes("shape")?.unwrap_or_default();
        let counts = node.sizes("counts")?.unwrap_or_default();
        let starts = node.sizes("starts")?.unwrap_or_default();
        let steps = node.ints("steps").unwrap_or_default();
        let refuse = || OperatorError::Attribute(format!("starts {starts:?} do not fit shape {shape:?}"));
        if [counts.len(), starts.len(), steps.len()].iter().any(|&len| len != shape.len()) {
            return Err(refuse());
        }
        let mut ranges = Vec::with_capacity(shape.len());
        for (axis, &len) in shape.iter().enumerate() {
            let (start, count, step) = (starts[axis] as i128, counts[axis] as i128, i128::from(steps[axis]));
            let last = start + (count - 1) * step;
            let inside = |place: i128| (0..len as i128).contains(&place);
            if count > 0 && !(inside(start) && inside(last) && step != 0) {
                return Err(refuse());
            }
            ranges.push(Range { start: starts[axis], step: bounded(step, len as i128), count: counts[axis] });
        }
        Ok(Self { shape, ranges })
    }
}

impl Operator for SliceGrad {
    fn name(&self) -> &str {
        "SliceGrad"
    }

    fn domain(&self) -> &str {
        super::OWN_DOMAIN
    }

    fn infer(&self, inputs: Inputs<'_>) -> Result<Vec<TensorType>, OperatorError> {
        let cotangent = inputs.f32(0)?;
        if self.ranges.iter().map(|range| &range.count).ne(cotangent.shape) {
            return Err(OperatorError::Shape(format!("{:?} is not the shape of the slice", cotangent.shape)));
        }
        Ok(vec![TensorType::new(DataType::F32, self.shape.clone())?])
    }

    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let cotangent = arguments.f32(0)?;
        let (view, counts) = view(&self.shape, &self.ranges);
        let mut out = pool.take(&self.shape);
        out.data_mut().fill(0.0);
        movement::write_view(cotangent.data(), &counts, &view, out.data_mut());
        Ok(vec![out.into()])
    }

    fn standard(&self, graph: &mut Graph, node: &Node) -> Result<ValueId, OperatorError> {
        if self.ranges.iter().any(|range| range.step != 1) {
            return Err(OperatorError::NotStandard);
        }
        let after = self.shape.iter().zip(&self.ranges).map(|(len, range)| len - range.start - range.count);
        let before = self.ranges.iter().map(|range| range.start);
        let pads = graph.add_constant(sizes_constant(&before.chain(after).collect::<Vec<_>>()));
        let kind = TensorType::new(DataType::F32, self.shape.clone())?;
        Ok(graph.add_foreign("Pad", Vec::new(), &[node.input(0)?, pads], vec![kind])[0])
    }

    fn gradient(
        &self,
        graph: &mut Graph,
        _node: &Node,
        cotangents: &[Option<ValueId>],
        _wanted: &[bool],
    ) -> Result<Vec<Option<ValueId>>, OperatorError> {
        let Some(cotangent) = cotangents[0] else { return Ok(vec![None]) };
        let list = |f: &dyn Fn(&Range) -> i64| Tensor::vector(self.ranges.iter().map(f).collect());
        let stop = |range: &Range| {
            let end = range.start as i64 + range.step as i64 * range.count as i64;
            // Below 0 means "from the end" in ONNX.
            if end < 0 { i64::MIN } else { end }
        };
        let starts = graph.add_constant(list(&|range| range.start as i64));
        let ends = graph.add_constant(list(&stop));
        let axes = graph.add_constant(Tensor::vector((0..self.shape.len() as i64).collect::<Vec<_>>()));
        let steps = graph.add_constant(list(&|range| range.step as i64));
        Ok(vec![Some(graph.apply(Slice, &[cotangent, starts, ends, axes, steps])?)])
    }

    fn attributes(&self) -> Vec<Attribute> {
        let list = |f: fn(&Range) -> i64| self.ranges.iter().map(f).collect::<Vec<_>>();
        vec![
            Attribute::ints("shape", &self.shape),
            Attribute::ints("starts", &list(|range| range.start as i64)),
            Attribute::ints("steps", &list(|range| range.step as i64)),
            Attribute::ints("counts", &list(|range| range.count as i64)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use eyebar_tensor::Tensor;

    use super::{Range, SliceGrad, bounded};
    use crate::graph::Graph;
    use crate::operator::{Arguments, Operator};
    use crate::pool::Pool;
    use crate::value::{DataType, TensorType, Value};

    /// One element, taken with a step that no axis has room for: in files of our own, too.
    #[test]
    fn huge_steps_do_not_overflow() {
        for step in [i64::MIN, i64::MIN + 1, -1 << 62, i64::MAX] {
            let read = crate::onnx::with_ints(
                "SliceGrad",
                &[("shape", &[4, 5]), ("starts", &[3, 4]), ("counts", &[1, 1]), ("steps", &[step, step])],
                SliceGrad::read,
            );
            let operator = read.unwrap();
            let cotangent: Value = Tensor::full(&[1, 1], 2.0f32).into();
            let out = operator.run(Arguments(&[Some(&cotangent)]), &Pool::default()).unwrap().remove(0);
            let expected = Tensor::from_fn(&[4, 5], |index| if index == 19 { 2.0 } else { 0.0 });
            assert_eq!(out, Value::F32(expected));
            let mut graph = Graph::new();
            let input = graph.add_input("x", TensorType::new(DataType::F32, vec![1, 1]).unwrap());
            let output = graph.apply(operator, &[input]).unwrap();
            assert!(graph.add_gradient(output, &[input]).is_ok());
        }
    }

    #[test]
    fn steps_are_held_within_the_axis() {
        assert_eq!([bounded(i128::MAX, 5), bounded(i128::MIN, 5), bounded(3, 5), bounded(-9, 0)], [5, -5, 3, -1]);
    }

    #[test]
    fn ranges_follow_numpy() {
        // (start, end, step, length) -> (start, count)
        let cases = [
            ((0, i64::MAX, 1, 5), (0, 5)),
            ((-2, i64::MAX, 1, 5), (3, 2)),
            ((-1, i64::MIN, -1, 5), (4, 5)),
            ((i64::MAX, -5, -2, 5), (4, 2)),
            ((i64::MIN, 2, 1, 5), (0, 2)),
            ((1, 5, i64::MAX, 5), (1, 1)),
            ((4, i64::MIN, i64::MIN, 5), (4, 1)),
            ((3, 3, 1, 5), (3, 0)),
            ((0, 10, 3, 0), (0, 0)),
            ((0, i64::MIN, -1, 0), (0, 0)),
        ];
        for ((start, end, step, len), expected) in cases {
            let range = Range::new(start, end, step, len);
            assert_eq!((range.start, range.count), expected, "{start} {end} {step} {len}");
        }
    }
}
