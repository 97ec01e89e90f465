"""Writes the colour tables beside this file: 256 RGB triples each. Needs: pip install matplotlib==3.11.2"""

from pathlib import Path

import matplotlib
import numpy as np

for name, source in [("turbo", "turbo"), ("jet", "jet"), ("viridis", "viridis"), ("diverging", "RdBu_r")]:
    table = matplotlib.colormaps[source](np.arange(256), bytes=True)[:, :3]
    Path(__file__).with_name(f"{name}.rgb").write_bytes(np.ascontiguousarray(table).tobytes())
