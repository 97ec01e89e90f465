//! Models whose sizes do not fit together, or together come to more than a machine has.

use crate::bad_models::is_refused;
use crate::onnx::{Message, floats, integers, node, scalar, small, with_int, with_ints};

fn ones(name: &str, dims: &[i64]) -> Message {
    floats(name, dims, &vec![1.0; dims.iter().product::<i64>() as usize])
}

/// A single node from `x` to `y` is refused by its name.
fn is_refused_alone(what: &str, node: Message, constants: &[Message], parts: &[&str]) {
    is_refused(what, &small(&[node], constants), &[&["m.onnx", "_of_y", "hint"], parts].concat());
}

#[test]
fn weights_that_do_not_fit_their_input() {
    let conv = |inputs: &[&str]| node("Conv", inputs, "y");
    let refused = |what: &str, node: Message, constants: &[Message]| {
        is_refused_alone(what, node, constants, &["Conv"]);
    };
    for dims in [&[10, 4, 3, 3][..], &[10, 3, 9, 9], &[10, 3, 3], &[10, 3, 3, 3, 3], &[10], &[0, 3, 3, 3]] {
        refused(&format!("weights {dims:?}"), conv(&["x", "w"]), &[ones("w", dims)]);
    }
    let weights = [ones("w", &[10, 3, 3, 3])];
    refused("a bias of nine", conv(&["x", "w", "b"]), &[weights[0].clone(), ones("b", &[9])]);
    refused("two groups of three", with_int(conv(&["x", "w"]), "group", 2), &weights);
    refused("no groups", with_int(conv(&["x", "w"]), "group", 0), &weights);
    for (name, values) in [
        ("strides", &[0, 1][..]),
        ("strides", &[-1, 1]),
        ("strides", &[1]),
        ("dilations", &[0, 1]),
        ("dilations", &[1 << 62, 1 << 62]),
        ("pads", &[-9, 0, 0, 0]),
        ("pads", &[1 << 62; 4]),
        ("pads", &[1]),
        ("kernel_shape", &[5, 5]),
    ] {
        refused(&format!("{name} {values:?}"), with_ints(conv(&["x", "w"]), name, values), &weights);
    }
    let scale = |count| [ones("s", &[count]), ones("b", &[3]), ones("m", &[3]), ones("v", &[3])];
    let norm = node("BatchNormalization", &["x", "s", "b", "m", "v"], "y");
    is_refused_alone("a scale of four", norm, &scale(4), &["BatchNormalization"]);
}

#[test]
fn inputs_that_do_not_fit_each_other() {
    for (operator, dims) in
        [("Add", &[5][..]), ("Mul", &[2, 8, 8]), ("MatMul", &[9, 4]), ("Gemm", &[8, 4]), ("Concat", &[1, 3, 9, 9])]
    {
        let node = node(operator, &["x", "w"], "y");
        let node = if operator == "Concat" { with_int(node, "axis", 1) } else { node };
        is_refused_alone(operator, node, &[ones("w", dims)], &[operator]);
    }
    for (operator, list) in [
        ("Reshape", &[1, 3, 8, 9][..]),
        ("Reshape", &[-1, -1]),
        ("Reshape", &[-1, 7]),
        ("Reshape", &[1 << 62, 4]),
        ("Reshape", &[-2, 96]),
        ("Expand", &[5, 8]),
        ("Expand", &[-1]),
        ("Squeeze", &[1]),
        ("Unsqueeze", &[9]),
        ("Unsqueeze", &[0, 0]),
        ("Gather", &[1]),
        ("Gather", &[i64::MIN]),
    ] {
        let what = format!("{operator} {list:?}");
        is_refused_alone(&what, node(operator, &["x", "s"], "y"), &[integers("s", list)], &[operator]);
    }
    let split = with_int(node("Split", &["x", "s"], "y"), "axis", 2).text(2, "z");
    is_refused_alone("Split", split, &[integers("s", &[5, 4])], &["Split"]);
    for perm in [&[0, 1, 2][..], &[0, 1, 1, 2], &[0, 1, 2, 4], &[0, 1, 2, -9]] {
        let transpose = with_ints(node("Transpose", &["x"], "y"), "perm", perm);
        is_refused_alone(&format!("{perm:?}"), transpose, &[], &["Transpose"]);
    }
    for operator in ["Softmax", "Flatten"] {
        for axis in [5, -6, i64::MIN] {
            // Were the softmax the last node, `cam` would rightly explain the scores before it, and not need it.
            let nodes = [with_int(node(operator, &["x"], "s"), "axis", axis), node("Neg", &["s"], "y")];
            is_refused(operator, &small(&nodes, &[]), &["m.onnx", &format!("{operator}_of_s"), "axis", "hint"]);
        }
    }
    for kernel in [&[0, 2][..], &[-1, 2], &[9, 9], &[1 << 62, 1 << 62], &[2]] {
        for operator in ["MaxPool", "AveragePool"] {
            let pool = with_ints(node(operator, &["x"], "y"), "kernel_shape", kernel);
            is_refused_alone(&format!("{operator} {kernel:?}"), pool, &[], &[operator]);
        }
    }
    for scales in
        [[1.0, 1.0, 0.0, 2.0], [1.0, 1.0, -1.0, 2.0], [1.0, 1.0, f32::NAN, 2.0], [1.0, 1.0, 2.0, f32::INFINITY]]
    {
        let resize = node("Resize", &["x", "", "s"], "y");
        is_refused_alone(&format!("Resize {scales:?}"), resize, &[floats("s", &[4], &scales)], &["Resize"]);
    }
    is_refused_alone("Pad", node("Pad", &["x", "s"], "y"), &[integers("s", &[0, 0, -9, 0, 0, 0, 0, 0])], &["Pad"]);
    is_refused_alone("too few pads", node("Pad", &["x", "s"], "y"), &[integers("s", &[1, 1])], &["Pad"]);
}

