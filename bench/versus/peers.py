"""The works of peers: prepares one, then does it once for every line of standard input and answers with the seconds.

usage: peers.py PEER WORK DIR ARGUMENT…    (compare.py calls it)
"""

import sys
import time
from pathlib import Path

import numpy as np

THREADS = 2
ROOT = Path(__file__).resolve().parent.parent.parent


def picture(*shape):
    return (np.arange(np.prod(shape), dtype=np.int64) * 7919 % 1009 / 504.5 - 1).astype(np.float32).reshape(shape)


def onnxruntime_forward(directory, name, size):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(directory / f"{name}.onnx", options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: picture(1, 3, int(size), int(size))}
    return lambda: session.run(None, feed)


def torch_model(directory, name):
    import torch
    import torchvision

    torch.set_num_threads(THREADS)
    model = getattr(torchvision.models, name)()
    model.load_state_dict(torch.load(directory / f"{name}.pt"))
    model = model.eval()
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return torch, model.requires_grad_(False)


def pytorch_forward(directory, name, size):
    torch, model = torch_model(directory, name)
    image = torch.from_numpy(picture(1, 3, int(size), int(size)))

    def run():
        with torch.inference_mode():
            model(image)

    return run


def pytorch_ascent(directory, name, layer, size):
    """Up to the convolution `layer` of the features, before its ReLU."""
    torch, model = torch_model(directory, name)
    features = model.features[: int(layer) + 1]
    image = torch.from_numpy(picture(1, 3, int(size), int(size))).requires_grad_(True)

    def run():
        score = features(image)[:, 0, 2:-2, 2:-2].mean()
        torch.autograd.grad(score, image)

    return run


def pytorch_start(directory, name):
    """A Grad-CAM of a photograph, from nothing; torchvision has no EfficientNet-Lite, B0 is its nearest relative."""
    torch, model = torch_model(directory, name)
    from PIL import Image

    photograph = ROOT / "fixtures/photos/chelsea.png"
    pixels = np.asarray(Image.open(photograph).convert("RGB").resize((224, 224)), dtype=np.float32)
    image = torch.from_numpy((pixels / 255 - 0.45) / 0.226).permute(2, 0, 1)[None].contiguous()

    def run():
        layer = model.features(image).requires_grad_(True)
        scores = model.classifier(torch.flatten(model.avgpool(layer), 1))
        gradient, = torch.autograd.grad(scores.max(), layer)
        torch.relu((layer * gradient.mean((2, 3), keepdim=True)).sum(1))

    return run


def grad_cam_cam(directory, name, layer):
    torch, model = torch_model(directory, name)
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    cam = GradCAM(model=model.requires_grad_(True), target_layers=[model.features[int(layer)]])
    image = torch.from_numpy(picture(1, 3, 224, 224))
    return lambda: cam(input_tensor=image, targets=[ClassifierOutputTarget(7)])


def captum_cam(directory, name, layer):
    torch, model = torch_model(directory, name)
    from captum.attr import LayerGradCam

    cam = LayerGradCam(model.requires_grad_(True), model.features[int(layer)])
    image = torch.from_numpy(picture(1, 3, 224, 224))
    return lambda: cam.attribute(image, target=7, relu_attributions=True)


def captum_occlusion(directory, name, batch):
    torch, model = torch_model(directory, name)
    from captum.attr import Occlusion

    occlusion = Occlusion(model)
    image = torch.from_numpy(picture(1, 3, 224, 224))

    def run():
        with torch.no_grad():
            occlusion.attribute(image, (3, 25, 25), strides=(3, 14, 14), target=7, perturbations_per_eval=int(batch))

    return run


def captum_integrated(directory, name, steps):
    torch, model = torch_model(directory, name)
    from captum.attr import IntegratedGradients

    gradients = IntegratedGradients(model)
    image = torch.from_numpy(picture(1, 3, 224, 224))
    return lambda: gradients.attribute(image, target=7, n_steps=int(steps), internal_batch_size=4)


def opencv_forward(directory, name, size):
    """SFace and YuNet as OpenCV runs them, from the same files."""
    import cv2

    cv2.setNumThreads(THREADS)
    bundled = ROOT / "models"
    network = cv2.dnn.readNet(str(bundled / f"{name}.onnx"))
    image = picture(1, 3, int(size), int(size))
    outputs = network.getUnconnectedOutLayersNames()

    def run():
        network.setInput(image)
        network.forward(outputs)

    return run


def faiss_index(directory):
    import faiss

    faiss.omp_set_num_threads(THREADS)
    vectors, queries = np.load(directory / "vectors.npy"), np.load(directory / "queries.npy")
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index, queries


def faiss_search(directory):
    """One query after the other, as people come to a door."""
    index, queries = faiss_index(directory)

    def run():
        for query in queries:
            index.search(query[None], 5)

    return run


def faiss_hits(directory):
    """Prints the size of the index and the rows that each query finds; compare.py reads them."""
    index, queries = faiss_index(directory)
    print(index.ntotal * index.d * 4)
    for rows in index.search(queries, 5)[1]:
        print(*rows)
    sys.exit()


def main():
    peer, work, directory, *arguments = sys.argv[1:]
    run = globals()[f"{peer}_{work}"](Path(directory), *arguments)
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
