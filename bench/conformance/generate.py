"""Writes the ONNX backend tests that are in Eyebar's scope, one folder per test.

    python generate.py DIR

DIR/TEST/model.onnx, DIR/TEST/test_data_set_0/{input,output}_I.pb: the tests' own bytes.
DIR/tests.json: name, kind, opset, operators, element types, number of outputs and tolerances.
DIR/left_out.json: each other test with the first reason that leaves it out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test import data as packaged
from onnx.backend.test.case import node as node_tests

OPERATORS = frozenset("""
    Conv ConvTranspose Gemm MatMul BatchNormalization Relu LeakyRelu PRelu Elu Clip Sigmoid
    HardSigmoid HardSwish Tanh Erf Softmax LogSoftmax MaxPool AveragePool GlobalAveragePool
    GlobalMaxPool Add Sub Mul Div Pow Sqrt Exp Log Neg Abs Min Max ReduceMean ReduceSum ReduceMax
    Concat Split Slice Flatten Reshape Transpose Squeeze Unsqueeze Expand Pad Resize Upsample
    Identity Dropout Constant ConstantOfShape Shape Gather Cast LRN InstanceNormalization
    LayerNormalization Gelu QuantizeLinear DequantizeLinear
""".split())
TYPES = frozenset({"FLOAT", "INT64", "INT32", "UINT8", "INT8", "BOOL"})
OLDEST_OPSET = 7
PACKAGED_KINDS = ("pytorch-converted", "pytorch-operator", "simple")
RTOL, ATOL = 1e-3, 1e-7
"""What ONNX's own runner allows where a test does not say otherwise."""


@dataclass
class Test:
    name: str
    kind: str
    model: onnx.ModelProto
    data_sets: list[tuple[list[TensorProto], list[TensorProto]]]
    rtol: float = RTOL
    atol: float = ATOL


def as_proto(value, info) -> TensorProto | None:
    """None where the value is no tensor (sequence, optional, map)."""
    if isinstance(value, TensorProto):
        return value
    if not info.type.HasField("tensor_type"):
        return None
    return numpy_helper.from_array(np.asarray(value), info.name)


def protos(values, infos) -> list[TensorProto | None]:
    return [as_proto(value, info) for value, info in zip(values, infos)]


def from_package_code() -> list[Test]:
    """The node tests, which the package computes from NumPy definitions."""
    warnings.simplefilter("ignore")  # some of them overflow or divide by zero on purpose
    return [
        Test(
            case.name, "node", case.model,
            [
                (protos(inputs, case.model.graph.input), protos(outputs, case.model.graph.output))
                for inputs, outputs in case.data_sets
            ],
            case.rtol, case.atol,
        )
        for case in node_tests.collect_testcases(None)
    ]


def numbered(folder: Path, stem: str) -> list[TensorProto]:
    files = sorted(folder.glob(f"{stem}_*.pb"), key=lambda path: int(path.stem.split("_")[1]))
    return [TensorProto.FromString(path.read_bytes()) for path in files]


def from_package_data(kind: str) -> list[Test]:
    """The tests that lie in the package as files."""
    found = []
    for folder in sorted((Path(packaged.__path__[0]) / kind).iterdir()):
        if not (folder / "model.onnx").is_file():
            continue
        model = onnx.load(folder / "model.onnx")
        tensors = all(
            info.type.HasField("tensor_type") for info in (*model.graph.input, *model.graph.output)
        )
        sets = sorted(folder.glob("test_data_set_*")) if tensors else []
        found.append(
            Test(folder.name, kind, model, [(numbered(s, "input"), numbered(s, "output")) for s in sets])
        )
    return found


def opset(model: onnx.ModelProto) -> int:
    return max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)


def operators(model: onnx.ModelProto) -> list[str]:
    local = {(function.domain, function.name) for function in model.functions}
    names = set()
    for node in model.graph.node:
        known = node.domain in ("", "ai.onnx") and (node.domain, node.op_type) not in local
        names.add(node.op_type if known else f"{node.domain}.{node.op_type}")
    return sorted(names)


