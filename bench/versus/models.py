"""Writes the networks that are compared: random weights (seed 0) from torchvision, and OpenCV Zoo's two in f32; and vectors
to search among.

usage: models.py DIR    (about 2.1 GB)
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
import torchvision
from onnx import numpy_helper

HERE = Path(__file__).resolve().parent
BUNDLED = HERE.parent.parent / "models"


def write(out, name, model, size=224, batch=1):
    torch.onnx.export(model.eval(), torch.zeros(batch, 3, size, size), str(out / f"{name}.onnx"), dynamo=False,
                      opset_version=17, input_names=["input"], output_names=["output"])


def torch_models():
    torch.manual_seed(0)
    return {
        "vgg16": torchvision.models.vgg16(),
        "resnet50": torchvision.models.resnet50(),
        "mobilenet_v2": torchvision.models.mobilenet_v2(),
        "efficientnet_b0": torchvision.models.efficientnet_b0(),
    }


def dequantised(path):
    """The file with every DequantizeLinear of constants replaced by what it gives."""
    model = onnx.load(path)
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type != "DequantizeLinear":
            kept.append(node)
            continue
        attributes = {a.name: a.i for a in node.attribute}
        quantised, scale = (constants[name].astype(np.float32) for name in node.input[:2])
        zero = constants[node.input[2]].astype(np.float32) if len(node.input) > 2 else np.zeros_like(scale)
        axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
        if block:
            axis = min(axis, quantised.ndim - 1)
            length = quantised.shape[axis]
            scale, zero = (np.repeat(x, block, axis).take(range(length), axis) for x in (scale, zero))
        elif scale.size > 1:
            shape = [1] * quantised.ndim
            shape[axis] = -1
            scale, zero = scale.reshape(shape), zero.reshape(shape)
        constants[node.output[0]] = ((quantised - zero) * scale).astype(np.float32)
    read = {name for node in kept for name in node.input} | {value.name for value in graph.output}
    inputs = [value for value in graph.input if value.name in read and value.name not in constants]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items() if name in read]
    graph = onnx.helper.make_graph(kept, graph.name, inputs, list(graph.output), initializers)
    written = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=8)
    onnx.checker.check_model(written)
    return written


def vectors(count, dimension, random):
    """Unit vectors without a preferred direction."""
    rows = random.standard_normal((count, dimension), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    models = torch_models()
    for name, model in models.items():
        torch.save(model.state_dict(), out / f"{name}.pt")
        write(out, name, model)
    write(out, "vgg16-features", models["vgg16"].features)
    write(out, "vgg16-128", models["vgg16"].features, size=128)
    for name in ("sface", "yunet"):
        onnx.save(dequantised(BUNDLED / f"{name}.onnx"), out / f"{name}-f32.onnx")
    random = np.random.default_rng(0)
    np.save(out / "vectors.npy", vectors(1_000_000, 128, random))
    np.save(out / "queries.npy", vectors(100, 128, random))


if __name__ == "__main__":
    main()
