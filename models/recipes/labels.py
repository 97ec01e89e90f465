"""Writes the 1000 ImageNet class names, in class order, from torchvision 0.29.2 (BSD-3-Clause).

    python labels.py ../labels/imagenet.txt
"""

import sys
from pathlib import Path

from torchvision.models._meta import _IMAGENET_CATEGORIES as NAMES

assert len(NAMES) == 1000 and NAMES[283] == "Persian cat" and not any("\n" in name for name in NAMES)
Path(sys.argv[1]).write_text("\n".join(NAMES) + "\n", encoding="utf-8")
