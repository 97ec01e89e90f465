"""LFW, View 2, as OpenCV recognises it beside `eyebar bench lfw`: the same two model files, the face nearest the middle.

usage: lfw.py LFW PAIRS [--eyebar FILE] [--threads 2]
"""

import argparse
import json
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
# As Eyebar's detector has it.
SCORE, OVERLAP, CANDIDATES = 0.6, 0.3, 5000


def read_pairs(path):
    lines = path.read_text().splitlines()
    folds, each = map(int, lines[0].split())
    photo = "{0}/{0}_{1:04d}.jpg".format
    pairs = []
    for line in lines[1:]:
        words = line.split("\t")
        if len(words) == 3:
            pairs.append((photo(words[0], int(words[1])), photo(words[0], int(words[2])), True))
        else:
            pairs.append((photo(words[0], int(words[1])), photo(words[2], int(words[3])), False))
    assert len(pairs) == folds * 2 * each
    return np.array_split(np.arange(len(pairs)), folds), pairs


def embeddings(folder, names):
    detector = cv2.FaceDetectorYN.create(str(ROOT / "models/yunet.onnx"), "", (250, 250), SCORE, OVERLAP, CANDIDATES)
    recogniser = cv2.FaceRecognizerSF.create(str(ROOT / "models/sface.onnx"), "")
    found = {}
    for name in names:
        image = cv2.imread(str(folder / name))
        height, width = image.shape[:2]
        detector.setInputSize((width, height))
        _, faces = detector.detect(image)
        if faces is None:
            continue
        centres = faces[:, :2] + faces[:, 2:4] / 2 - (width / 2, height / 2)
        face = faces[np.argmin(np.hypot(*centres.T))]
        vector = recogniser.feature(recogniser.alignCrop(image, face))[0]
        found[name] = vector / np.linalg.norm(vector)
    return found


def accuracy(folds, scores, mated):
    right = []
    for held in folds:
        others = np.setdiff1d(np.arange(len(scores)), held)
        values = np.unique(scores[others])
        thresholds = np.concatenate([[values[0]], (values[:-1] + values[1:]) / 2])
        best = max(thresholds, key=lambda t: np.mean((scores[others] >= t) == mated[others]))
        right.append(np.mean((scores[held] >= best) == mated[held]))
    return np.mean(right), np.std(right)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--eyebar", default=str(ROOT / "target/release/eyebar"))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    folds, pairs = read_pairs(options.pairs)
    names = sorted({name for left, right, _ in pairs for name in (left, right)})
    command = [options.eyebar, "bench", "lfw", str(options.folder), "--pairs", str(options.pairs), "--json",
               "--threads", str(options.threads)]
    ours = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    start = time.perf_counter()
    found = embeddings(options.folder, names)
    seconds = time.perf_counter() - start
    mated = np.array([same for _, _, same in pairs])
    scores = np.array([found[a] @ found[b] if a in found and b in found else -1.0 for a, b, _ in pairs])
    mean, deviation = accuracy(folds, scores, mated)
    print(f"{'':10}{'accuracy':>20}{'ms each':>10}{'no face':>9}")
    own = f"{ours['accuracy']:.4f} ± {ours['accuracy_std']:.4f}"
    print(f"{'Eyebar':10}{own:>20}{ours['ms_per_image']:10.1f}{ours['not_detected']:9}")
    theirs = f"{mean:.4f} ± {deviation:.4f}"
    print(f"{'OpenCV':10}{theirs:>20}{1e3 * seconds / len(names):10.1f}{len(names) - len(found):9}")


if __name__ == "__main__":
    main()
