"""Writes each model file's size and SHA-256 into manifest.toml, after the files were made again.

    python seal.py ../manifest.toml
"""

import hashlib
import re
import sys
import tomllib
from pathlib import Path

LIMIT = 35_000_000


def main():
    path = Path(sys.argv[1])
    text = path.read_text(encoding="utf-8")
    parts = re.split(r"(?m)^(?=\[\[model\]\])", text)
    total = 0
    for index, part in enumerate(parts[1:], 1):
        model = tomllib.loads(part)["model"][0]
        file = path.parent / model["file"]
        if not file.is_file():
            raise SystemExit(f"{file} is missing: models/README.md says how to make it")
        data = file.read_bytes()
        part = re.sub(r"(?m)^bytes = .*$", f"bytes = {len(data)}", part, count=1)
        part = re.sub(r"(?m)^sha256 = .*$", f'sha256 = "{hashlib.sha256(data).hexdigest()}"', part, count=1)
        parts[index] = part
        total += len(data)
        print(f"{model['file']}: {len(data)} bytes")
    if total > LIMIT:
        raise SystemExit(f"the bundle has {total} bytes, more than {LIMIT}")
    path.write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
