//! Operators that work on blocked activations as they do on dense ones: element by element, or channel by channel.

use eyebar_tensor::conv::Conv2d;

use crate::error::OperatorError;
use crate::layout::{BlockedKernel, Layout, LocalKernel, LocalWork, blocked_channels};
use crate::operator::{Arguments, Input, Inputs, Kernel, Operator};
use crate::pool::Pool;
use crate::value::{DataType, Value};

/// Runs an operator on blocked arrays as if they were any arrays, with some inputs replaced.
struct Lifted<O> {
    operator: O,
    constants: Vec<Option<Value>>,
}

impl<O: Operator> Kernel for Lifted<O> {
    fn run(&self, arguments: Arguments<'_>, pool: &Pool) -> Result<Vec<Value>, OperatorError> {
        let arguments: Vec<_> = (0..self.constants.len())
            .map(|index| self.constants[index].as_ref().or_else(|| arguments.get(index)))
            .collect();
        self.operator.run(Arguments(&arguments), pool)
    }
}

/// The kernel of an element-wise operator that broadcasts, where an input is blocked and the others can be: arrays of as
/// many channels, one number for each channel, or a single number.
pub(super) fn elementwise<O: Operator>(operator: O, inputs: Inputs<'_>, layouts: &[Layout]) -> Option<BlockedKernel> {
    let channels = inputs.0.iter().zip(layouts).find_map(|(input, layout)| match (input, layout) {
        (Some(input), Layout::Blocked) => Some(input.shape[1]),
        _ => None,
    })?;
    let mut constants = Vec::with_capacity(inputs.len());
    let mut wanted = Vec::with_capacity(inputs.len());
    for index in 0..inputs.len() {
        let (constant, layout) = match inputs.get(index) {
            None => (None, None),
            Some(input) => match input.constant {
                Some(Value::F32(tensor)) if tensor.len() == 1 && tensor.shape().len() <= 4 => {
                    (Some(Value::F32(tensor.clone().reshape(&[]).ok()?)), None)
                }
                Some(Value::F32(tensor)) => (Some(Value::F32(blocked_channels(tensor, channels)?)), None),
                Some(_) => return None,
                None if input.dtype == DataType::F32 && input.shape.len() == 4 && input.shape[1] == channels => {
                    (None, Some(Layout::Blocked))
                }
                None => return None,
            },
        };
        constants.push(constant);
        wanted.push(layout);
    }
    Some(BlockedKernel { kernel: Box::new(Lifted { operator, constants }), inputs: wanted })
}

/// As [`elementwise`], for parts of images: all inputs that are not constant must be of the output's shape.
pub(super) fn local<O: Operator>(operator: O, inputs: Inputs<'_>) -> Option<LocalKernel> {
    let mut shapes = inputs.0.iter().flatten().filter(|input| input.constant.is_none()).map(|input| input.shape);
    let first = shapes.next()?;
    let same = first.len() == 4 && shapes.all(|shape| shape == first);
    let layouts: Vec<_> = inputs.0.iter().map(|_| Layout::Blocked).collect();
    let kernel = same.then(|| elementwise(operator, inputs, &layouts)).flatten()?.kernel;
    Some(LocalKernel { windows: None, outside: 0.0, work: Box::new(LocalElements { kernel }) })
}

struct LocalElements {
    kernel: Box<dyn Kernel>,
}

impl LocalWork for LocalElements {
    fn run(&self, _: Option<&Conv2d>, arguments: Arguments<'_>, pool: &Pool) -> Result<Value, OperatorError> {
        Ok(self.kernel.run(arguments, pool)?.remove(0))
    }
}

/// The kernel of an operator that takes blocked arrays as they are, where one of its inputs is blocked.
pub(super) fn lifted<O: Operator>(operator: O, inputs: Inputs<'_>, layouts: &[Layout]) -> Option<BlockedKernel> {
    // A file may give an operator more inputs than it has, of any kind.
    let has_blocks = |input: Input<'_>| input.dtype == DataType::F32 && input.shape.len() == 4;
    let all_have = inputs.0.iter().flatten().all(|input| has_blocks(*input));
    (layouts.contains(&Layout::Blocked) && all_have).then(|| BlockedKernel {
        kernel: Box::new(Lifted { operator, constants: vec![None; inputs.len()] }),
        inputs: inputs.0.iter().map(|input| input.map(|_| Layout::Blocked)).collect(),
    })
}
