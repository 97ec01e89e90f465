"""Checks an ONNX file with ONNX's own checker and runs it in ONNX Runtime.

usage: run_onnx.py MODEL.onnx OUT NAME=INPUT.npy ...

Every output is written to OUT/NAME.npy. `cargo xtask onnxruntime` installs what this needs.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

model, out, *given = sys.argv[1:]
onnx.checker.check_model(model, full_check=True)
options = onnxruntime.SessionOptions()
# Optimised, sums round otherwise: a unit at the kink of its activation function then flips, and its gradient with it.
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
feeds = {name: np.load(path) for name, path in (pair.split("=", 1) for pair in given)}
names = [output.name for output in session.get_outputs()]
for name, value in zip(names, session.run(names, feeds), strict=True):
    np.save(pathlib.Path(out) / f"{name.replace('/', '_')}.npy", np.ascontiguousarray(value))