/// Each asks for more than the four gigabytes that activations may have; most for more than any machine has.
#[test]
fn operators_that_ask_for_too_much_memory() {
    let (expand, pads) = (node("Expand", &["x", "s"], "y"), node("Pad", &["x", "s"], "y"));
    for list in [&[1 << 24, 3, 8, 8][..], &[1 << 40, 1, 1, 1, 1], &[i64::MAX, 3, 8, 8], &[1 << 31, 1 << 31, 3, 8, 8]] {
        is_refused_alone(&format!("Expand {list:?}"), expand.clone(), &[integers("s", list)], &["Expand"]);
    }
    for pad in [1 << 14, 1 << 20, 1 << 40, i64::MAX] {
        let list = [0, 0, pad, pad, 0, 0, pad, pad];
        is_refused_alone(&format!("Pad {pad}"), pads.clone(), &[integers("s", &list)], &["Pad"]);
    }
    for scale in [1e4, 1e9, 1e30] {
        let constants = [floats("s", &[4], &[1.0, 1.0, scale, scale])];
        is_refused_alone(&format!("Resize {scale}"), node("Resize", &["x", "", "s"], "y"), &constants, &["Resize"]);
    }
    let sizes = node("Resize", &["x", "", "", "s"], "y");
    is_refused_alone("Resize", sizes, &[integers("s", &[1, 3, 1 << 20, 1 << 20])], &["Resize"]);
    let sum = [node("ConstantOfShape", &["s"], "c"), node("ReduceMean", &["c"], "m"), node("Add", &["x", "m"], "y")];
    for dims in [&[1 << 31][..], &[1 << 40], &[1 << 31, 1 << 31, 1 << 31]] {
        let bytes = small(&sum, &[integers("s", dims)]);
        is_refused(&format!("ConstantOfShape {dims:?}"), &bytes, &["m.onnx", "ConstantOfShape_of_c", "hint"]);
    }
    let weights = [ones("w", &[3, 1, 3, 3])];
    for stride in [1 << 14, 1 << 30, i64::MAX] {
        let conv = with_ints(node("ConvTranspose", &["x", "w"], "y"), "strides", &[stride, stride]);
        is_refused_alone(&format!("ConvTranspose {stride}"), conv, &weights, &["ConvTranspose"]);
    }
    let conv = with_ints(node("Conv", &["x", "w"], "y"), "pads", &[1 << 15; 4]);
    is_refused_alone("Conv", conv, &[ones("w", &[1, 3, 3, 3])], &["Conv"]);
    let outer = [
        node("ConstantOfShape", &["s"], "c"),
        node("Transpose", &["c"], "t"),
        node("MatMul", &["c", "t"], "p"),
        node("ReduceMean", &["p"], "m"),
        node("Add", &["x", "m"], "y"),
    ];
    is_refused("MatMul", &small(&outer, &[integers("s", &[1 << 20, 1])]), &["m.onnx", "MatMul_of_p", "hint"]);
}

/// Forty doublings of something small, which are a whole graph's fault and no single node's.
#[test]
fn sizes_that_double_at_each_node() {
    for (what, first) in [("of the input", "x"), ("of a constant", "k")] {
        let concat = |from: &str, to: &str| with_int(node("Concat", &[from, from], to), "axis", 0);
        let mut nodes = vec![concat(first, "d0")];
        nodes.extend((0..40).map(|index| concat(&format!("d{index}"), &format!("d{}", index + 1))));
        nodes.push(with_int(node("ReduceMean", &["d40"], "m"), "keepdims", 0));
        nodes.push(node("Add", &["x", "m"], "y"));
        let bytes = small(&nodes, &[floats("k", &[1], &[1.0])]);
        is_refused(what, &bytes, &["m.onnx", "Concat_of_d", "hint"]);
    }
    let range = [node("Range", &["zero", "end", "one"], "r"), node("Add", &["x", "r"], "y")];
    let constants = [scalar("zero", 0.0), scalar("end", 1e18), scalar("one", 1.0)];
    is_refused("Range", &small(&range, &constants), &["m.onnx", "Range_of_r", "hint"]);
}
