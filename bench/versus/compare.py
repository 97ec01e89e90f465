"""Compares Eyebar with its peers: the same weights, the same input, two threads each, alternating runs, medians.

usage: compare.py DIR [--eyebar FOLDER] [--runs 11] [--only TEXT] [--opencv PYTHON]
DIR holds what models.py wrote; FOLDER the release builds of eyebar and eyebar-versus; PYTHON has OpenCV 4.12.
Behind a median stands half of what lies between the quartiles. Rows in MB compare the most memory that a process held.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
THREADS = "2"
WARM_UP = 0.15

# name, what Eyebar is asked, peers (with what they are asked), the ratio to reach
ROWS = [
    ("VGG16 convolutions", ["forward", "{d}/vgg16-features.onnx", "224"],
     [("onnxruntime", ["forward", "vgg16-features", "224"], 0.50)]),
    ("VGG16 with its head", ["forward", "{d}/vgg16.onnx", "224"],
     [("onnxruntime", ["forward", "vgg16", "224"], 0.60)]),
    ("activation maximisation, one step", ["ascent", "{d}/vgg16-128.onnx", "/28/Conv_output_0", "128"],
     [("pytorch", ["ascent", "vgg16", "28", "128"], 0.40)]),
    ("Grad-CAM", ["grad-cam", "{d}/vgg16.onnx", "/features/features.28/Conv_output_0"],
     [("grad_cam", ["cam", "vgg16", "28"], 0.12), ("captum", ["cam", "vgg16", "28"], 0.40)]),
    ("occlusion 25/14", ["occlusion", "{d}/vgg16.onnx"], [("captum", ["occlusion", "vgg16", "8"], 1 / 30)]),
    ("integrated gradients, 20 steps", ["integrated", "{d}/vgg16.onnx", "20"],
     [("captum", ["integrated", "vgg16", "20"], 0.30)]),
    ("SFace 112", ["forward", "{m}/sface.onnx", "112"], [("opencv", ["forward", "sface", "112"], 0.50)]),
    ("YuNet 640", ["forward", "{m}/yunet.onnx", "640"], [("opencv", ["forward", "yunet", "640"], 0.60)]),
    ("SFace 112, f32", ["forward", "{d}/sface-f32.onnx", "112"],
     [("onnxruntime", ["forward", "sface-f32", "112"], 0.90)]),
    ("YuNet 640, f32", ["forward", "{d}/yunet-f32.onnx", "640"],
     [("onnxruntime", ["forward", "yunet-f32", "640"], 0.90)]),
    ("ResNet-50", ["forward", "{d}/resnet50.onnx", "224"], [("onnxruntime", ["forward", "resnet50", "224"], 0.85)]),
    ("MobileNet v2", ["forward", "{d}/mobilenet_v2.onnx", "224"],
     [("onnxruntime", ["forward", "mobilenet_v2", "224"], 1.00)]),
    ("100 searches in 1 million", ["search", "{d}"], [("faiss", ["search"], 0.50)]),
]

# Whole processes: name, unit, what Eyebar is asked, what PyTorch is asked, the ratio to reach.
PROCESSES = [
    ("VGG16 forward, peak memory", "MB", ["{e}/eyebar-versus", "forward", "{d}/vgg16.onnx", "224"],
     ["forward", "vgg16", "224"], 0.50),
    ("start to the first Grad-CAM", "ms", ["{e}/eyebar", "cam", "{p}", "--raw", "{t}/map.npy"],
     ["start", "efficientnet_b0"], 0.10),
]

ENVIRONMENT = {**os.environ, "RAYON_NUM_THREADS": THREADS, "OMP_NUM_THREADS": THREADS}


class Worker:
    """A process that does its work once for every line."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL, env=ENVIRONMENT)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended")
        return line

    def once(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.answer())

    def run(self):
        """The seconds of a run, after some that are not counted: the peer's threads may still spin and take a core away,
        and its data has pushed ours out of the caches."""
        spent = 0
        while spent < WARM_UP:
            spent += self.once()
        return self.once()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def whole_process(command, unit):
    """Milliseconds of a process, or the most memory that it held (10⁶ bytes), when it does its work once."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               env=ENVIRONMENT)
    process.stdin.write(b"\n")
    process.stdin.close()
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{command} failed: {said.decode().strip()[-300:]}")
    return usage.ru_maxrss * 1024 / 1e6 if unit == "MB" else (time.perf_counter() - start) * 1e3


def show(name, peer, pairs, wanted):
    def cell(values):
        low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        return f"{statistics.median(values):10.1f}{f'±{(high - low) / 2:.1f}':>8}"

    ours, theirs = zip(*pairs)
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"{name:36}{peer:13}{cell(ours)}{cell(theirs)}{ratio:8.3f}{wanted:8.3f}", flush=True)


def show_hits(places):
    """Whether searches find the same rows, and what the indices take."""
    ours = subprocess.run([places["e"] + "/eyebar-versus", "hits", places["d"]], capture_output=True, text=True, check=True)
    theirs = subprocess.run([sys.executable, str(HERE / "peers.py"), "faiss", "hits", places["d"]], capture_output=True,
                            text=True, check=True)
    (size, *found), (their_size, *expected) = ours.stdout.splitlines(), theirs.stdout.splitlines()
    same = sum(len(set(a.split()) & set(b.split())) for a, b in zip(found, expected, strict=True))
    recall = same / sum(len(row.split()) for row in expected)
    ratio = int(size) / int(their_size)
    print(f"{'index of 1 million, MB':36}{'faiss':13}{int(size) / 1e6:10.1f}{'':8}{int(their_size) / 1e6:10.1f}{'':8}"
          f"{ratio:8.3f}{0.6:8.3f}   recall {recall:.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--eyebar", default=str(ROOT / "target/release"))
    parser.add_argument("--opencv", default=sys.executable)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    scratch = tempfile.TemporaryDirectory()
    places = {
        "d": str(options.directory),
        "e": options.eyebar,
        "m": str(ROOT / "models"),
        "p": str(ROOT / "fixtures/photos/chelsea.png"),
        "t": scratch.name,
    }
    print(f"{'work':36}{'peer':13}{'Eyebar ms':>10}{'':8}{'peer ms':>10}{'':8}{'ratio':>8}{'wanted':>8}")
    for name, asked, peers in ROWS:
        if options.only not in name:
            continue
        for peer, arguments, wanted in peers:
            python = options.opencv if peer == "opencv" else sys.executable
            command = [python, str(HERE / "peers.py"), peer, arguments[0], places["d"], *arguments[1:]]
            try:
                ours = Worker([options.eyebar + "/eyebar-versus", *(text.format(**places) for text in asked)])
                theirs = Worker(command)
            except RuntimeError as error:
                print(f"{name:36}{peer:13}{error}")
                continue
            # Work of many seconds has little spread.
            runs = options.runs if theirs.once() < 5 else min(options.runs, 3)
            times = [(ours.run() * 1e3, theirs.run() * 1e3) for _ in range(runs)]
            ours.close()
            theirs.close()
            show(name, peer, times, wanted)
    if options.only in "index of 1 million, MB":
        show_hits(places)
    for name, unit, asked, arguments, wanted in PROCESSES:
        if options.only not in name:
            continue
        ours = [text.format(**places) for text in asked]
        theirs = [sys.executable, str(HERE / "peers.py"), "pytorch", arguments[0], places["d"], *arguments[1:]]
        pairs = [(whole_process(ours, unit), whole_process(theirs, unit)) for _ in range(min(options.runs, 5) + 1)][1:]
        show(f"{name}, {unit}", "pytorch", pairs, wanted)


if __name__ == "__main__":
    main()
