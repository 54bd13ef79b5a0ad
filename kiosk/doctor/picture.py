"""A picture of nobody, and what the embedder makes of it on every machine.

- `crop` is computed from its pixels' places with integers alone, so it is the same byte by byte
  everywhere. It is no face; what counts is that the same arithmetic comes out.
- `expected.toml` holds, for the digest of each embedder that could be had, the embedding that
  `python -m kiosk.doctor.picture WEIGHTS` computed on x86-64, ONNX Runtime 1.32.0.
- `TOLERANCE`: the most by which a number may differ. float32 sums in another order differ in the
  seventh digit; aarch64 under qemu differed from x86-64 by up to 1e-6, so there are ten of that.
"""

from __future__ import annotations

import sys
import tomllib
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recognizer.align import CROP_PX
from recognizer.faces import Vector
from recognizer.opening import Parts, RecognizerSettings, open_parts

TOLERANCE = 1e-5
_FILE = "expected.toml"


def crop() -> NDArray[np.uint8]:
    """(112, 112, 3) uint8 BGR: at row y, column x, channel c the value
    (x * x + 3 * y * y + x * y * (c + 1) + 37 * c) // 16 modulo 256."""
    y, x, c = np.indices((CROP_PX, CROP_PX, 3), dtype=np.int64)
    values = (x * x + 3 * y * y + x * y * (c + 1) + 37 * c) // 16 % 256
    return np.asarray(values, dtype=np.uint8)


def embedding(parts: Parts) -> Vector:
    """(d,) float32 of length 1: what this machine makes of the picture."""
    return np.asarray(parts.embedder.embed(crop()[None])[0], dtype=np.float32)


def expected(digest: str) -> Vector | None:
    """(d,) float32; None for an embedder that was not to be had when this was written."""
    text = resources.files("kiosk.doctor").joinpath(_FILE).read_text("utf-8")
    numbers = tomllib.loads(text).get(digest)
    return None if numbers is None else np.asarray(numbers, dtype=np.float32)


def main() -> None:
    """Print `expected.toml` for the weights in the folder that is named."""
    parts = open_parts(Path(sys.argv[1]), RecognizerSettings(pad=False))
    numbers = [f"{value:.8f}" for value in embedding(parts)]
    rows = [", ".join(numbers[n : n + 8]) for n in range(0, len(numbers), 8)]
    sys.stdout.write("# Written by `python -m kiosk.doctor.picture WEIGHTS`.\n")
    sys.stdout.write(f"{parts.model_digest} = [\n    " + ",\n    ".join(rows) + ",\n]\n")


if __name__ == "__main__":
    main()