def element_types(test: Test) -> list[str]:
    graph = test.model.graph
    kinds = {info.type.tensor_type.elem_type for info in (*graph.input, *graph.output)}
    kinds |= {tensor.data_type for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                kinds.add(attribute.t.data_type)
            if node.op_type == "Cast" and attribute.name == "to":
                kinds.add(attribute.i)
    return sorted(TensorProto.DataType.Name(kind) for kind in kinds)


def trains(test: Test) -> bool:
    graph = test.model.graph
    places = {info.name: i for i, info in enumerate(graph.input)}
    for node in graph.node:
        if any(a.name == "training_mode" and a.i for a in node.attribute):
            return True
        if node.op_type == "Dropout" and len(node.input) > 2 and node.input[2] in places:
            flag = test.data_sets[0][0][places[node.input[2]]]
            if bool(numpy_helper.to_array(flag)):
                return True
    return False


def is_cubic(model: onnx.ModelProto) -> bool:
    return any(
        node.op_type == "Resize" and any(a.name == "mode" and a.s == b"cubic" for a in node.attribute)
        for node in model.graph.node
    )


def reason_to_leave_out(test: Test) -> str | None:
    graph = test.model.graph
    if any(not info.type.HasField("tensor_type") for info in (*graph.input, *graph.output)):
        return "sequence, optional or map type"
    if set(operators(test.model)) - OPERATORS:
        return "operator out of scope"
    if is_cubic(test.model):
        return "cubic Resize"
    other = [name for name in element_types(test) if name not in TYPES]
    if other:
        return f"element type {other[0].lower()}"
    if opset(test.model) < OLDEST_OPSET:
        return f"opset below {OLDEST_OPSET}"
    if trains(test):
        return "training mode"
    return None


def write(test: Test, folder: Path) -> None:
    folder.mkdir()
    (folder / "model.onnx").write_bytes(test.model.SerializeToString(deterministic=True))
    for index, (inputs, outputs) in enumerate(test.data_sets):
        data = folder / f"test_data_set_{index}"
        data.mkdir()
        for stem, tensors in (("input", inputs), ("output", outputs)):
            for i, tensor in enumerate(tensors):
                (data / f"{stem}_{i}.pb").write_bytes(tensor.SerializeToString(deterministic=True))


def describe(test: Test) -> dict:
    return {
        "name": test.name, "kind": test.kind, "opset": opset(test.model),
        "operators": operators(test.model), "types": element_types(test),
        "outputs": len(test.model.graph.output), "rtol": test.rtol, "atol": test.atol,
    }


def clear(folder: Path) -> None:
    """Removes what an earlier run wrote, and nothing else."""
    for path in folder.glob("test_*/model.onnx"):
        shutil.rmtree(path.parent)


def report(kept: list[Test], left_out: list[dict]) -> None:
    for kind in ("node", *PACKAGED_KINDS):
        inside = sum(test.kind == kind for test in kept)
        outside = sum(entry["kind"] == kind for entry in left_out)
        print(f"{kind}: {inside} in scope, {outside} left out")
    floats = sum(set(element_types(t)) <= {"FLOAT", "INT64"} for t in kept)
    print(f"in scope altogether: {len(kept)}, of them with f32 and i64 alone: {floats}")
    print("left out because of")
    for reason, count in Counter(entry["reason"] for entry in left_out).most_common():
        print(f"  {reason}: {count}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dir", type=Path)
    folder = parser.parse_args().dir
    folder.mkdir(parents=True, exist_ok=True)
    clear(folder)
    tests = from_package_code() + [t for kind in PACKAGED_KINDS for t in from_package_data(kind)]
    kept, left_out = [], []
    for test in sorted(tests, key=lambda t: (t.kind, t.name)):
        reason = reason_to_leave_out(test)
        if reason is None:
            write(test, folder / test.name)
            kept.append(test)
        else:
            left_out.append({"name": test.name, "kind": test.kind, "reason": reason,
                             "operators": operators(test.model)})
    for name, entries in (("tests", [describe(t) for t in kept]), ("left_out", left_out)):
        (folder / f"{name}.json").write_text(json.dumps(entries, indent=1) + "\n")
    report(kept, left_out)


if __name__ == "__main__":
    main()
